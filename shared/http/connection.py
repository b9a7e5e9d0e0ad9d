"""One HTTP/1.1 connection: a request goes out, its response comes in, then the next.

This is the hot path. llhttp parses heads and chunked bodies; a body of known length goes past the parser, from the
socket into the memory that its reader gets. Nothing is normalised, nothing is decompressed, no redirect is followed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import httptools

from shared.domain.checksums import Chunk
from shared.domain.errors import Transient
from shared.http.response import Response

RequestBody = bytes | list[Chunk] | tuple[Chunk, ...] | AsyncIterator[Chunk] | None
"""A request's body: whole, in chunks, or still to come; an iterator must bring as many bytes as the head's
Content-Length says.
"""

WHOLE = (bytes, list, tuple)
"""What a body is of which all bytes are there."""

_AT_ONCE_BYTES = 2 * 1024 * 1024
"""A body in memory up to this size goes to the socket in one call; a larger one chunk by chunk, so that an early
refusal is heard.
"""

HEAD_BYTES = 64 * 1024
PIECE_BYTES = 512 * 1024
"""What is read into at once: heads and what comes with them, then bodies."""

_GATHER_SECONDS = 5.0
"""For so long bytes are gathered in a piece that they do not fill: whoever gets them may be on the way to another
connection, which stands still meanwhile (`pool.STALL_SECONDS`).
"""

_MOST_NAMES = 1000
"""Names of headers that are remembered in lower case."""


class Connection(asyncio.BufferedProtocol):
    """place: what errors call the other end. head: HEAD_BYTES that heads are read into; as nothing waits between the
    reading and the parsing, all connections of a loop share it.
    """

    def __init__(self, place: str, head: memoryview) -> None:
        self.moved = 0.0
        self.stall_seconds = 0.0
        self.was_stale = False
        """The other end had closed it, or did so before it answered a byte."""
        self._heard = False
        self._given_up = False
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._response: Response | None = None
        self._told: dict[str, str] | None = None
        """The headers of the answer that is being read, None for one that nobody asked for."""
        self._parser: httptools.HttpResponseParser | None = None
        self._ready = False
        """The parser has seen a whole answer and nothing since, so it may read the next one."""
        self._status = 0
        self._bodyless = False
        self._left: int | None = None
        self._keep = False
        self._cut = False
        self._reading = True
        self._writable: asyncio.Future[None] | None = None
        self._head = head
        self._piece = self._head
        self._filled = self._passed_on = 0
        """Of the piece: bytes that have come, and those of them that the reader has got."""
        self._passed_at = 0.0

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def stuck_since(self) -> float | None:
        """When the other end last did something, None while it is not its turn."""
        return self.moved if self._response is not None and self._reading else None

    async def exchange(self, head: bytes, body: RequestBody, bodyless: bool, stall_seconds: float) -> Response:
        """Send a request and wait for the head of its response. bodyless: the answer has none, whatever it says.
        stall_seconds: without a byte before it is given up.
        """
        response = self._response = Response(self.go_on)
        self._told = response.headers
        if not self._ready:
            self._parser = httptools.HttpResponseParser(self)
        self._bodyless, self._left, self._keep, self._cut, self._heard = bodyless, None, False, False, False
        self.moved, self.stall_seconds = self._loop.time(), stall_seconds
        transport = self._transport
        if transport is None or transport.is_closing():
            self.was_stale = True
            raise Transient(f"{self._place}: the connection was closed")
        if body is None:
            transport.write(head)
        elif not isinstance(body, WHOLE):
            transport.write(head)
            async for chunk in body:
                if not await self._send(chunk, response):
                    break
        else:
            chunks: Sequence[Chunk] = (body,) if isinstance(body, bytes) else body
            if sum(map(len, chunks)) <= _AT_ONCE_BYTES:
                transport.writelines((head, *chunks))
            else:
                transport.write(head)
                for chunk in chunks:
                    if not await self._send(chunk, response):
                        break
        while not response.status:
            await response.news()
        return response

    async def _send(self, data: Chunk, response: Response) -> bool:
        """Hand a chunk to the socket and wait until it takes more; False if the answer came before it could go."""
        if response.status or self._transport is None or self._transport.is_closing():
            self._cut = True
            return False
        self._transport.write(data)
        self.moved = self._loop.time()
        while self._writable is not None and not response.status:
            await asyncio.shield(self._writable)
        return True

    def release(self) -> bool:
        """The exchange is over; True if the connection may carry another one."""
        response, self._response = self._response, None
        self._piece = self._head  # a body's last bytes would live as long as the connection lies idle
        whole = response is not None and response.drained and self._writable is None and not self._cut
        if not (whole and self._keep and self.open):
            self.close()
            return False
        self.go_on()
        return True

    def close(self, error: Transient | None = None) -> None:
        """Give the connection up at once."""
        self._given_up = True
        if self._response is not None:
            self._pass_on(self._response)
            self._response.finish(error or Transient(f"{self._place}: given up"))
        if self._transport is not None:
            self._transport.abort()

    def go_on(self) -> None:
        """The reader has room again."""
        if not self._reading and self._transport is not None:
            self._reading = True
            self.moved = self._loop.time()
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()
        response = self._response
        if response is None or response.done:
            return
        if exc is None and response.status and self._left is None and "transfer-encoding" not in response.headers:
            response.finish()  # a body without a length ends with its connection, unless that was torn
            return
        self.was_stale = not (self._heard or self._given_up)
        self._pass_on(response)
        detail = f": {exc}" if exc is not None else ""
        response.finish(Transient(f"{self._place}: the connection broke off{detail}"))

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def went_on(self) -> None:
        """Some of what is being sent has gone."""
        self.moved = self._loop.time()

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        self.went_on()
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: straight into a chunk, once only the body is missing."""
        if not self._left or self._response is None or self._response.done:
            self._piece, self._filled = self._head, 0
        elif self._piece is self._head or self._filled == len(self._piece):
            self._piece = memoryview(bytearray(min(self._left, PIECE_BYTES)))
            self._filled = self._passed_on = 0
            self._passed_at = self.moved
        return self._piece[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        response = self._response
        self.moved = self._loop.time()
        if response is None or response.done or self._parser is None:
            self.close()  # nobody asked
            return
        self._heard, self._ready = True, False
        if self._piece is not self._head:
            self._filled += nbytes
            self._left = (self._left or 0) - nbytes
            late = self.moved - self._passed_at > _GATHER_SECONDS
            if late or not self._left or self._filled == len(self._piece):
                self._pass_on(response)
            return
        try:
            self._parser.feed_data(self._piece[:nbytes])
        except httptools.HttpParserError as error:
            self.close(Transient(f"{self._place}: not an HTTP answer: {error}"))

    def _pass_on(self, response: Response) -> None:
        """Give the reader a piece that is full, or late, or all that has come of it: to wake it for every read would
        cost more than reading.
        """
        if self._piece is not self._head and self._passed_on < self._filled:
            data, self._passed_on = self._piece[self._passed_on : self._filled], self._filled
            self._passed_at = self.moved
            if response.add(data):
                self._pause()
        if self._left == 0:
            response.finish()

    def _pause(self) -> None:
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def on_message_begin(self) -> None:
        """Called by the parser, as are the methods that follow."""
        if self._response is None or self._response.done:
            self._cut, self._told = True, None  # an answer to nothing that was asked

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._told
        if headers is None:
            return
        key = _NAMES.get(name) or _lower(name)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        headers[key] = text if key not in headers else f"{headers[key]}, {text}"

    def on_headers_complete(self) -> None:
        response, parser = self._response, self._parser
        if response is None or parser is None or self._cut:
            return
        self._status = parser.get_status_code()
        if self._status < 200:
            response.headers.clear()
            return
        self._keep = parser.should_keep_alive()
        response.status = self._status
        if self._bodyless:
            response.finish()
            return
        self._left = response.length if "transfer-encoding" not in response.headers else None
        response.wake()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)  # the sender need not go on

    def on_body(self, data: bytes) -> None:
        response = self._response
        if response is None or response.done:
            self._cut = True  # a body where none may be, as after a HEAD: its rest would be taken for the next answer
            return
        if self._left is not None:
            self._left -= len(data)
        if response.add(data):
            self._pause()

    def on_message_complete(self) -> None:
        if self._response is not None and self._status >= 200:
            self._ready = not self._bodyless
            self._response.finish()


_NAMES: dict[bytes, str] = {}


def _lower(name: bytes) -> str:
    found = name.decode("latin-1").lower()
    if len(_NAMES) < _MOST_NAMES:
        _NAMES[name] = found
    return found
