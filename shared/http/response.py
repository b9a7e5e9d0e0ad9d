"""The answer to a request: its head, and its body as it comes."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from shared.domain.checksums import Chunk
from shared.domain.errors import Transient

HELD_BYTES = 512 * 1024
"""A response's bytes that wait for their reader; the wire is not read beyond it."""


class Response:
    """status, headers (names in lower case, repeated ones joined by a comma), and the body: to be iterated once, or
    read whole. Raises Transient if the connection breaks off.
    """

    __slots__ = ("_chunks", "_error", "_go_on", "_held", "_waiter", "done", "headers", "status")

    def __init__(self, go_on: Callable[[], None]) -> None:
        """go_on: called when the reader has room again."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self._go_on = go_on
        self._chunks: deque[Chunk] = deque()
        self._held = 0
        self.done = False
        """All of it has come."""
        self._error: Transient | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def length(self) -> int | None:
        """Content-Length, None if the response does not say."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdigit() else None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        while not self._chunks:
            if self.done:
                raise StopAsyncIteration
            await self.news()
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._held < HELD_BYTES:
            self._go_on()
        return chunk

    async def read(self, most: int) -> bytes:
        """The whole body, or about as much of its beginning as `most` bytes: `drained` tells which."""
        if self.done and len(self._chunks) == 1 and self._held <= most:
            return bytes(self._chunks.popleft())
        chunks, length = [], 0
        while length < most and (chunk := await anext(self, None)) is not None:
            chunks.append(chunk[: most - length])
            length += len(chunk)
        return b"".join(chunks)

    def news(self) -> "asyncio.Future[None]":
        """To be awaited: until something has come. Raises what the exchange has failed with."""
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    def add(self, data: Chunk) -> bool:
        """Take bytes of the body in; True if that is enough for now."""
        self._chunks.append(data)
        self._held += len(data)
        self.wake()
        return self._held >= HELD_BYTES

    def finish(self, error: Transient | None = None) -> None:
        """No more will come."""
        if error is None:
            self.done = True
        elif not self.done:
            self._error = error
        self.wake()

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def drained(self) -> bool:
        """Whether all of it was read."""
        return self.done and not self._chunks
