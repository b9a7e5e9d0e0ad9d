"""HTTP of every shape, as bytes at a socket: nearly right requests, and what no HTTP is."""

import contextlib
import json
import socket
import struct
import time
from dataclasses import dataclass
from enum import Enum

from local.emulators.loopback import HOST
from tests.fuzz.draw import Draw

_PUSH = b'{"message": {"data": "e30=", "messageId": "1"}}'


class End(Enum):
    """How a client leaves."""

    WAITS = "waits for the answer"
    SAYS_NO_MORE = "sends nothing more, and waits for the answer"
    LEAVES = "closes without reading"
    RESETS = "resets"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a client does with one connection. pieces: what it sends, a pause (seconds) before each. whole: whether that
    is more than half a request, so that an answer or a close must come.
    """

    shape: str
    pieces: tuple[bytes, ...]
    pause: float = 0.0
    end: End = End.WAITS
    whole: bool = True


def spoken(draw: Draw) -> Spoken:
    """One connection's worth."""
    shape = draw.choice(tuple(_SHAPES))
    head, body = _SHAPES[shape](draw)
    if draw.once_in(3):
        head = head.replace(b"POST / HTTP/", b"POST /v1/replicate HTTP/", 1)
    sent = head + body
    match draw.randrange(8):
        case 0:
            return Spoken(f"half of: {shape}", (sent[: draw.randrange(len(sent))],), end=End.LEAVES, whole=False)
        case 1:
            return Spoken(f"half of: {shape}", (sent[: draw.randrange(len(sent))],), end=End.RESETS, whole=False)
        case 2:
            cut = draw.randrange(len(sent))
            return Spoken(f"half of: {shape}", (sent[:cut],), end=End.SAYS_NO_MORE, whole=cut > 0)
        case 3:
            step = max(1, len(sent) // 12)
            pieces = tuple(sent[at : at + step] for at in range(0, len(sent), step))
            return Spoken(f"slowly: {shape}", pieces, pause=0.05, end=End.SAYS_NO_MORE)
        case 4:
            return Spoken(f"five in a row: {shape}", (5 * sent,), end=End.SAYS_NO_MORE)
    complete = _SHAPES[shape] is _bodies  # who waits behind half a body waits for as long as the caller likes
    return Spoken(shape, (sent,), end=draw.choice((End.WAITS, End.SAYS_NO_MORE)) if complete else End.SAYS_NO_MORE)


def answer(port: int, given: Spoken, seconds: float) -> bytes | None:
    """What a server answers; empty if it closes, None if it does neither within so many seconds of silence."""
    with socket.create_connection((HOST, port), timeout=seconds) as held, contextlib.suppress(ConnectionError):
        for piece in given.pieces:
            time.sleep(given.pause)
            try:
                held.sendall(piece)
            except ConnectionError:
                break  # it has closed already; what it said may still be read
        if given.end is End.RESETS:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if given.end in (End.RESETS, End.LEAVES):
            return b""
        if given.end is End.SAYS_NO_MORE:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_WR)
        try:
            return held.recv(65_536)
        except TimeoutError:
            return None
    return b""


def _head(*lines: str, first: str = "POST / HTTP/1.1") -> bytes:
    said = "".join(f"{line}\r\n" for line in (first, "Host: f", "Content-Type: application/json", *lines))
    return f"{said}\r\n".encode("latin-1")


def _chunked(size: str, draw: Draw) -> tuple[bytes, bytes]:
    data = draw.choice((_PUSH, b"", b"x" * 10_000))
    return _head("Transfer-Encoding: chunked"), size.encode() + b"\r\n" + data + b"\r\n0\r\n\r\n"


def _bad_chunks(draw: Draw) -> tuple[bytes, bytes]:
    sizes = (
        "zz",
        "-1",
        "0x10",
        " 2f",
        "2f ",
        "+2f",
        "F" * 16,
        "F" * 200,
        "2f;" + "x" * 70_000,
        "",
        "2f\n",
        "\0",
        "\uff12",
    )
    return _chunked(draw.choice(sizes), draw)


