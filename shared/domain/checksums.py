"""What an S3 object promises of its bytes, and how a copy is shown to have kept the promise. Strongest first:

    md5             the ETag is the MD5, or S3 has been given one, and Cloud Storage has computed the same one
    s3-sha          S3's full-object SHA-512, SHA-256 or SHA-1, computed again on the way
    s3-crc          S3's full-object CRC32C, CRC64NVME or CRC32, computed again on the way
    s3-composite    S3's checksum of the parts' checksums, computed again on the way
    multipart-etag  the MD5 of the parts' MD5s, computed again on the way
    crc32c          what was read is what is stored; S3 gives nothing to hold it to
    size            as many bytes as promised

An object has one checksum besides its ETag, if it has any. MD5 and CRC32C go up with the bytes and cost nothing, a CRC
costs nearly nothing, a SHA or a multipart ETag 0.6 to 1.4 s of CPU a GB. The parts of an object may differ in size: a
checksum of parts is of use only where their sizes are known.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
from binascii import b2a_base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from awscrt import checksums

from shared.domain.digests import ALGORITHMS, PartDigests
from shared.domain.errors import Corrupt
from shared.domain.objects import Attributes, SourceObject, etag_md5, hides_md5
from shared.domain.valueclass import valueclass

Chunk = bytes | memoryview

_FURTHER = ("sha512", "sha256", "sha1", "crc32")
"""Attributes that hold a checksum of the whole object, besides CRC32C and CRC64NVME: the best one first."""


class VerifiedBy(StrEnum):
    """How a copy was shown to be right."""

    MD5 = "md5"
    S3_SHA = "s3-sha"
    S3_CRC = "s3-crc"
    S3_COMPOSITE = "s3-composite"
    MULTIPART_ETAG = "multipart-etag"
    CRC32C = "crc32c"
    SIZE = "size"


@valueclass(frozen=True, slots=True)
class ExpectedChecksums:
    """What S3 says of one version. md5: hex. crc32c, crc64nvme, and further ones by algorithm: base64, of the whole
    object. composite: algorithm and value of a checksum of the parts' checksums. parts: how many there are, where a
    checksum of them can be computed again. etag_of_parts: whether the ETag is one.
    """

    etag: str
    size: int
    md5: str | None
    crc32c: str | None
    crc64nvme: str | None
    further: tuple[str, str] | None
    composite: tuple[str, str] | None
    parts: int | None
    etag_of_parts: bool

    @classmethod
    def of(cls, source: SourceObject, attributes: Attributes) -> "ExpectedChecksums":
        count = parts_in(source.etag)
        etag_of_parts = count is not None and not hides_md5(attributes.encryption)
        further = None
        for name in _FURTHER:
            found = getattr(attributes, name)
            if found is not None:
                further = (name, found)
                break
        composite = attributes.composite
        composed = parts_in(composite[1]) if composite is not None else None
        return cls(
            etag=source.etag,
            size=source.size,
            md5=etag_md5(source.etag, attributes.encryption) or attributes.md5,
            crc32c=attributes.crc32c,
            crc64nvme=attributes.crc64nvme,
            further=further,
            composite=composite if composed is not None else None,
            parts=composed or (count if etag_of_parts else None),
            etag_of_parts=etag_of_parts,
        )

    @property
    def says_nothing(self) -> bool:
        """Whether no checksum of S3 is known, and the ETag is no MD5."""
        return not (self.md5 or self.crc32c or self.crc64nvme or self.further or self.composite)

    @property
    def crc_of_all(self) -> tuple[str, str] | None:
        """Algorithm and value of a CRC of the whole object: the CRCs of its parts make it."""
        known = (("crc32c", self.crc32c), ("crc64nvme", self.crc64nvme), self.further or ("", None))
        return next(((name, value) for name, value in known if name in COMBINE and value is not None), None)

    @property
    def needs_part_sizes(self) -> bool:
        """Whether only a checksum of the parts can prove a copy."""
        whole = self.md5 or self.crc32c or self.crc64nvme or self.further
        return self.parts is not None and not whole


def parts_in(text: str) -> int | None:
    """How many parts a multipart ETag or a composite checksum is of; None for neither."""
    count = text.rpartition("-")[2] if "-" in text else ""
    return int(count) if count.isdecimal() and int(count) else None


def even_sizes(size: int, count: int, first: int, last: int) -> tuple[int, ...] | None:
    """The sizes of an object's parts if all but the last one are as large as the first; None where they cannot be."""
    return (first,) * (count - 1) + (last,) if first * (count - 1) + last == size and first > 0 else None


