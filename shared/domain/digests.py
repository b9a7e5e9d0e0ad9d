"""Checksums of bytes that come by and by: of a whole body, and of its parts."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType
from typing import Protocol

from awscrt import checksums


class Running(Protocol):
    """A checksum that bytes are fed to."""

    def update(self, chunk: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(slots=True)
class _Crc:
    step: Callable[[bytes | memoryview, int], int]
    width: int
    value: int = 0

    def update(self, chunk: bytes | memoryview, /) -> None:
        self.value = self.step(chunk, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(self.width, "big")


ALGORITHMS: Mapping[str, Callable[[], Running]] = MappingProxyType(
    {
        "crc32": lambda: _Crc(checksums.crc32, 4),
        "crc32c": lambda: _Crc(checksums.crc32c, 4),
        "crc64nvme": lambda: _Crc(checksums.crc64nvme, 8),
        "sha1": lambda: hashlib.sha1(usedforsecurity=False),
        "sha256": hashlib.sha256,
        "sha512": hashlib.sha512,
        "md5": lambda: hashlib.md5(usedforsecurity=False),
    }
)
"""By the names that S3's headers end with: x-amz-checksum-…. XXHASH64, XXHASH3 and XXHASH128, which S3 knows, too,
are not used: no page says in which order their bytes are sent, and a wrong guess would keep objects from being copied.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_S3ComputeObjectChecksumOperation.html
"""


class PartDigests:
    """The digests of a body's parts. sizes: of every part; or one number, of every part but the last.

    A part may be empty, and is counted all the same: some clients end an upload with one where its bytes fill the parts
    before. https://github.com/akka/alpakka/issues/2363 and https://github.com/open-io/swift3/pull/87
    """

    def __init__(self, sizes: int | Sequence[int], algorithm: str = "md5") -> None:
        self._sizes = sizes
        self._new = ALGORITHMS[algorithm]
        self._current = self._new()
        self._done: list[bytes] = []
        self._left = self._next_size()

    def _next_size(self) -> int:
        """Bytes beyond the last part are a part more, so that they cannot pass."""
        if isinstance(self._sizes, int):
            return self._sizes
        number = len(self._done)
        return self._sizes[number] if number < len(self._sizes) else 1

    def update(self, chunk: bytes | memoryview, /) -> None:
        view = memoryview(chunk)
        while view:
            if not self._left:
                self._done.append(self._current.digest())
                self._current, self._left = self._new(), self._next_size()
            piece, view = view[: self._left], view[self._left :]
            self._current.update(piece)
            self._left -= len(piece)

    def digests(self) -> bytes:
        """Those so far, one after the other, the part under way included."""
        return b"".join([*self._done, self._current.digest(), *self._empty()])

    @property
    def count(self) -> int:
        """How many parts there are so far."""
        return len(self._done) + 1 + len(self._empty())

    def _empty(self) -> list[bytes]:
        """Of the parts without bytes that follow a part which is whole."""
        if isinstance(self._sizes, int) or self._left:
            return []
        rest = takewhile(lambda size: not size, self._sizes[len(self._done) + 1 :])
        return [self._new().digest() for _ in rest]
