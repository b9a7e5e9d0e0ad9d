"""One end of an HTTP/1.1 connection: its stream, and what h11 knows of it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import h11

STEP = 64 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)


class Gone(Exception):
    """One end of a connection is not there any more, so the other is reset."""


class Cut(Exception):
    """The connection ends here, in order."""


class NotRead(Exception):
    """A server does not read what it is sent."""


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST: https://man7.org/linux/man-pages/man7/socket.7.html (SO_LINGER)"""
    held = writer.get_extra_info("socket")
    if held is not None:
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


def cut(writers: Collection[asyncio.StreamWriter]) -> int:
    """Reset connections; how many there were."""
    found = list(writers)
    for writer in found:
        reset(writer)
    return len(found)


@dataclass(slots=True)
class End:
    """One end of an exchange: its connection, and what h11 knows of it. read: the body, if it was read ahead."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: h11.Connection
    read: bytes | None = None

    async def next(self) -> h11.Event | type[h11.PAUSED]:
        """Raises Gone."""
        while True:
            try:
                event = self.state.next_event()
                if event is not h11.NEED_DATA:
                    return event  # type: ignore[return-value]
                self.state.receive_data(await self.reader.read(STEP))
            except (h11.RemoteProtocolError, OSError) as error:
                raise Gone from error

    async def send(self, event: h11.Event) -> None:
        """Raises Gone."""
        try:
            data = self.state.send(event)
            if data:
                self.writer.write(data)
                await self.writer.drain()
        except (h11.LocalProtocolError, OSError) as error:
            raise Gone from error

    async def give(self, event: h11.Event) -> None:
        """Raises NotRead."""
        try:
            await self.send(event)
        except Gone as gone:
            raise NotRead from gone

    async def body(self) -> AsyncIterator[bytes]:
        """The chunks of the message's body, until its end. Raises Gone."""
        if self.read is not None:
            ahead, self.read = self.read, None
            if ahead:
                yield ahead
            return
        while True:
            event = await self.next()
            if not isinstance(event, h11.Data):
                if not isinstance(event, h11.EndOfMessage):
                    raise Gone
                return
            yield bytes(event.data)

    async def read_ahead(self) -> bytes:
        """The message's body, which `body` tells once more. Raises Gone."""
        self.read = b"".join([chunk async for chunk in self.body()])
        return self.read

    def reset(self) -> None:
        reset(self.writer)
