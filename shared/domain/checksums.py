"""What an S3 object promises of its bytes, and how a copy is shown to have kept the promise. Strongest first:

    md5             the ETag is the MD5, and Cloud Storage has computed the same one
    s3-crc          S3's own full-object CRC32C or CRC64NVME, computed again on the way
    multipart-etag  the MD5 of the parts' MD5s, computed again on the way
    crc32c          what was read is what is stored; S3 gives nothing to hold it to
    size            as many bytes as promised

The first costs nothing, a CRC nearly nothing, a multipart ETag 1.4 s of CPU a GB.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from awscrt import checksums

from shared.domain.errors import Corrupt
from shared.domain.objects import Attributes, SourceObject, etag_md5, hides_md5

Chunk = bytes | memoryview


class VerifiedBy(StrEnum):
    """How a copy was shown to be right."""

    MD5 = "md5"
    S3_CRC = "s3-crc"
    MULTIPART_ETAG = "multipart-etag"
    CRC32C = "crc32c"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class ExpectedChecksums:
    """What S3 says of one version. crc32c, crc64nvme: base64, of the whole object. parts: of a multipart ETag."""

    etag: str
    size: int
    md5: str | None
    crc32c: str | None
    crc64nvme: str | None
    parts: int | None

    @classmethod
    def of(cls, source: SourceObject, attributes: Attributes) -> "ExpectedChecksums":
        count = source.etag.rpartition("-")[2] if "-" in source.etag else ""
        recomputable = count.isdigit() and not hides_md5(attributes.encryption)
        return cls(
            etag=source.etag,
            size=source.size,
            md5=etag_md5(source.etag, attributes.encryption),
            crc32c=attributes.crc32c,
            crc64nvme=attributes.crc64nvme,
            parts=int(count) if recomputable else None,
        )

    @property
    def needs_part_size(self) -> bool:
        """Whether nothing cheaper than the multipart ETag can prove a copy."""
        return self.parts is not None and not (self.md5 or self.crc32c or self.crc64nvme)

    def even_parts(self, part_bytes: int | None) -> bool:
        """Whether the ETag's parts can all have had this size but the last."""
        return part_bytes is not None and part_bytes > 0 and self.parts == max(1, -(-self.size // part_bytes))


class Hasher(Protocol):
    """Sees every byte of a body once, in order."""

    def update(self, chunk: Chunk, /) -> None: ...

    def check(self) -> VerifiedBy:
        """The proof. Raises Corrupt if the bytes are not those promised."""
        ...


def hasher_for(promise: ExpectedChecksums, part_bytes: int | None = None) -> Hasher | None:
    """Who must see the bytes; None where what Cloud Storage computes anyway is proof enough."""
    if promise.md5 is not None or promise.crc32c is not None:
        return None
    if promise.crc64nvme is not None:
        return Crc64(promise.crc64nvme)
    if promise.parts is not None and part_bytes is not None and promise.even_parts(part_bytes):
        return EtagOfParts(promise.etag, part_bytes)
    return None


def proven(promise: ExpectedChecksums, seen: Hasher | None, stored_md5: str | None) -> VerifiedBy:
    """The proof of a copy that was written: the write itself carried crc32c, and MD5 where that is known."""
    if promise.md5 is not None and stored_md5 == promise.md5:
        return VerifiedBy.MD5
    if promise.md5 is None and promise.crc32c is not None:
        return VerifiedBy.S3_CRC
    return seen.check() if seen is not None else VerifiedBy.CRC32C


async def watched(chunks: AsyncIterator[Chunk], seen: Hasher) -> AsyncIterator[Chunk]:
    """The chunks, passed on; after the last one the promise is checked, before the writer can finish."""
    async for chunk in chunks:
        seen.update(chunk)
        yield chunk
    seen.check()


@dataclass(slots=True)
class Crc64:
    """S3's CRC64NVME, which it makes of every object since 2024-12."""

    expected: str
    value: int = 0

    def update(self, chunk: Chunk, /) -> None:
        self.value = crc64nvme(chunk, self.value)

    def check(self) -> VerifiedBy:
        actual = encoded(self.value, 8)
        if actual != self.expected:
            raise Corrupt(f"the CRC64NVME is {actual}, S3 says {self.expected}")
        return VerifiedBy.S3_CRC


class EtagOfParts:
    """A multipart ETag, computed again. part_bytes: of every part but the last."""

    def __init__(self, etag: str, part_bytes: int) -> None:
        self._etag = etag
        self.parts = PartDigests(part_bytes)

    def update(self, chunk: Chunk, /) -> None:
        self.parts.update(chunk)

    def check(self) -> VerifiedBy:
        check_etag(self._etag, self.parts.digests())
        return VerifiedBy.MULTIPART_ETAG


class PartDigests:
    """The MD5s of a body's parts."""

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self._left = part_bytes
        self._current = hashlib.md5(usedforsecurity=False)
        self._done: list[bytes] = []
        self._any = False

    def update(self, chunk: Chunk, /) -> None:
        view = memoryview(chunk)
        while view:
            if not self._left:
                self._close()
            piece, view = view[: self._left], view[self._left :]
            self._current.update(piece)
            self._left -= len(piece)
            self._any = True

    def _close(self) -> None:
        self._done.append(self._current.digest())
        self._current, self._left = hashlib.md5(usedforsecurity=False), self._part_bytes

    def digests(self) -> bytes:
        """The MD5s so far, 16 bytes each, the part under way included."""
        return b"".join([*self._done, self._current.digest()]) if self._any else self._current.digest()


def check_etag(etag: str, digests: bytes) -> None:
    """Raises Corrupt unless the multipart ETag is the one of these part MD5s."""
    actual = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(digests) // 16}"
    if actual != etag:
        raise Corrupt(f"the parts make ETag {actual}, S3 says {etag}")


def crc32c(chunk: Chunk, before: int = 0) -> int:
    """The CRC32C of what came before and this chunk."""
    value: int = checksums.crc32c(chunk, before)
    return value


def crc64nvme(chunk: Chunk, before: int = 0) -> int:
    """The CRC64NVME of what came before and this chunk."""
    value: int = checksums.crc64nvme(chunk, before)
    return value


def encoded(value: int, width: int) -> str:
    """A CRC as base64 of its big-endian bytes, as both clouds write it."""
    return base64.b64encode(value.to_bytes(width, "big")).decode()


def decoded(text: str) -> int:
    """The CRC in such a text."""
    return int.from_bytes(base64.b64decode(text), "big")


def combined(parts: Sequence[tuple[int, int]], combine: Callable[[int, int, int], int]) -> int:
    """The CRC of a body from the (CRC, bytes) of its parts in order."""
    whole = 0
    for value, size in parts:
        whole = combine(whole, value, size)
    return whole


def combined_crc32c(parts: Sequence[tuple[int, int]]) -> int:
    """See `combined`."""
    return combined(parts, checksums.combine_crc32c)


def combined_crc64nvme(parts: Sequence[tuple[int, int]]) -> int:
    """See `combined`."""
    return combined(parts, checksums.combine_crc64nvme)
