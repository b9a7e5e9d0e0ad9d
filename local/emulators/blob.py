"""Object content: in memory while small, in an unlinked temporary file once large."""

import os
import tempfile
from collections.abc import Iterator
from typing import IO

SPOOL_BYTES = 1024 * 1024
STEP_BYTES = 256 * 1024


class Blob:
    """Bytes that are appended once and then read in ranges."""

    __slots__ = ("_file", "_memory", "size")

    def __init__(self, content: bytes = b"") -> None:
        self._memory: bytearray | None = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0
        if content:
            self.append(content)

    def append(self, chunk: bytes) -> None:
        """Raises OSError if the disk is full."""
        self.size += len(chunk)
        if self._memory is not None and self.size <= SPOOL_BYTES:
            self._memory += chunk
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=os.environ.get("LOCAL_DATA_DIR"))  # noqa: SIM115 - lives with the blob
            self._file.write(self._memory or b"")
            self._memory = None
        self._file.write(chunk)

    def append_blob(self, other: "Blob | Hollow") -> None:
        for chunk in other.chunks():
            self.append(chunk)

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from start up to, not including, end."""
        return b"".join(self.chunks(start, end))

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of a range, a step at a time."""
        stop = self.size if end is None else min(end, self.size)
        if self._memory is not None:
            if start < stop:
                yield bytes(memoryview(self._memory)[start:stop])
            return
        if self._file is None:
            return
        self._file.flush()
        while start < stop:
            step = os.pread(self._file.fileno(), min(STEP_BYTES, stop - start), start)
            yield step
            start += len(step)


class Hollow:
    """A size without bytes: what was appended was only counted, and cannot be read."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def append(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def append_blob(self, other: "Blob | Hollow") -> None:
        self.size += other.size

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        raise OSError(None, "the bytes of this object were not kept")

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        raise OSError(None, "the bytes of this object were not kept")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, end) that a Range header asks for, end not included; None if it asks for everything.

    Raises ValueError if no byte of it exists. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
    """
    unit, _, span = (header or "").partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not (first.isdigit() or (not first and last.isdigit())):
        return None
    if first:
        start, end = int(first), min(size, int(last) + 1) if last.isdigit() else size
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or start >= end:
        raise ValueError(header)
    return start, end
