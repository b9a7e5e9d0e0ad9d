"""What the parts of a large object show of the whole: checksums while each is read, one proof when all have arrived.

A CRC of the whole object is made of the parts' CRCs, wherever the object was cut. A checksum of parts (a composite one,
a multipart ETag) needs the digests of the source's own parts, so the copy's are made of whole ones. A SHA or an MD5 of
the whole object cannot be had from parts that are read side by side; S3 keeps one for single-part objects only, which
are large only where LARGE_BYTES is below 5 GiB.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from shared.domain.checksums import (
    Chunk,
    ExpectedChecksums,
    VerifiedBy,
    check_composite,
    check_etag,
    combined,
    decoded,
)
from shared.domain.digests import ALGORITHMS, PartDigests
from shared.domain.errors import Corrupt
from shared.domain.parts import PartPlan
from shared.ports.upload_store import OpenUpload, PartNote


@dataclass(frozen=True, slots=True)
class PartChecks:
    """What is computed of each part so that all can be proven. crc: besides CRC32C, "" for none. digest: of the
    source's parts, of `source_parts` sizes; None where these prove nothing.
    """

    crc: str
    digest: str
    source_parts: tuple[int, ...] | None

    @classmethod
    def of(cls, promise: ExpectedChecksums, sizes: Sequence[int] | None) -> "PartChecks":
        """sizes: of the source's parts, where they were asked for."""
        known = promise.crc_of_all
        crc = known[0] if known is not None and known[0] != "crc32c" else ""
        digest = promise.composite[0] if promise.composite is not None else "md5"
        usable = sizes is not None and len(sizes) == promise.parts and sum(sizes) == promise.size
        return cls(crc, digest, tuple(sizes) if usable and sizes is not None else None)

    def opened(self, key: str, upload: str, size: int, part_bytes: int, now: float) -> OpenUpload:
        """An upload that is cut so that this can be computed."""
        sizes = self.source_parts
        even = sizes is not None and set(sizes[:-1]) <= {sizes[0]} and 0 < sizes[-1] <= sizes[0]
        if sizes is None or even:
            unit = sizes[0] if sizes is not None else 0
            cut = PartPlan.cut(size, part_bytes, unit or None).part_bytes
            return OpenUpload(key, upload, cut, unit, now, crc=self.crc, digest=self.digest)
        return OpenUpload(key, upload, part_bytes, 0, now, crc=self.crc, digest=self.digest, source_parts=sizes)


class PartSums:
    """The checksums of one part's bytes, as far as its upload asks for them. span: first byte, byte after the last."""

    def __init__(self, opened: OpenUpload, span: tuple[int, int]) -> None:
        sizes = opened.source_parts_of(*span)
        self._crc = ALGORITHMS[opened.crc]() if opened.crc else None
        self._parts = PartDigests(sizes, opened.digest) if sizes else None

    @property
    def crc(self) -> int:
        return int.from_bytes(self._crc.digest(), "big") if self._crc is not None else 0

    @property
    def digests(self) -> bytes:
        return self._parts.digests() if self._parts is not None else b""

    async def watch(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        async for chunk in chunks:
            if self._crc is not None:
                self._crc.update(chunk)
            if self._parts is not None:
                self._parts.update(chunk)
            yield chunk


def are_its_parts(notes: Sequence[PartNote], opened: OpenUpload, plan: PartPlan) -> bool:
    """Whether the parts are what their upload has at their spans. An instance of a version before, which knows nothing
    of parts that differ in size, cuts the object elsewhere: its part has another size, or the right one by chance and
    none of the digests.
    """
    ends, unit = list(accumulate(opened.source_parts)), opened.source_part_bytes
    length = len(ALGORITHMS[opened.digest]().digest())
    for part, note in zip(plan, notes, strict=True):
        start, end = plan.span(part)
        even = -(-(end - start) // unit) if unit else 0
        digests = bisect_right(ends, end) - bisect_right(ends, start) if ends else even
        if (note.size, len(note.digests)) != (end - start, digests * length):
            return False
    return True


def proof_of_parts(promise: ExpectedChecksums, opened: OpenUpload, notes: list[PartNote]) -> VerifiedBy:
    """The strongest proof that the parts can give. Raises Corrupt if one fails."""
    known = promise.crc_of_all
    if known is not None and known[0] in ("crc32c", opened.crc):
        name, expected = known
        crcs = [(note.crc32c if name == "crc32c" else note.crc, note.size) for note in notes]
        if combined(name, crcs) != decoded(expected):
            raise Corrupt(f"the parts make another {name.upper()} than the {expected} that S3 says")
        return VerifiedBy.S3_CRC
    digests = b"".join(note.digests for note in notes)
    if not all(note.digests for note in notes):
        return VerifiedBy.CRC32C
    if promise.composite is not None and promise.composite[0] == opened.digest:
        check_composite(opened.digest, promise.composite[1], digests)
        return VerifiedBy.S3_COMPOSITE
    if promise.etag_of_parts and opened.digest == "md5":
        check_etag(promise.etag, digests)
        return VerifiedBy.MULTIPART_ETAG
    return VerifiedBy.CRC32C
