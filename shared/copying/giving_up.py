"""Who may give an upload up or take it up: one at a time, however many of its parts find it in vain.

If each of them began it anew, each attempt would have as many times the messages of the last as there are parts. So one
message may; the others come again, and find that a later attempt has messages of its own.
"""

from dataclasses import dataclass

from shared.domain.errors import Busy
from shared.domain.messages import TransferMessage
from shared.ports.clock import Clock
from shared.ports.staging import Staging
from shared.ports.upload_store import OpenUpload, UploadStore


def is_stale(message: TransferMessage, opened: OpenUpload) -> bool:
    """Whether a part's message is of an upload that was given up, in the place of which this one was begun."""
    return opened.published_for == message.batch and message.attempt < opened.attempt


def attempt_of(message: TransferMessage, opened: OpenUpload) -> int:
    """Which attempt the messages of the parts are: none that `is_stale` if they come before they are noted."""
    return max(message.attempt, opened.attempt) if opened.published_for == message.batch else message.attempt


@dataclass(frozen=True, slots=True)
class GivingUp:
    """lease_seconds: for so long whoever has begun an upload may take to publish its parts. life_seconds: for so long
    the messages of its parts may be on their way.
    """

    uploads: UploadStore
    staging: Staging
    clock: Clock
    lease_seconds: float
    life_seconds: float

    async def give_up(self, number: str, opened: OpenUpload) -> None:
        """Drop an upload that one of its parts found to be in vain: whoever returns from this begins it anew. Raises
        Busy for all others, and while the parts are still being published.
        """
        self.let_publish(opened)
        known = await self.uploads.get(number)
        if known is None or known.upload != opened.upload or not await self.drop(number, opened):
            raise Busy(f"{opened.key}: its upload was given up meanwhile, and may be begun anew")

    def let_publish(self, opened: OpenUpload) -> None:
        """Raises Busy while whoever began an upload may still publish its parts."""
        if not opened.published_for and self.clock.now() - opened.opened_at < self.lease_seconds:
            raise Busy(f"{opened.key}: its parts are being published")

    async def still_carried(self, batch: str, number: str, opened: OpenUpload) -> OpenUpload:
        """An upload some parts of which are missing, as it is now: other messages of this batch bring them, or else it
        may be taken up. Raises Busy if it was given up meanwhile, or while only another batch's messages may bring
        them; these count as gone once its life is over.
        """
        now = await self.uploads.get(number)
        if now is None or now.upload != opened.upload:
            raise Busy(f"{opened.key}: its upload was given up meanwhile, and may be begun anew")
        alive = now.published_for and self.clock.now() - now.opened_at < self.life_seconds
        if alive and not now.carried_for(batch):
            raise Busy(f"{opened.key}: its parts are on their way for another batch, which ends no key of this one")
        return now

    async def drop(self, number: str, opened: OpenUpload) -> bool:
        """Drop what is staged, then what is noted; whether the note was there, and nobody else has taken it away."""
        await self.staging.abort(number.encode(), opened.upload)
        await self.staging.delete(number.encode())
        return await self.uploads.close(number, opened.upload)
