"""Holding a range while it is being worked on."""

from dataclasses import dataclass

from shared.core.errors import Busy
from shared.ports import Claim, Clock, RangeId, State


@dataclass(slots=True)
class Lease:
    """A claim on a range that is renewed while its holder makes progress.

    A holder that dies stops renewing, and after `seconds` the redelivered message takes over.
    """

    state: State
    clock: Clock
    piece: RangeId
    owner: str
    seconds: float
    _renewed: float = 0.0

    async def take(self) -> bool:
        """True if the range is ours, False if it is done. Raises Busy while another holder lives."""
        self._renewed = self.clock.monotonic()
        claim = await self.state.claim(self.piece, self.owner, self.clock.now(), self.seconds)
        if claim is Claim.HELD:
            raise Busy(f"run {self.piece.run}: the range after {self.piece.cursor!r} is being worked on")
        return claim is Claim.GRANTED

    async def renew(self) -> None:
        """Renew if a third of the lease has passed. Raises Busy if somebody else took over."""
        if self.clock.monotonic() - self._renewed >= self.seconds / 3 and not await self.take():
            raise Busy(f"run {self.piece.run}: another invocation finished the range")
