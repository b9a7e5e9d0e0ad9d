"""What the parts of a large object show of the whole: checksums while each is read, one proof when all have arrived."""

from collections.abc import AsyncIterator

from shared.domain.checksums import (
    Chunk,
    ExpectedChecksums,
    VerifiedBy,
    check_etag,
    combined_crc32c,
    combined_crc64nvme,
    crc64nvme,
    decoded,
)
from shared.domain.digests import PartDigests
from shared.domain.errors import Corrupt
from shared.ports.upload_store import PartNote


class PartSums:
    """The checksums of a part's bytes, as far as they may be asked for. source_part_bytes: 0 for no MD5s."""

    def __init__(self, source_part_bytes: int) -> None:
        self.crc64nvme = 0
        self._parts = PartDigests(source_part_bytes) if source_part_bytes else None

    @property
    def digests(self) -> bytes:
        return self._parts.digests() if self._parts is not None else b""

    async def watch(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        async for chunk in chunks:
            self.crc64nvme = crc64nvme(chunk, self.crc64nvme)
            if self._parts is not None:
                self._parts.update(chunk)
            yield chunk


def proof_of_parts(promise: ExpectedChecksums, notes: list[PartNote]) -> VerifiedBy:
    """The strongest proof that the parts can give. Raises Corrupt if one fails."""
    if promise.crc32c is not None:
        _same("CRC32C", combined_crc32c([(note.crc32c, note.size) for note in notes]), promise.crc32c)
        return VerifiedBy.S3_CRC
    if promise.crc64nvme is not None:
        _same("CRC64NVME", combined_crc64nvme([(note.crc64nvme, note.size) for note in notes]), promise.crc64nvme)
        return VerifiedBy.S3_CRC
    if all(note.digests for note in notes):
        check_etag(promise.etag, b"".join(note.digests for note in notes))
        return VerifiedBy.MULTIPART_ETAG
    return VerifiedBy.CRC32C


def _same(what: str, actual: int, expected: str) -> None:
    if actual != decoded(expected):
        raise Corrupt(f"the parts make another {what} than the {expected} that S3 says")