class Hasher(Protocol):
    """Sees every byte of a body once, in order."""

    def update(self, chunk: Chunk, /) -> None: ...

    def check(self) -> VerifiedBy:
        """The proof. Raises Corrupt if the bytes are not those promised."""
        ...


def hasher_for(promise: ExpectedChecksums, sizes: Sequence[int] | None = None) -> Hasher | None:
    """Who must see the bytes; None where what Cloud Storage computes anyway is proof enough. sizes: of the parts."""
    if promise.md5 is not None or promise.crc32c is not None:
        return None
    if promise.crc64nvme is not None:
        return Whole("crc64nvme", promise.crc64nvme)
    if promise.further is not None:
        return Whole(*promise.further)
    if sizes is None or len(sizes) != promise.parts or sum(sizes) != promise.size:
        return None
    if promise.composite is not None:
        return OfParts(promise.composite[1], sizes, promise.composite[0])
    return OfParts(promise.etag, sizes)


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


class Whole:
    """S3's checksum of the whole object. expected: base64."""

    def __init__(self, algorithm: str, expected: str) -> None:
        self._algorithm, self._expected = algorithm, expected
        self._running = ALGORITHMS[algorithm]()

    def update(self, chunk: Chunk, /) -> None:
        self._running.update(chunk)

    def check(self) -> VerifiedBy:
        actual = base64.b64encode(self._running.digest()).decode()
        if actual != self._expected:
            raise Corrupt(f"the {self._algorithm.upper()} is {actual}, S3 says {self._expected}")
        return VerifiedBy.S3_SHA if self._algorithm.startswith("sha") else VerifiedBy.S3_CRC


class OfParts:
    """A checksum of the parts' checksums, with their number. algorithm: None for a multipart ETag, which is in hex."""

    def __init__(self, expected: str, sizes: Sequence[int], algorithm: str | None = None) -> None:
        self._expected, self._algorithm = expected, algorithm
        self._parts = PartDigests(sizes, algorithm or "md5")

    def update(self, chunk: Chunk, /) -> None:
        self._parts.update(chunk)

    def check(self) -> VerifiedBy:
        if self._algorithm is None:
            check_etag(self._expected, self._parts.digests())
            return VerifiedBy.MULTIPART_ETAG
        check_composite(self._algorithm, self._expected, self._parts.digests())
        return VerifiedBy.S3_COMPOSITE


def check_composite(algorithm: str, expected: str, digests: bytes) -> None:
    """Raises Corrupt unless the checksum of these parts' checksums is the one that S3 says."""
    running = ALGORITHMS[algorithm]()
    running.update(digests)
    whole = running.digest()
    actual = f"{base64.b64encode(whole).decode()}-{len(digests) // len(whole)}"
    if actual != expected:
        raise Corrupt(f"the parts make {algorithm.upper()} {actual}, S3 says {expected}")


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
    return b2a_base64(value.to_bytes(width, "big"), newline=False).decode()


def decoded(text: str) -> int:
    """The CRC in such a text."""
    return int.from_bytes(base64.b64decode(text), "big")


COMBINE: Mapping[str, Callable[[int, int, int], int]] = MappingProxyType(
    {"crc32c": checksums.combine_crc32c, "crc64nvme": checksums.combine_crc64nvme, "crc32": checksums.combine_crc32}
)
"""From the CRC of what comes first, that of what comes next, and the bytes of that: the CRC of both."""


def combined(algorithm: str, parts: Sequence[tuple[int, int]]) -> int:
    """The CRC of a body from the (CRC, bytes) of its parts in order."""
    whole, combine = 0, COMBINE[algorithm]
    for value, size in parts:
        whole = combine(whole, value, size)
    return whole


def combined_crc32c(parts: Sequence[tuple[int, int]]) -> int:
    """See `combined`."""
    return combined("crc32c", parts)
