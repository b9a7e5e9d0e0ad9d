"""HTTP/1.1 passed on, message by message, with what goes wrong on the way. h11 reads and writes it.

Host stays what the client said, because signatures cover it; Location is told as this door's, as a reverse proxy does.
"""

import asyncio
import contextlib
import ssl

import h11

from local.emulators.loopback import BACKLOG, HOST
from local.faults.end import STEP, Cut, End, Gone, NotRead, cut
from local.faults.fault import OF_BODIES, Kind, Met, Plan

_TICK_SECONDS = 0.02


class HttpDoor:
    """name: of the door. port: where clients find it. target: the port that it leads to. tls: what it speaks TLS with,
    if it does. down: whether nobody is there, so that whoever comes is reset.
    """

    def __init__(self, name: str, port: int, target: int, plan: Plan, tls: ssl.SSLContext | None = None) -> None:
        self.name, self.down = name, False
        self._door = f"http{'s' if tls else ''}://{HOST}:{port}".encode()
        self._target = target
        self._plan, self._tls = plan, tls
        self.open: set[asyncio.StreamWriter] = set()
        self._repeats: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._connected, HOST, port, limit=STEP, ssl=self._tls, backlog=BACKLOG)

    def cut(self) -> int:
        """Reset all connections; how many there were."""
        return cut(self.open)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = End(reader, writer, h11.Connection(h11.SERVER))
        if self.down:
            client.reset()
            return
        self.open.add(writer)
        try:
            while isinstance(request := await client.next(), h11.Request):
                with self._plan.meeting(self.name, _what(request), await self._read(client)) as met:
                    await self._exchange(client, request, met)
                if client.state.our_state is not h11.DONE or client.state.their_state is not h11.DONE:
                    return
                client.state.start_next_cycle()
        except Gone:
            client.reset()
        except Cut:
            return
        finally:
            self.open.discard(writer)
            writer.close()

    async def _read(self, client: End) -> str:
        """The request's body, if it says what happens to it. Raises Gone."""
        if not self._plan.reads(self.name):
            return ""
        await self._greet(client)
        return (await client.read_ahead()).decode(errors="replace")

    async def _exchange(self, client: End, request: h11.Request, met: Met) -> None:
        """Pass a request on and its answer back. Raises Gone, Cut."""
        match met.kind:
            case Kind.LOST_REQUEST:
                met.happens()
                raise Gone
            case Kind.REFUSED:
                await self._greet(client)
                async for _ in client.body():
                    continue
                await _refuse(client, request, met)
                return
            case Kind.DELAY:
                met.happens()
                await asyncio.sleep(met.fault.seconds)
            case Kind.OVERTAKEN:
                await self._overtaken(met)
            case Kind.AGAIN:
                await self._twice(client, request, met)
                return
        server = await self._reach()
        try:
            await server.send(request)
            await self._greet(client)
            if met.kind is Kind.HALF_REQUEST and length(request) >= met.fault.least:
                await _pass_half(client, server, length(request) // 2)
                met.happens()
                server.reset()
                raise Gone
            with contextlib.suppress(NotRead):  # who is refused early may stop reading: the answer says why
                await _pass_body(client, server)
            await self._answer(client, server, request, met)
        finally:
            server.writer.close()

    async def _greet(self, client: End) -> None:
        if client.state.they_are_waiting_for_100_continue:
            await client.send(h11.InformationalResponse(status_code=100, headers=[]))

    async def _answer(self, client: End, server: End, request: h11.Request, met: Met) -> None:
        head = await server.next()
        while isinstance(head, h11.InformationalResponse):
            head = await server.next()
        if not isinstance(head, h11.Response):
            raise Gone
        match met.kind:
            case Kind.LOST_ANSWER:
                met.happens()
                raise Gone
            case Kind.SILENCE:
                met.happens()
                await asyncio.sleep(met.fault.seconds)
                raise Gone
            case Kind.LATE_ERROR:
                await _refuse(client, request, met)
                return
        await client.send(h11.Response(status_code=head.status_code, reason=head.reason, headers=self._ours(head)))
        if met.kind in OF_BODIES and length(head) >= met.fault.least:
            await _disturbed(client, server, length(head) // 2, met)
        else:
            async for chunk in server.body():
                await client.send(h11.Data(data=chunk))
        await client.send(h11.EndOfMessage())
        if met.kind is Kind.RESET_AFTER:
            await asyncio.sleep(_TICK_SECONDS)
            met.happens()
            raise Gone

    async def _overtaken(self, met: Met) -> None:
        """Wait until something has passed that has come later. It has happened only if something has."""
        until = asyncio.get_running_loop().time() + met.fault.seconds
        passed = self._plan.passed[self.name]
        while asyncio.get_running_loop().time() < until:
            if self._plan.passed[self.name] > passed:
                met.happens()
                return
            await asyncio.sleep(_TICK_SECONDS)

    def _ours(self, head: h11.Response) -> list[tuple[bytes, bytes]]:
        theirs = f"http://{HOST}:{self._target}".encode()
        return [
            (name, value.replace(theirs, self._door) if name.lower() == b"location" else value)
            for name, value in head.headers.raw_items()
        ]

    async def _reach(self) -> End:
        try:
            return End(*await asyncio.open_connection(HOST, self._target, limit=STEP), h11.Connection(h11.CLIENT))
        except OSError as error:
            raise Gone from error

    async def _twice(self, client: End, request: h11.Request, met: Met) -> None:
        await self._greet(client)
        body = b"".join([chunk async for chunk in client.body()])
        met.happens()
        if not met.fault.seconds:
            self._repeat(request, body, 0)
        server = await self._reach()
        try:
            await _send_whole(server, request, body)
            await self._answer(client, server, request, met)
        finally:
            server.writer.close()
            if met.fault.seconds:
                self._repeat(request, body, met.fault.seconds)

    def _repeat(self, request: h11.Request, body: bytes, seconds: float) -> None:
        async def later() -> None:
            with self._plan.meeting(self.name, "a repeated request"), contextlib.suppress(Gone):
                await asyncio.sleep(seconds)
                server = await self._reach()
                try:
                    await _send_whole(server, request, body)
                    await server.next()
                    async for _ in server.body():
                        continue
                finally:
                    server.writer.close()

        task = asyncio.create_task(later())
        self._repeats.add(task)
        task.add_done_callback(self._repeats.discard)


def length(message: h11.Request | h11.Response) -> int:
    """What Content-Length says; 0 if nothing."""
    return next((int(value) for name, value in message.headers if name == b"content-length"), 0)


def _what(request: h11.Request) -> str:
    return f"{request.method.decode()} {request.target.decode(errors='replace')}"


async def _pass_body(client: End, server: End) -> None:
    """Raises NotRead if the server does not take all of it, Gone if the client does not send it."""
    async for chunk in client.body():
        await server.give(h11.Data(data=chunk))
    await server.give(h11.EndOfMessage())


async def _pass_half(client: End, server: End, half: int) -> None:
    sent = 0
    async for chunk in client.body():
        piece = chunk[: half - sent]
        if piece:
            await server.send(h11.Data(data=piece))
            sent += len(piece)
        if sent >= half:
            return


async def _send_whole(server: End, request: h11.Request, body: bytes) -> None:
    await server.send(request)
    if body:
        await server.send(h11.Data(data=body))
    await server.send(h11.EndOfMessage())


async def _refuse(client: End, request: h11.Request, met: Met) -> None:
    fault = met.fault
    text = f"<Error><Code>{fault.code}</Code><Message>a fault that was planned</Message></Error>".encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))]
    if fault.retry_after is not None:
        headers.append(("Retry-After", fault.retry_after))
    met.happens()
    await client.send(h11.Response(status_code=fault.status, headers=headers))
    if request.method != b"HEAD":
        await client.send(h11.Data(data=text))
    await client.send(h11.EndOfMessage())


