"""The state of large objects on their way."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from shared.domain.parts import PartPlan


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A large object on its way. upload: the multipart upload's id. part_bytes: of every part but the last, or what
    each has at least. source_part_bytes: of the source's own parts, 0 where they prove nothing or differ in size;
    source_parts: their sizes where they differ, and copied are whole ones. opened_at: epoch seconds of when its parts
    were last published, for the batch `published_for`. batches: those of which messages are out for all that was
    missing. attempt: which one the last messages were. move_token: how far its move has come. crc: which CRC, besides
    CRC32C, the notes of its parts hold ("" for none); digest: which digest of the source's parts.
    """

    key: str
    upload: str
    part_bytes: int
    source_part_bytes: int
    opened_at: float
    published_for: str = ""
    move_token: str = ""
    crc: str = "crc64nvme"
    digest: str = "md5"
    source_parts: tuple[int, ...] = ()
    attempt: int = 1
    batches: tuple[str, ...] = ()

    def carried_for(self, batch: str) -> bool:
        """Whether messages of this batch bring all the parts that are missing. An upload that was begun anew for
        another batch has none: that batch's messages end only their own.
        """
        return batch == self.published_for or batch in self.batches

    def plan(self, size: int) -> PartPlan:
        """How an object of so many bytes is cut."""
        return (
            PartPlan.along(self.source_parts, self.part_bytes) if self.source_parts else PartPlan(size, self.part_bytes)
        )

    def source_parts_of(self, start: int, end: int) -> int | Sequence[int]:
        """The sizes of the source's parts that make one of its copy's, as `PartDigests` takes them; 0 for nothing that
        could prove it.
        """
        if not self.source_parts:
            return self.source_part_bytes
        ends = list(accumulate(self.source_parts))
        first = bisect_right(ends, start)
        return self.source_parts[first : bisect_right(ends, end)]


@dataclass(frozen=True, slots=True)
class PartNote:
    """A part that has arrived: its ETag, bytes, CRC32C, the CRC that `OpenUpload.crc` names (0 if none), and the
    digests of the source's parts in it (or none). route: the way its bytes took.
    """

    etag: str
    size: int
    crc32c: int
    crc: int
    digests: bytes
    route: str


class UploadStore(Protocol):
    """The state of large objects on their way. Losing it begins them anew."""

    async def open(self, number: str, opened: OpenUpload) -> OpenUpload:
        """Store an upload; the one that is stored already, if there is one."""
        ...

    async def get(self, number: str) -> OpenUpload | None: ...

    async def published(self, number: str, upload: str, batch: str, now: float, attempt: int) -> None:
        """The parts' messages are out, for this batch, as this attempt. Nothing is noted of an upload that was begun
        anew since.
        """
        ...

    async def note(self, upload: str, part: int, note: PartNote) -> None:
        """A part has arrived. It belongs to the multipart upload, not to the object: a late note must not be taken
        for a part of an upload that was begun anew.
        """
        ...

    async def parts(self, upload: str, only: int | None = None) -> dict[int, PartNote]:
        """The parts of a multipart upload that have arrived, or the one that is asked for."""
        ...

    async def count(self, upload: str) -> int:
        """How many parts of a multipart upload have arrived."""
        ...

    async def moving(self, number: str, owner: str, token: str) -> None:
        """How far the object's move has come; "" to begin it again. Nothing is noted for anybody but the owner."""
        ...

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        """Take the right to work on the upload as a whole, unless another's lease still runs."""
        ...

    async def release(self, number: str, owner: str) -> None:
        """Give the right back, if it is still the owner's."""
        ...

    async def close(self, number: str, upload: str) -> bool:
        """Forget a multipart upload and its parts, but none that was begun anew under the same number. Whether it was
        there: of those who close it at the same time one is told so. Nobody finds the upload without its parts: he
        would wait for messages that have ended.
        """
        ...

    async def unpublished_since(self, moment: float) -> list[tuple[str, OpenUpload]]:
        """Some of the uploads, by number, whose parts were last published before a moment (epoch seconds), the oldest
        first.
        """
        ...

    async def expire(self, number: str, read: OpenUpload) -> bool:
        """Forget an upload and its parts, if it is still as it was read. False, and nothing is forgotten, if not."""
        ...
