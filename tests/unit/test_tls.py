"""TLS connections of one loop share the memory that ciphertext passes through: none finds anything of another's."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.emulators.certificate import self_signed
from shared.domain.errors import Transient
from shared.http.connection import HEAD_BYTES, Connection
from shared.http.response import Response
from shared.http.tls import Shared, Tls

BODY = bytes(range(256)) * 1024


class Wire(asyncio.Transport):
    """Keeps what is written, until somebody reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        """Nothing is read but what a test gives."""

    def resume_reading(self) -> None:
        """Likewise."""

    def abort(self) -> None:
        self.closing = True

    close = abort


@dataclass
class Talk:
    """A client's connection, and OpenSSL as its server."""

    shared: Shared
    client: ssl.SSLContext
    server: ssl.SSLContext
    wire: Wire = field(default_factory=Wire)

    def __post_init__(self) -> None:
        self.connection = Connection("there", memoryview(bytearray(HEAD_BYTES)))
        self.tls = Tls(self.connection, self.client, "127.0.0.1", self.shared)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = self.server.wrap_bio(self._in, self._out, server_side=True)
        self.tls.connection_made(self.wire)
        for _ in range(2):
            self.hear()
            with contextlib.suppress(ssl.SSLWantReadError):
                self.peer.do_handshake()
            self.give(self._out.read())
        assert self.tls.ready.done()

    def hear(self) -> None:
        self._in.write(b"".join(self.wire.written))
        self.wire.written.clear()

    def sealed(self, data: bytes) -> bytes:
        self.peer.write(data)
        return self._out.read()

    def give(self, data: bytes) -> None:
        """As a socket would; afterwards nothing is left in the memory that all share."""
        if data:
            self.tls.get_buffer(-1)[: len(data)] = data
            self.tls.buffer_updated(len(data))
            assert (self.shared.incoming.pending, self.shared.outgoing.pending) == (0, 0)

    async def asked(self) -> "asyncio.Task[Response]":
        task = asyncio.create_task(self.connection.exchange(b"GET / HTTP/1.1\r\n\r\n", None, False, 60))
        await asyncio.sleep(0)
        assert self.shared.outgoing.pending == 0
        self.hear()
        assert self.peer.read(100) == b"GET / HTTP/1.1\r\n\r\n"
        return task


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def contexts(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate, key = self_signed(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    server.maximum_version = request.param
    return ssl.create_default_context(cafile=str(certificate)), server


@pytest.mark.parametrize("step", [1, 7, 1000, 16_384, 100_000])
async def test_bodies_that_come_by_turns_wherever_they_are_cut(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], step: int
) -> None:
    shared, body = Shared(), BODY if step > 7 else BODY[:2000]
    both = [Talk(shared, *contexts), Talk(shared, *contexts)]
    tasks = [await talk.asked() for talk in both]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    texts = [both[0].sealed(head + body), both[1].sealed(head + body[::-1])]
    for at in range(0, max(map(len, texts)), step):
        for talk, text in zip(both, texts, strict=True):
            talk.give(text[at : at + step])
    bodies = [b"".join([chunk async for chunk in await task]) for task in tasks]
    assert bodies == [body, body[::-1]]


@pytest.mark.parametrize("spoil", ["a bit", "a length", "no record", "a farewell"])
async def test_one_that_ends_leaves_nothing_to_its_neighbour(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], spoil: str
) -> None:
    shared = Shared()
    bad, good = Talk(shared, *contexts), Talk(shared, *contexts)
    failing, working = await bad.asked(), await good.asked()
    text = bytearray(bad.sealed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n") + bad.sealed(b"body"))
    if spoil == "a bit":
        text[20] ^= 1
    elif spoil == "a length":
        text[3:5] = b"\xff\xff"
    elif spoil == "no record":
        text = bytearray(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    else:
        with pytest.raises(ssl.SSLWantReadError):
            bad.peer.unwrap()
        text = bytearray(bad._out.read() + bytes(text))
    bad.give(bytes(text))
    assert bad.wire.closing
    bad.tls.connection_lost(None)
    with pytest.raises(Transient):
        await failing
    good.give(good.sealed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"))
    assert await (await working).read(100) == b"body"
