"""HTTP of every shape at the functions' own sockets: answered or closed, and the function lives on, no larger."""

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from benchmarks.processes import of_group
from local.deployed import FUNCTIONS
from local.emulators.loopback import HOST
from local.stack import Stack
from tests.chaos.judge import unexpected
from tests.functions.test_push import post, push
from tests.fuzz.draw import Draw
from tests.fuzz.sockets import Spoken, answer, spoken

INPUTS = int(os.environ.get("INPUTS") or 100)
"""Connections to each function."""

SILENT_SECONDS = 15.0
GROWTH_BYTES = 32 << 20
AT_ONCE = 4


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack() as running:
        yield running


def lives(stack: Stack, function: str) -> bool:
    """Whether it settles what it is pushed: a message that nobody can read is put aside, and acknowledged."""
    return post(stack, function, push(b'{"no": "message"}', "alive")) in (200, 204)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_shape_is_answered_or_closed(stack: Stack, function: str) -> None:
    child, port = stack.children[function], getattr(stack.ports, function)
    given = [spoken(Draw(f"{function} {number}")) for number in range(INPUTS)]
    assert lives(stack, function)
    for run in ("first", "second"):  # connects, and writes a report: what is loaded once is no growth
        assert post(stack, function, push(b"{}", f"{run}-run")) in (200, 204)
    assert ("run ended" in child.log.read_text()) == (function != "transfer"), "the second one ends the first"
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def tried(item: Spoken) -> bytes | None:
            return answer(port, item, SILENT_SECONDS)

        list(pool.map(tried, given))  # what threads, arenas and buffers take once is no growth, a second time it is
        before = of_group(child.pid).peak_bytes
        answers = list(pool.map(tried, given))
    for item, told in zip(given, answers, strict=True):
        if item.whole:
            assert told is not None, f"{item.shape}: neither answered nor closed: {item.pieces[0][:200]!r}"
        if told:
            assert told.startswith(b"HTTP/1."), (item.shape, told[:100])
            assert b"Traceback" not in told
    assert lives(stack, function)
    assert child.alive
    assert of_group(child.pid).peak_bytes - before < GROWTH_BYTES
    said = child.log.read_text(errors="replace")
    assert unexpected(said) == []
    assert "Worker" not in said, "the worker was not ended"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_connections_that_say_little_keep_nobody_out(stack: Stack, function: str) -> None:
    """As many as there are threads are silent, others send a head without its body: pushes are answered meanwhile."""
    address = HOST, getattr(stack.ports, function)
    with ExitStack() as held:
        for number in range(48):
            connection = held.enter_context(socket.create_connection(address, timeout=10))
            if number < 8:
                connection.sendall(b"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        assert lives(stack, function)
        assert time.monotonic() - began < 10
    assert lives(stack, function)


def test_what_is_smuggled_behind_a_request_is_none(stack: Stack) -> None:
    """A body with two lengths is no second request: one answer, and the connection ends."""
    body = base64.b64encode(json.dumps({"keys": ["smuggled"]}).encode()).decode()
    inner = f'{{"message": {{"data": "{body}", "messageId": "smuggled"}}}}'
    second = f"POST / HTTP/1.1\r\nHost: f\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"
    first = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    told = answer(stack.ports.lister, Spoken("smuggled", ((first + second).encode(),)), SILENT_SECONDS)
    assert told is not None
    assert told.startswith(b"HTTP/1.1 400")
    time.sleep(0.5)
    assert "smuggled" not in stack.children["lister"].log.read_text()
