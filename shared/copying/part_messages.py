"""Which messages bring the parts of an upload, and whether they may still come."""

from dataclasses import dataclass

from shared.domain.errors import Busy
from shared.domain.messages import TransferMessage
from shared.ports.clock import Clock
from shared.ports.upload_store import OpenUpload, UploadStore


def is_stale(message: TransferMessage, opened: OpenUpload) -> bool:
    """Whether a part's message is of an upload that was given up, in the place of which this one was begun."""
    return opened.published_for == message.batch and message.attempt < opened.attempt


def attempt_of(message: TransferMessage, opened: OpenUpload) -> int:
    """Which attempt the messages of the parts are: none that `is_stale` if they come before they are noted."""
    return max(message.attempt, opened.attempt) if opened.published_for == message.batch else message.attempt


def given_up(opened: OpenUpload) -> Busy:
    """What is raised where an upload is no longer the one that was read."""
    return Busy(f"{opened.key}: its upload was given up meanwhile, and may be begun anew")


@dataclass(frozen=True, slots=True)
class PartMessages:
    """lease_seconds: for so long whoever has begun an upload may take to publish its parts. life_seconds: for so long
    the messages of its parts may be on their way.
    """

    uploads: UploadStore
    clock: Clock
    lease_seconds: float
    life_seconds: float

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
            raise given_up(opened)
        alive = now.published_for and self.clock.now() - now.opened_at < self.life_seconds
        if alive and not now.carried_for(batch):
            raise Busy(f"{opened.key}: its parts are on their way for another batch, which ends no key of this one")
        return now
