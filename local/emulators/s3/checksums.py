"""S3's additional checksums: given or made at PUT, sent at GET to whoever asks for them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from awscrt import checksums

HEADER = "x-amz-checksum-"
TYPE_HEADER = "x-amz-checksum-type"
DEFAULT = "CRC64NVME"
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


class Running(Protocol):
    """A checksum that bytes are fed to."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(slots=True)
class _Crc:
    step: Callable[[bytes, int], int]
    width: int
    value: int = 0

    def update(self, data: bytes, /) -> None:
        self.value = self.step(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self.width, "big")


ALGORITHMS: dict[str, Callable[[], Running]] = {
    "CRC32": lambda: _Crc(checksums.crc32, 4),
    "CRC32C": lambda: _Crc(checksums.crc32c, 4),
    "CRC64NVME": lambda: _Crc(checksums.crc64nvme, 8),
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
}
_COMBINE: dict[str, tuple[Callable[[int, int, int], int], int]] = {
    "CRC32": (checksums.combine_crc32, 4),
    "CRC32C": (checksums.combine_crc32c, 4),
    "CRC64NVME": (checksums.combine_crc64nvme, 8),
}


@dataclass(frozen=True, slots=True)
class Checksum:
    """value: base64. kind: of the whole object, or composed of the parts' checksums."""

    algorithm: str
    value: str
    kind: str = FULL

    @classmethod
    def of_digest(cls, algorithm: str, digest: bytes) -> Self:
        return cls(algorithm, base64.b64encode(digest).decode())

    @property
    def headers(self) -> dict[str, str]:
        return {HEADER + self.algorithm.lower(): self.value, TYPE_HEADER: self.kind}


NONE = Checksum(DEFAULT, "")
"""Stands for the checksum of an object that has none."""


def asked_for(headers: Mapping[str, str]) -> str:
    """The algorithm that a request names, S3's default if it names none."""
    return algorithm_of(headers) or DEFAULT


def algorithm_of(headers: Mapping[str, str]) -> str | None:
    """The algorithm that a request names in one of the four ways there are."""
    named = headers.get("x-amz-checksum-algorithm") or headers.get("x-amz-sdk-checksum-algorithm")
    trailer = headers.get("x-amz-trailer", "").removeprefix(HEADER)
    given = (name[len(HEADER) :] for name in map(str.lower, headers) if name.startswith(HEADER))
    candidates = (named or "", trailer, *given)
    return next((item.upper() for item in candidates if item.upper() in ALGORITHMS), None)


def promised(headers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that a request names, by algorithm."""
    given = {name.lower().removeprefix(HEADER).upper(): value for name, value in headers.items()}
    return {name: value for name, value in given.items() if name in ALGORITHMS}


def elements(checksum: Checksum | None) -> str:
    """A checksum as an answer's XML has it."""
    if checksum is None:
        return ""
    name = f"Checksum{checksum.algorithm}"
    return f"<{name}>{checksum.value}</{name}><ChecksumType>{checksum.kind}</ChecksumType>"


def of(algorithm: str, chunks: Iterable[bytes]) -> Checksum:
    """The checksum of a body."""
    running = ALGORITHMS[algorithm]()
    for chunk in chunks:
        running.update(chunk)
    return Checksum.of_digest(algorithm, running.digest())


def of_parts(parts: Sequence[tuple[Checksum, int]], kind: str) -> Checksum:
    """The checksum of an object made of parts (checksum, bytes), all of one algorithm."""
    algorithm = parts[0][0].algorithm
    digests = [base64.b64decode(part.value) for part, _ in parts]
    if kind == FULL and algorithm in _COMBINE:
        combine, width = _COMBINE[algorithm]
        whole = int.from_bytes(digests[0], "big")
        for digest, (_, size) in zip(digests[1:], parts[1:], strict=True):
            whole = combine(whole, int.from_bytes(digest, "big"), size)
        return Checksum(algorithm, base64.b64encode(whole.to_bytes(width, "big")).decode())
    running = ALGORITHMS[algorithm]()
    running.update(b"".join(digests))
    return Checksum(algorithm, f"{base64.b64encode(running.digest()).decode()}-{len(parts)}", COMPOSITE)
