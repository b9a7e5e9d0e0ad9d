"""Holding a range while it is being worked on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.domain.errors import Busy, MalformedMessage, StateConflict
from shared.domain.keys import Key
from shared.ports.clock import Clock
from shared.ports.range_store import Agrees, HeldRange, OpenRange, RangeId, RangeStore, Refusal, always
from shared.runs.heartbeat import Heartbeat


class NotOnRecord(MalformedMessage):
    """A message's range is nowhere. Ranges are written down before their messages are sent, so a person wrote it, or
    the record is lost.
    """


@dataclass(slots=True)
class Lease:
    """A claim on a range that is renewed while its holder makes progress.

    A holder that dies stops renewing, and after `seconds` the redelivered message takes over. grant: what is to be
    done, None until the lease is taken.
    """

    ranges: RangeStore
    clock: Clock
    heartbeat: Heartbeat
    opened: OpenRange
    owner: str
    seconds: float
    grant: HeldRange | None = None
    _renewed: float = 0.0

    @property
    def range_id(self) -> RangeId:
        return self.opened.range_id

    @property
    def until(self) -> Key | None:
        """The last key of the range as it is now, None for the prefix's end."""
        return self.grant.until if self.grant is not None else self.opened.until

    @property
    def taken_over(self) -> bool:
        """Whether another invocation had the range before, and may have recorded some of it."""
        return self.grant is not None and self.grant.taken_over

    async def take(self, agrees: Agrees = always) -> bool:
        """True if the range is ours, False if it is done. Raises Busy while another holder lives, NotOnRecord if the
        range is nowhere, and MalformedMessage if the message on record for it does not agree.
        """
        self._renewed = self.clock.monotonic()
        answer = await self.ranges.acquire(self.range_id, self.owner, self.clock.now(), self.seconds, agrees)
        if answer is Refusal.HELD:
            raise Busy(f"run {self.range_id.run}: the range after {self.range_id.cursor.decode()!r} is being worked on")
        if answer is Refusal.UNKNOWN:
            raise NotOnRecord([f'no such range of "{self.range_id.run}" is on record: leave "run" out to begin one'])
        if answer is Refusal.OTHER:
            raise MalformedMessage(
                [f'"{self.range_id.run}" was begun with other fields than these: leave "run" out to begin one of yours']
            )
        self.grant = answer if isinstance(answer, HeldRange) else None
        return self.grant is not None

    async def renew(self) -> bool:
        """Renew if a third of the lease has passed; whether it had. Raises Busy if somebody else took over."""
        if self.clock.monotonic() - self._renewed < self.seconds / 3:
            return False
        if self.grant is None:
            raise ValueError("a range that is not held cannot be renewed")
        self._renewed = self.clock.monotonic()
        with self.holding():
            self.grant = await self.ranges.renew(self.grant, self.clock.now(), self.seconds)
        await self.heartbeat.send(self.range_id.run)
        return True

    @contextmanager
    def holding(self) -> Iterator[None]:
        """For what only the holder may write. Raises Busy if somebody else took over: that is no error, since they go
        on, and who is told so finds nothing left to do when the message comes again.
        """
        try:
            yield
        except StateConflict as moved:
            raise Busy(f"run {self.range_id.run}: another invocation took over the range") from moved
