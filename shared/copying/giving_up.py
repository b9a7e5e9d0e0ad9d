"""Who gives an upload up: one at a time, however many of its parts find it in vain.

If each of them began it anew, each attempt would have as many times the messages of the last as there are parts. So one
message may; the others come again, and find that a later attempt has messages of its own.
"""

from dataclasses import dataclass

from shared.copying.part_messages import PartMessages, given_up
from shared.ports.staging import Staging
from shared.ports.upload_store import OpenUpload, UploadStore


@dataclass(frozen=True, slots=True)
class GivingUp:
    """Drops an upload: what is staged of it, and what is noted. part_messages: whether its parts may still come out."""

    uploads: UploadStore
    staging: Staging
    part_messages: PartMessages

    async def give_up(self, number: str, opened: OpenUpload) -> None:
        """Drop an upload that one of its parts found to be in vain: whoever returns from this begins it anew. Raises
        Busy for all others, and while the parts are still being published.
        """
        self.part_messages.let_publish(opened)
        known = await self.uploads.get(number)
        if known is None or known.upload != opened.upload or not await self._drop(number, opened):
            raise given_up(opened)

    async def abandon(self, number: str) -> None:
        """Drop an upload, if there is one: its object is there, or it cannot become what it should."""
        if opened := await self.uploads.get(number):
            await self._drop(number, opened)

    async def _drop(self, number: str, opened: OpenUpload) -> bool:
        """Drop what is staged, then what is noted; whether the note was there, and nobody else has taken it away."""
        await self.staging.abort(number.encode(), opened.upload)
        await self.staging.delete(number.encode())
        return await self.uploads.close(number, opened.upload)
