"""A server whose every answer a test writes itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answerer = Callable[[Asked], Awaitable[bytes | None]]
"""What to write; None to break the connection off."""


def answer(status: int, body: bytes = b"", length: int | None = None, **headers: Any) -> bytes:
    """length: None for the body's own."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def answering(answerer: Answerer) -> AsyncIterator[tuple[str, list[Asked]]]:
    """Yields the server's URL and what it was asked so far. What an answer's length promises beyond its body breaks off."""
    asked: list[Asked] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked.append(Asked(method, target, headers, body))
                said = await answerer(asked[-1])
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
                head, _, sent = said.partition(b"\r\n\r\n")
                promised = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                if method != "HEAD" and promised and int(promised[0].split(b":")[1]) > len(sent):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