def _bad_lengths(draw: Draw) -> tuple[bytes, bytes]:
    sizes = ("-1", "+47", "47, 47", "4_7", " ", "9" * 30, "1e3", "0x2f", "47\x0b", "²")
    return _head(f"Content-Length: {draw.choice(sizes)}"), _PUSH


def _two_lengths(draw: Draw) -> tuple[bytes, bytes]:
    lines = ["Content-Length: 47", draw.choice(("Content-Length: 4", "Transfer-Encoding: chunked"))]
    draw.shuffle(lines)
    return _head(*lines), _PUSH + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: f\r\n\r\n"


def _codings(draw: Draw) -> tuple[bytes, bytes]:
    coding = draw.choice(
        ("gzip", "chunked, gzip", "gzip, chunked", "identity", "chunked, chunked", "\tchunked", "xchunked")
    )
    return _head(f"Transfer-Encoding: {coding}"), b"2f\r\n" + _PUSH + b"\r\n0\r\n\r\n"


def _headers(draw: Draw) -> tuple[bytes, bytes]:
    odd = (
        "X: " + "a" * draw.choice((8_000, 8_200, 100_000)),
        "\r\n".join(f"X-{number}: 1" for number in range(draw.choice((90, 110, 5_000)))),
        "X" * 70_000 + ": 1",
        "X : 1",
        " folded: 1",
        "X: a\r\n b",
        "X: \0",
        "X: a\nY: b",
        "no colon",
        ": nothing",
        "Expect: 100-continue",
        "Expect: the unexpected",
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Connection: close, keep-alive",
        "Content-Encoding: gzip",
        "Content-Type: multipart/form-data; boundary=" + "b" * 200,
        "ce-id: 1\r\nce-source: \r\nce-type: \xff\r\nce-specversion: 9",
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil",
    )
    return _head(draw.choice(odd), f"Content-Length: {len(_PUSH)}"), _PUSH


def _first_lines(draw: Draw) -> tuple[bytes, bytes]:
    odd = (
        "GET /",
        "POST / HTTP/9.9",
        "POST / HTTP/1.0",
        "POST  /  HTTP/1.1",
        "POST /" + "a" * draw.choice((3_000, 9_000, 70_000)) + " HTTP/1.1",
        "POST http://elsewhere/ HTTP/1.1",
        "POST /%00%ff%zz/../..//v1/replicate?%=& HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT f:443 HTTP/1.1",
        "HEAD / HTTP/1.1",
        "PRI * HTTP/2.0",
        "pOsT / HTTP/1.1",
        "M" * 100 + " / HTTP/1.1",
        "POST /\x7f\xe9 HTTP/1.1",
        "",
    )
    return _head(f"Content-Length: {len(_PUSH)}", first=draw.choice(odd)), _PUSH


def _bodies(draw: Draw) -> tuple[bytes, bytes]:
    odd = (
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'"' + b"\\ud800" * 1_000 + b'"',
        b"\xff\xfe\0",
        json.dumps({"message": {"data": "A" * 900_000}}).encode(),
        json.dumps({f"k{number}": number for number in range(20_000)}).encode(),
        b"1" * 5_000,
        b'{"key": "nowhere"}',
        _PUSH,
    )
    body = draw.choice(odd)
    path = draw.choice(("/", "/", "/v1/replicate", "/nowhere"))
    return _head(f"Content-Length: {len(body)}", first=f"{draw.choice(('POST', 'PUT', 'GET'))} {path} HTTP/1.1"), body


def _other_protocols(draw: Draw) -> tuple[bytes, bytes]:
    odd = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"SSH-2.0-x\r\n\r\n",
        b"\0" * 5_000 + b"\r\n\r\n",
        b"\r\n" * 5_000 + b"\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    )
    return draw.choice(odd), b"\r\n\r\n"


_SHAPES = {
    "chunks of impossible sizes": _bad_chunks,
    "lengths that are none": _bad_lengths,
    "two lengths": _two_lengths,
    "codings": _codings,
    "headers": _headers,
    "first lines": _first_lines,
    "bodies": _bodies,
    "other protocols": _other_protocols,
}
