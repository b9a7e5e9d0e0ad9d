"""A server that shakes hands anew in the middle of an upload, as TLS 1.2 allows it to."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.emulators.certificate import self_signed
from local.emulators.loopback import free_port
from shared.clock import SystemClock
from shared.http.client import Http, Request

LAG_SECONDS = 0.1
SIZE = 60_000


@asynccontextmanager
async def lagging(port: int) -> AsyncIterator[int]:
    """Another port, between which and the given one bytes take a while."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(LAG_SECONDS)
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, there[1]), forward(there[0], writer), return_exceptions=True)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def listening(port: int) -> None:
    while True:
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return
        except ConnectionError:
            await asyncio.sleep(0.05)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
async def test_an_upload_waits_for_a_new_handshake_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port = free_port()
    said = f"s_server -accept {port} -cert {certificate} -key {key} -tls1_2 -legacy_renegotiation -crlf".split()
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec("openssl", *said, stdin=pipe, stdout=pipe)
    typed, shown = server.stdin, server.stdout
    assert typed is not None
    assert shown is not None

    async def body() -> AsyncIterator[bytes]:
        for number in range(60):
            if number == 5:
                typed.write(b"r\n")
            await asyncio.sleep(0.02)
            yield bytes(SIZE // 60)

    async def answer() -> bytes:
        seen = b""
        while seen.count(b"\0") < SIZE and (more := await shown.read(65536)):
            seen += more
        typed.write(b"HTTP/1.1 200 OK\nContent-Length: 4\n\nok\n")
        return seen

    http = Http(1, SystemClock())
    try:
        async with asyncio.timeout(20), lagging(port) as far:
            await listening(port)
            request = Request("PUT", f"https://localhost:{far}/", {"Content-Length": str(SIZE)}, body())
            async with asyncio.TaskGroup() as both:
                sent, seen = both.create_task(http.send(request)), both.create_task(answer())
    finally:
        await http.close()
        server.kill()
        await server.wait()
    assert (sent.result().status, seen.result().count(b"\0")) == (200, SIZE)
    assert b"SSL_do_handshake -> 1" in seen.result()