async def _disturbed(client: End, server: End, middle: int, met: Met) -> None:
    """Pass an answer's body on with what happens to it. Raises Gone, Cut."""
    sent = 0
    async for chunk in server.body():
        for content in _pieces(chunk, middle - sent):
            piece = content
            if sent == middle:
                piece = await _in_the_middle(piece, met)
            if met.kind is Kind.SLOW:
                await asyncio.sleep(len(piece) / met.fault.rate)
            await client.send(h11.Data(data=piece))
            sent += len(piece)


async def _in_the_middle(piece: bytes, met: Met) -> bytes:
    """What comes in the place of the piece that begins in the middle of a body. Raises Gone, Cut."""
    met.happens()
    match met.kind:
        case Kind.HALF_ANSWER:
            await asyncio.sleep(_TICK_SECONDS)
            raise Gone
        case Kind.CUT_ANSWER:
            raise Cut
        case Kind.CORRUPT:
            return bytes([piece[0] ^ 1]) + piece[1:]
        case Kind.STALL:
            await asyncio.sleep(met.fault.seconds)
    return piece


def _pieces(chunk: bytes, cut: int) -> list[bytes]:
    """A chunk in steps, of which one begins at `cut` if that lies within it."""
    begins = sorted({*range(0, len(chunk), STEP), *([cut] if 0 < cut < len(chunk) else [])})
    return [chunk[begin:end] for begin, end in zip(begins, [*begins[1:], len(chunk)], strict=True)]
