"""Where large objects are put together."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.checksums import Chunk
from shared.domain.objects import DestinationObject
from shared.ports.destination import Upload


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has arrived. etag: what completes the upload with it."""

    etag: str
    crc32c: int


class Staging(Protocol):
    """A bucket in which large objects are put together, out of sight."""

    async def begin(self, name: bytes) -> str:
        """Start a multipart upload; its id. Raises Retained if what lies there could not be cleaned up."""
        ...

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[Chunk]) -> StoredPart:
        """Send a part; sending it again replaces it. Raises Corrupt if other bytes arrived than were read,
        UploadLost if there is no such upload.
        """
        ...

    async def complete(self, name: bytes, upload: str, etags: Sequence[str]) -> None:
        """Make an object of the parts. Raises UploadLost if there is no such upload."""
        ...

    async def abort(self, name: bytes, upload: str) -> None:
        """Drop the parts; it is no error if there is no such upload."""
        ...

    async def stat(self, name: bytes) -> DestinationObject | None: ...

    async def move(self, staged: DestinationObject, upload: Upload, token: str = "") -> DestinationObject | str:
        """Make the staged object visible at the destination; a token to go on with if that is not done yet.

        Raises LostRace if the generation there is not the expected one.
        """
        ...

    async def delete(self, name: bytes) -> None:
        """Delete a staged object; it is no error if there is none."""
        ...
