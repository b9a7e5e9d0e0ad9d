"""A TCP connection passed on, byte by byte: slow, late, cut off, or open with nobody at its other end.

What is disturbed is a door's whole wire, now: it is for what no single request says, and for gRPC, whose frames are
nobody's business here.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from local.emulators.loopback import HOST
from local.faults.end import STEP, reset


@dataclass(slots=True)
class Wire:
    """path: of the Unix socket that it leads to. rate: bytes a second, None for as many as there are. late: seconds
    that each piece is on its way. stopped: cleared while nothing passes, with all connections open.
    """

    path: str
    rate: int | None = None
    late: float = 0.0
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    passes: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, port: int) -> asyncio.Server:
        self.passes.set()
        return await asyncio.start_server(self._connected, HOST, port, limit=STEP)

    def cut(self) -> int:
        """Reset all connections; how many there were."""
        found = list(self.open)
        for writer in found:
            reset(writer)
        return len(found)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await asyncio.open_unix_connection(self.path)
        except OSError:
            reset(writer)
            return
        self.open.add(writer)
        try:
            await asyncio.gather(self._pump(reader, behind[1]), self._pump(behind[0], writer))
        finally:
            self.open.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(STEP):
                await self.passes.wait()
                if self.late or self.rate:
                    await asyncio.sleep(self.late + (len(data) / self.rate if self.rate else 0))
                writer.write(data)
                await writer.drain()
        writer.close()
