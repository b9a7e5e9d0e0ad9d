"""The HTTP client against servers that behave as badly as the internet does."""

import asyncio
import gc
import random
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.emulators.certificate import self_signed
from shared.aws.download import ObjectDownload
from shared.bootstrap import connecting
from shared.clock import SystemClock
from shared.domain.errors import Changed, Corrupt, Refused, SettingsError, Transient, Unreachable
from shared.domain.objects import SourceObject
from shared.http import USER_AGENT
from shared.http import client as client_module
from shared.http import connection as connection_module
from shared.http import pool as pool_module
from shared.http.client import REFUSAL_BYTES, Http, Request
from shared.http.connection import PIECE_BYTES
from shared.http.pool import Lane
from shared.http.response import HELD_BYTES, Response
from shared.settings import load

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


_sealed: ssl.SSLContext | None = None
"""What `serving` speaks TLS with."""


@pytest.fixture(autouse=True, params=["plain", "TLS"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Servers misbehave over TLS, too."""
    context = None
    if request.param == "TLS":
        certificate, key = self_signed(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(sys.modules[__name__], "_sealed", context)


@pytest.fixture
async def http(wire: None) -> AsyncIterator[Http]:
    client = Http(4, SystemClock())
    yield client
    await client.close()


@asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[int]]]:
    """A raw server: `serve` gets each connection with its number. Yields its URL and the connections so far."""
    numbers: list[int] = []
    tls = context or _sealed

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        numbers.append(len(numbers))
        try:
            await serve(reader, writer, numbers[-1])
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if tls else ''}://localhost:{port}", numbers
    finally:
        server.close()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def always(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await head(reader)
            writer.write(answer)

    return serve


ANSWERS = {
    "length": (OK, b"ok"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
    "continue first": (b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" + OK, b"ok"),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_bodies_in_every_framing_on_one_connection(http: Http, kind: str) -> None:
    answer, body = ANSWERS[kind]
    async with serving(always(answer)) as (url, connections):
        for _ in range(3):
            assert (await http.once("GET", url + "/a//b/../c?d=%2F", {})).body == body
        assert len(connections) == 1


def framed(chance: random.Random) -> tuple[str, bytes, bytes]:
    """The way a body is framed, all that is sent, and the body."""
    body = chance.randbytes(chance.choice((0, 1, 2, 100, 65_535, 65_536, 65_537, 524_289)))
    kind = chance.choice(("length", "chunked", "head", "none"))
    early = chance.choice((b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"))
    if kind == "none":
        return kind, early + b"HTTP/1.1 204 No Content\r\n\r\n", b""
    if kind != "chunked":
        told = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        return kind, early + told + (b"" if kind == "head" else body), b"" if kind == "head" else body
    sent, at = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0
    while at < len(body):
        piece = body[at : at + chance.randint(1, 100_000)]
        sent, at = sent + b"%x\r\n%s\r\n" % (len(piece), piece), at + len(piece)
    return kind, early + sent + b"0\r\n\r\n", body


@pytest.mark.parametrize("seed", range(5))
async def test_bodies_are_read_wherever_the_wire_cuts_them(http: Http, seed: int) -> None:
    """Answers of every framing, one after the other on few connections, cut at random."""
    chance = random.Random(seed)
    answers = [framed(chance) for _ in range(30)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            asked = await head(reader)
            sent, at = answers[int(asked.split(b" ")[1][1:])][1], 0
            while at < len(sent):
                size = max(chance.choice((1, 3, 17, 1000, 65_536)), len(sent) // 20)
                writer.write(sent[at : at + size])
                at += size
                await writer.drain()
                await asyncio.sleep(0)

    async def read(number: int, url: str) -> bytes:
        method = "HEAD" if answers[number][0] == "head" else "GET"
        return (await http.once(method, f"{url}/{number}", {})).body

    async with serving(serve) as (url, connections), asyncio.timeout(60):
        read_bodies = await asyncio.gather(*(read(number, url) for number in range(len(answers))))
        assert read_bodies == [body for _, _, body in answers]
        assert len(connections) <= 4


async def test_the_path_is_sent_as_it_is_and_headers_come_in_lower_case(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        said = await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: b\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

    async with serving(serve) as (url, _):
        answer = await http.once("GET", url + "/a//../%2F./", {"X-Mine": "v"})
    assert answer.body.startswith(b"GET /a//../%2F./ HTTP/1.1\r\nHost: localhost:")
    assert b"\r\nX-Mine: v\r\n" in answer.body
    assert answer.headers["x-two"] == "a, b"


async def test_a_head_request_has_no_body_whatever_the_answer_says(http: Http) -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as (url, connections):
        for _ in range(2):
            answer = await http.once("HEAD", url + "/", {})
            assert (answer.headers["content-length"], answer.body) == ("99", b"")
        assert len(connections) == 1


async def test_a_body_after_a_head_request_is_no_part_of_the_next_answer(http: Http) -> None:
    """What of it comes later would be read as the answer to the next request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            if not (await head(reader)).startswith(b"HEAD"):
                writer.write(OK)
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello")
            await head(reader)
            writer.write(OK.replace(b"ok", b"no"))

    async with serving(serve) as (url, connections):
        assert (await http.once("HEAD", url + "/1", {})).status == 200
        assert (await http.once("GET", url + "/2", {})).body == b"ok"
        assert len(connections) == 2


async def test_a_body_without_length_ends_with_its_connection(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 500 Oops\r\n\r\nlong")
        await writer.drain()

    async with serving(serve) as (url, connections):
        for _ in range(2):
            assert (await http.once("GET", url + "/", {})).body == b"long"
        assert len(connections) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshor",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        b"what is this",
    ],
)
async def test_what_breaks_off_is_transient(http: Http, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(answer)

    async with serving(serve) as (url, _):
        with pytest.raises(Transient):
            await http.once("GET", url + "/", {})


async def test_a_connection_that_was_closed_while_idle_is_replaced(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(OK)
        await writer.drain()
        if number == 0:
            await reader.readexactly(1)  # the next request: dropped without a word
            return
        await reader.read()

    async with serving(serve) as (url, connections):
        assert (await http.once("GET", url + "/1", {})).body == b"ok"
        post = Request("POST", url + "/2", body=b"body", idempotent=True)
        assert (await http.send(post)).body == b"ok"
        assert len(connections) == 2


async def test_what_may_not_happen_twice_is_not_sent_twice(http: Http) -> None:
    """The server may have done it before it closed the connection: whoever asks has to look."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(OK)
        await writer.drain()
        await reader.readexactly(1)

    async with serving(serve) as (url, connections):
        assert (await http.once("GET", url + "/1", {})).body == b"ok"
        with pytest.raises(Transient, match="broke off"):
            await http.once("POST", url + "/2", {}, b"body")
        assert len(connections) == 1


async def test_more_than_was_promised_spoils_the_connection_and_not_the_answer(http: Http) -> None:
    async with serving(always(OK + b"smuggled")) as (url, connections):
        for _ in range(3):
            assert (await http.once("GET", url + "/", {})).body == b"ok"
        assert len(connections) == 3


async def test_a_second_answer_to_one_request_spoils_the_connection_and_not_the_first(http: Http) -> None:
    other = b"HTTP/1.1 404 Not Found\r\nX-Other: 1\r\nContent-Length: 3\r\n\r\nnot"
    for rest in (other, other[:30], other[:-1]):
        async with serving(always(OK + rest)) as (url, connections):
            for number in range(1, 3):
                answer = await http.once("GET", url + "/", {})
                assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "2"}, b"ok")
                assert len(connections) == number


async def test_bytes_that_nobody_asked_for_are_never_an_answer(http: Http) -> None:
    """They come while the connection waits for its next request, which they would answer."""
    sent = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(OK)
        await writer.drain()
        if number == 0:
            await asyncio.sleep(0.05)
            writer.write(OK.replace(b"ok", b"no"))
            await writer.drain()
            sent.set()
        await reader.read()

    async with serving(serve) as (url, connections):
        assert (await http.once("GET", url + "/1", {})).body == b"ok"
        await sent.wait()
        await asyncio.sleep(0.05)
        assert (await http.once("GET", url + "/2", {})).body == b"ok"
        assert len(connections) == 2


async def test_a_header_in_an_old_encoding_is_read(http: Http) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Old: \xe9t\xe9\r\nX-New: \xc3\xa9\r\n\r\n"
    async with serving(always(said)) as (url, _):
        headers = (await http.once("GET", url + "/", {})).headers
        assert (headers["x-old"], headers["x-new"]) == ("été", "é")


@pytest.mark.parametrize("size", [1001, 9_000_000])
async def test_an_answer_beyond_all_measure_is_not_taken_for_whole(
    http: Http, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(client_module, "ANSWER_BYTES", 1000)
    for length, too_long in ((1000, False), (size, True)):
        said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length
        async with serving(always(said + bytes(length))) as (url, _):
            if too_long:
                with pytest.raises(Corrupt, match="more than 1000 bytes"):
                    await http.once("GET", url + "/", {})
            else:
                assert len((await http.once("GET", url + "/", {})).body) == 1000


async def test_an_answer_that_was_not_read_to_its_end_closes_the_connection(http: Http) -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")) as (url, connections):
        for _ in range(2):
            async with http.open(Request("GET", url + "/")) as response:
                assert await anext(response) == b"ab"
        assert len(connections) == 2


async def test_a_slow_reader_holds_the_wire_back(http: Http) -> None:
    sent = 0
    size = 64 * HELD_BYTES

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal sent
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with serving(serve) as (url, _), http.open(Request("GET", url + "/")) as response:
        await asyncio.sleep(0.3)
        held = response._held
        assert held < 2 * HELD_BYTES
        assert sent < size
        assert sum([len(chunk) async for chunk in response]) == size


@pytest.mark.parametrize("closes", [True, False])
async def test_what_came_of_a_body_before_it_broke_off_is_not_lost(
    wire: None, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    """It fills no piece of memory, and comes by and by."""
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.05)
    http, body = Http(4, SystemClock()), random.Random(7).randbytes(4 * PIECE_BYTES)
    arriving = body[: 2 * PIECE_BYTES - 1000]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(arriving), 40_000):
            writer.write(arriving[start : start + 40_000])
            await writer.drain()
            await asyncio.sleep(0.001)
        if not closes:
            await reader.read()

    read = bytearray()

    async def take(response: Response) -> None:
        async for chunk in response:
            read.extend(chunk)

    async with serving(serve) as (url, _), http.open(Request("GET", url + "/", stall_seconds=0.3)) as response:
        with pytest.raises(Transient, match="broke off" if closes else "no byte moved"):
            await take(response)
        assert bytes(read) == arriving
    await http.close()


async def test_a_large_body_goes_up_whole_and_an_early_refusal_is_heard(http: Http) -> None:
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while b"/refused" not in await head(reader):
            received.extend(await reader.readexactly(20_000_000))
            writer.write(OK)
        writer.write(b"HTTP/1.1 412 No\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(1)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(100_000)

    async with serving(serve) as (url, _):
        assert (await http.once("PUT", url + "/", {}, [bytes(1_000_000)] * 20)).status == 200
        assert (await http.once("PUT", url + "/", {"Content-Length": "20000000"}, pieces())).status == 200
        assert (await http.once("PUT", url + "/refused", {}, [bytes(1_000_000)] * 50)).status == 412
    assert len(received) == 40_000_000


async def test_a_connection_whose_request_was_cut_short_carries_no_other(http: Http) -> None:
    """The server goes on to wait for the rest of the body: the next request would be taken for it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if b"/refused" not in await head(reader):
            writer.write(OK)
            return
        writer.write(b"HTTP/1.1 412 No\r\nContent-Length: 2\r\n\r\nno")
        while await reader.read(65536):
            pass

    async with serving(serve) as (url, connections):
        assert (await http.once("PUT", url + "/refused", {}, [bytes(1_000_000)] * 50)).status == 412
        assert (await http.once("GET", url + "/", {})).body == b"ok"
        assert len(connections) == 2


@pytest.mark.parametrize("size", [HELD_BYTES - 1, HELD_BYTES, HELD_BYTES + 1, 3 * HELD_BYTES])
async def test_a_connection_goes_on_after_a_body_that_filled_its_memory(http: Http, size: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await head(reader)
            writer.write(answer)
            await asyncio.sleep(0.02)
            writer.write(bytes(size))

    async with serving(serve) as (url, connections), asyncio.timeout(5):
        for _ in range(5):
            async with http.open(Request("GET", url + "/")) as response:
                await asyncio.sleep(0.1)
                assert len(await response.read(size + 1)) == size
        assert len(connections) == 1


async def test_a_slow_upload_is_not_taken_for_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pool_module, "STALL_SECONDS", 0.2)
    http = Http(4, SystemClock())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        await reader.readexactly(1000)
        writer.write(OK)

    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0.05)
            yield bytes(100)

    async with serving(serve) as (url, _):
        assert (await http.once("PUT", url + "/", {"Content-Length": "1000"}, trickle())).body == b"ok"
    await http.close()


async def test_what_comes_slowly_goes_on_before_its_receiver_takes_that_for_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy of which less comes than fills a piece of memory in the time in which an upload may stand still."""
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pool_module, "STALL_SECONDS", 0.4)
    monkeypatch.setattr(connection_module, "_GATHER_SECONDS", 0.1)
    http, size = Http(4, SystemClock()), 20_000

    async def source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(20):
            await asyncio.sleep(0.05)
            writer.write(bytes(size // 20))

    async def destination(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        await reader.readexactly(size)
        writer.write(OK)

    async with serving(source) as (down, _), serving(destination) as (up, _):
        async with http.open(Request("GET", down + "/")) as body:
            answer = await http.once("PUT", up + "/", {"Content-Length": str(size)}, aiter(body))
        assert answer.body == b"ok"
    await http.close()


async def test_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(pool_module, "STALL_SECONDS", 0.2)
    http = Http(4, SystemClock())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(5)

    async with serving(serve) as (url, _):
        with pytest.raises(Transient, match="no byte moved"):
            await http.once("GET", url + "/", {})
    await http.close()


async def test_no_more_connections_than_allowed(http: Http) -> None:
    busy = most = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal busy, most
        while True:
            await head(reader)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.01)
            busy -= 1
            writer.write(OK)

    async with serving(serve) as (url, connections):
        await asyncio.gather(*(http.once("GET", url + "/", {}) for _ in range(40)))
        assert (most, len(connections)) == (4, 4)


async def test_a_cancelled_request_gives_its_place_back(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if b"/slow" in await head(reader):
            await asyncio.sleep(5)
        writer.write(OK)

    async with serving(serve) as (url, _):
        for _ in range(6):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(http.once("GET", url + "/slow", {}), 0.02)
        assert (await http.once("GET", url + "/", {})).status == 200


async def test_a_handshake_that_fails_for_whoever_has_left_is_no_error_of_the_loop(http: Http) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        for steps in range(30):
            asked = asyncio.create_task(http.once("GET", f"https://localhost:{listener.getsockname()[1]}/"))
            for _ in range(steps % 15):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.wait([asked])
            del asked
            await asyncio.sleep(0.005)
    gc.collect()
    assert told == []


async def test_nobody_there(http: Http) -> None:
    async with serving(always(OK)) as (url, _):
        pass
    with pytest.raises(Transient, match="cannot be reached"):
        await http.once("GET", url + "/", {})
    with pytest.raises(Unreachable, match="check its name"):
        await http.once("GET", "http://no-such-host.invalid/", {})


async def test_a_line_break_in_a_header_is_never_sent(http: Http) -> None:
    for value in ("a\r\nX-Evil: 1", "a\nb"):
        with pytest.raises(ValueError, match="line break"):
            http.open(Request("GET", "http://localhost:1/", {"X": value}))


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serving(always(OK), context) as (url, _):
        stranger = Http(4, SystemClock(), {url: "CDN_URL"})
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await stranger.once("GET", url + "/", {})
        assert all(word in str(caught.value) for word in ("localhost:", "CDN_URL", "SSL_CERT_FILE"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = Http(4, SystemClock())
        assert (await trusting.once("GET", url + "/", {})).body == b"ok"
        await stranger.close()
        await trusting.close()


async def test_an_end_that_tls_did_not_announce_is_no_end(http: Http) -> None:
    """Whoever sits between could cut a body without a length short."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        await writer.drain()
        writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await reader.read()

    async with serving(serve) as (url, _):
        if _sealed is None:
            assert (await http.once("GET", url + "/")).body == b"half"
        else:
            with pytest.raises(Transient, match="broke off"):
                await http.once("GET", url + "/")


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
async def test_who_does_not_speak_tls_is_not_waited_for(
    http: Http, says: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """says: what it answers before it closes; None for nothing, ever."""
    monkeypatch.setattr(pool_module, "CONNECT_SECONDS", 0.2)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if says is None:
            await reader.read()
        writer.write(says or b"")
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server, asyncio.timeout(5):
        with pytest.raises(Unreachable, match="answer within" if says is None else "cannot be reached"):
            await http.once("GET", f"https://localhost:{server.sockets[0].getsockname()[1]}/")


async def test_a_question_waits_for_no_download_and_an_upload_for_none_either(http: Http) -> None:
    """Whoever holds a download asks and uploads meanwhile: with one pool for all, four of them would wait for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            asked = await head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" if b"/held" in asked else OK)

    async def copy(url: str) -> None:
        async with (
            http.open(Request("GET", url + "/held", lane=Lane.DOWNLOAD)),
            http.open(Request("GET", url + "/held", lane=Lane.UPLOAD)),
        ):
            await asyncio.sleep(0.05)
            assert (await http.once("GET", url + "/")).body == b"ok"

    async with serving(serve) as (url, _), asyncio.timeout(5):
        await asyncio.gather(*(copy(url) for _ in range(12)))


async def test_whoever_stops_waiting_leaves_no_trace() -> None:
    turns = pool_module.Turns(1)
    await turns.enter()
    waiting = [asyncio.create_task(turns.enter()) for _ in range(1000)]
    await asyncio.sleep(0)
    for task in waiting[:999]:
        task.cancel()
    await asyncio.gather(*waiting[:999], return_exceptions=True)
    assert turns.waiting == 1
    turns.leave()
    async with asyncio.timeout(1):
        await waiting[999]
    further = asyncio.create_task(turns.enter())
    await asyncio.sleep(0)
    turns.leave()
    further.cancel()  # in the same moment as its turn comes
    await asyncio.gather(further, return_exceptions=True)
    async with asyncio.timeout(1):
        await turns.enter()


async def test_a_host_gone_silent_costs_one_stall_and_not_one_for_each_pooled_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pool_module, "STALL_SECONDS", 0.3)
    http, silent, heard = Http(16, SystemClock()), False, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal heard
        while True:
            await head(reader)
            heard += silent
            await asyncio.sleep(3600 if silent and number < 8 else 0.02)
            writer.write(OK)

    async with serving(serve) as (url, connections), asyncio.timeout(5):
        await asyncio.gather(*(http.once("GET", url + "/") for _ in range(8)))
        silent = True
        with pytest.raises(Transient, match="no byte moved"):
            await http.once("GET", url + "/")
        assert heard == 1
        assert (await http.once("GET", url + "/")).body == b"ok", "on a new connection: the old ones are as silent"
        assert len(connections) == 9
    await http.close()


async def test_a_request_may_be_given_more_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pool_module, "STALL_SECONDS", 0.1)
    http = Http(4, SystemClock())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        await asyncio.sleep(0.4)
        writer.write(OK)

    async with serving(serve) as (url, _):
        assert (await http.send(Request("GET", url + "/", stall_seconds=2))).body == b"ok"
    await http.close()


async def test_a_start_that_fails_leaves_no_client_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(**given: object) -> None:
        raise SettingsError("AWS_ROLE_ARN: cannot be assumed")

    monkeypatch.setattr(connecting, "aws_credentials", refused)
    topics = {f"{name}_TOPIC": name.lower() for name in ("LIST", "TRANSFER", "VERIFY", "DEAD_LETTER")}
    buckets = {f"{name}_BUCKET": name.lower() for name in ("SOURCE", "DESTINATION", "STAGING")}
    given = load({"GOOGLE_CLOUD_PROJECT": "project", "ROUTE": "direct", **topics, **buckets})
    for _ in range(3):
        with pytest.raises(SettingsError):
            await connecting.connect(given)
    gc.collect()
    assert not [item for item in gc.get_objects() if isinstance(item, Http)]


async def test_of_a_refusal_no_more_than_64_kib_is_read(http: Http) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        nonlocal sent
        await head(reader)
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 300000000\r\n\r\n")
        for _ in range(300):
            writer.write(bytes(1_000_000))
            await writer.drain()
            await asyncio.sleep(0)  # a connection that was lost is only then known to be
            sent += 1

    async with serving(serve) as (url, _):
        assert len((await http.once("GET", url + "/")).body) == REFUSAL_BYTES
        with pytest.raises(Transient, match="HTTP 500"):
            await ObjectDownload(Anywhere(url), http).open(SourceObject(b"k", "e", 10, 0))
    assert sent < 100


async def test_a_reset_is_no_end_of_a_body_without_length(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await head(reader)
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"items": [')
        await writer.drain()
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with serving(serve) as (url, _):
        with pytest.raises(Transient, match="broke off"):
            await http.once("GET", url + "/")


async def test_every_request_says_who_asks(http: Http) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        said = await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

    async with serving(serve) as (url, _):
        assert f"\r\nUser-Agent: {USER_AGENT}\r\n".encode() in (await http.once("GET", url + "/")).body


class Anywhere:
    """A way to the bytes without any proof."""

    route = "cloudfront"

    def __init__(self, url: str) -> None:
        self._url = url

    async def request(self, key: bytes, amz: object = None) -> tuple[str, dict[str, str]]:
        return f"{self._url}/{key.decode()}", {}


ODD_ANSWERS = [
    ("200 OK", "", 10, (2, 4), Changed),
    ("206 Partial Content", "Content-Range: bytes 0-9/10\r\n", 10, (2, 4), Changed),
    ("206 Partial Content", "Content-Range: bytes 2-3/11\r\n", 2, (2, 4), Changed),
    ("206 Partial Content", "Content-Range: bytes 2-3/10\r\n", 3, (2, 4), Corrupt),
    ("206 Partial Content", "Content-Range: bytes 0-4/10\r\n", 5, None, Refused),
    ("200 OK", "", 9, None, Corrupt),
    ("301 Moved", "Location: elsewhere\r\n", 0, None, Refused),
]


@pytest.mark.parametrize(("status", "header", "length", "span", "error"), ODD_ANSWERS)
async def test_a_cdn_that_answers_something_else_is_not_believed(
    http: Http, status: str, header: str, length: int, span: tuple[int, int] | None, error: type[Exception]
) -> None:
    answer = f'HTTP/1.1 {status}\r\n{header}ETag: "e"\r\nContent-Length: {length}\r\n\r\n{"x" * length}'
    async with serving(always(answer.encode())) as (url, _):
        with pytest.raises(error):
            await ObjectDownload(Anywhere(url), http).open(SourceObject(b"k", "e", 10, 0), span)
