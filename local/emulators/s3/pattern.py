"""Content that is made while it is read: an object of 20 GiB or 5 TiB takes no disk and no memory."""

import random
from collections.abc import Iterator

BLOCK_BYTES = 256 * 1024
_FILL = random.Random(0).randbytes(BLOCK_BYTES)
_STAMP_BYTES = 16


class Pattern:
    """`size` bytes in blocks; each begins with the seed and its own number, so that no two blocks are alike and a
    block in the wrong place is seen. Reads as `local.emulators.blob.Blob` does.
    """

    __slots__ = ("_seed", "size")

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._seed = seed.to_bytes(8, "big")

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from start up to, not including, end."""
        return b"".join(self.chunks(start, end))

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of a range, at most a block at a time."""
        stop = self.size if end is None else min(end, self.size)
        while start < stop:
            number, offset = divmod(start, BLOCK_BYTES)
            most = min(BLOCK_BYTES - offset, stop - start)
            yield self._block(number, offset, most)
            start += most

    def _block(self, number: int, offset: int, length: int) -> bytes:
        stamp = self._seed + number.to_bytes(8, "big")
        if offset >= _STAMP_BYTES:
            return _FILL[offset : offset + length]
        if length < BLOCK_BYTES:
            return (stamp + _FILL[_STAMP_BYTES : offset + length])[offset : offset + length]
        return b"".join((stamp, memoryview(_FILL)[_STAMP_BYTES:]))
