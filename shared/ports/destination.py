"""The Cloud Storage bucket."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared.domain.checksums import Chunk
from shared.domain.copies import CopyPage
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.valueclass import valueclass


@valueclass(frozen=True, slots=True)
class Upload:
    """What is written under a name. md5 (hex) and crc32c (base64) are set where the source promises them: no other
    bytes become visible then. generation: the one being replaced, 0 for none. storage_class: None for the bucket's.
    """

    name: bytes
    size: int
    generation: int
    attributes: Attributes
    metadata: dict[str, str]
    md5: str | None = None
    crc32c: str | None = None
    storage_class: str | None = None


class Destination(Protocol):
    """The GCS bucket."""

    async def stat(self, name: bytes) -> DestinationObject | None:
        """The live object of this name, None if there is none."""
        ...

    async def inspect(self, name: bytes) -> tuple[DestinationObject, Attributes] | None:
        """The live object of this name with what travels with its bytes; its metadata is all that is stored."""
        ...

    async def stat_many(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        """Those of the names that are live objects. Names that lie close together cost one request."""
        ...

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        """Make the object visible whole and right, or not at all.

        Raises LostRace if the generation is not the expected one, Corrupt if the bytes are too few, too
        many or not those promised.
        """
        ...

    async def delete(self, name: bytes, generation: int) -> None:
        """Delete just this generation; it is no error if there is none. Raises LostRace if there is another one."""
        ...

    def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        """Pages of live objects with the prefix, in name order, strictly after `after`; none is empty.

        Raises Unsorted if the names do not come in the order of their bytes, Refused if pages lead on for
        BARREN_SECONDS and name nothing, Transient if they lead to themselves.
        """
        ...
