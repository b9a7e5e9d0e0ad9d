"""A TCP connection passed on, byte by byte: slow, late, cut off, or open with nobody at its other end.

What is disturbed is a door's whole wire, now, or a piece of one connection, by the plan: what no single request says,
and what lies below it. gRPC's frames and TLS's records are nobody's business here, so they break anywhere.
"""

import asyncio
from dataclasses import dataclass, field

from local.emulators.loopback import BACKLOG, HOST
from local.faults.end import STEP, Cut, Gone, cut, reset
from local.faults.fault import OF_WIRES, Kind, Met, Plan

_TICK_SECONDS = 0.02


@dataclass(slots=True)
class Wire:
    """name: of the door; what happens to pieces is planned at `NAME wire`. target: the port that it leads to. rate:
    bytes a second, None for as many as there are. late: seconds that each piece is on its way. passes: cleared while
    nothing passes, with all connections open. down: whether nobody is there, so that whoever comes is reset.
    """

    name: str
    target: int
    plan: Plan
    rate: int | None = None
    late: float = 0.0
    down: bool = False
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    passes: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, port: int) -> asyncio.Server:
        self.passes.set()
        return await asyncio.start_server(self._connected, HOST, port, limit=STEP, backlog=BACKLOG)

    def cut(self) -> int:
        """Reset all connections; how many there were."""
        return cut(self.open)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.down:
                raise ConnectionResetError
            behind = await asyncio.open_connection(HOST, self.target, limit=STEP)
        except OSError:
            reset(writer)
            return
        self.open.add(writer)
        pumps = [
            asyncio.create_task(self._pump("request", reader, behind[1])),
            asyncio.create_task(self._pump("answer", behind[0], writer)),
        ]
        try:
            await asyncio.gather(*pumps)
        except (Gone, OSError):
            reset(writer)
            reset(behind[1])
        except Cut:
            writer.close()
            reset(behind[1])
        finally:
            for pump in pumps:
                pump.cancel()
            self.open.discard(writer)

    async def _pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises Gone, Cut, OSError."""
        number, door = 0, f"{self.name} wire"
        while data := await reader.read(STEP):
            await self.passes.wait()
            if self.late or self.rate:
                await asyncio.sleep(self.late + (len(data) / self.rate if self.rate else 0))
            if any(fault.door == door for fault in self.plan.faults):
                with self.plan.meeting(door, f"{way} {number}") as met:
                    data = await _disturbed(data, writer, met)
            writer.write(data)
            await writer.drain()
            number += 1
        writer.close()


async def _disturbed(data: bytes, writer: asyncio.StreamWriter, met: Met) -> bytes:
    """What is left to send of a piece after something has happened to it. Raises Gone, Cut, OSError."""
    if met.kind not in OF_WIRES or len(data) < met.fault.least:
        return data
    met.happens()
    half = len(data) // 2
    match met.kind:
        case Kind.LOST_REQUEST:
            raise Gone
        case Kind.DELAY:
            await asyncio.sleep(met.fault.seconds)
            return data
        case Kind.CORRUPT:
            return data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
    writer.write(data[:half])
    await writer.drain()
    await asyncio.sleep(_TICK_SECONDS)
    match met.kind:
        case Kind.CUT_ANSWER:
            raise Cut
        case Kind.STALL:
            await asyncio.sleep(met.fault.seconds)
            return data[half:]
        case Kind.SILENCE:
            await asyncio.sleep(met.fault.seconds)
    raise Gone
