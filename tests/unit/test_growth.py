"""Nothing grows faster than its work: what a hot structure does, at one size and at four times of it. Counted are calls,
and the callbacks that asyncio looks through for each one that is taken off a future.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from shared.aws.credentials import SigningKeys
from shared.clock import SystemClock
from shared.copying.breaker import Breaker
from shared.copying.in_flight import InFlight
from shared.domain.batching import batches
from shared.domain.counts import Outcome, RangeCounts
from shared.domain.digests import PartDigests
from shared.domain.errors import Unreachable
from shared.domain.events import ObjectEvent
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.domain.progress import Progress
from shared.gcp.session import without
from shared.http.client import Http
from shared.http.pool import Turns
from shared.http.response import Response
from shared.ledger.compaction import Compaction
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord
from shared.ledger.table import Table, pack
from shared.ledger.window import LedgerWindow
from shared.listing.seen_events import SeenEvents
from shared.ports.control_store import Control
from shared.ports.signal import Joint, Signal
from shared.ranges.walk import Walk
from shared.runs.job_control import JobControl
from tests.fakes import FakeClock, FakeLog
from tests.fakes.control import FakeControl
from tests.unit.test_walk import plan

SLACK = 1.3
"""What a size may cost beyond its share: hashing, resizing, a logarithm."""


class Counted(asyncio.Future[Any]):
    """hung: callbacks that hang on it. searched: of all futures, how many were looked through."""

    searched = 0
    hung = 0

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: Any = None) -> None:
        self.hung += 1
        super().add_done_callback(fn, context=context)

    def remove_done_callback(self, fn: Callable[[Any], object], /) -> int:
        Counted.searched += self.hung
        removed = super().remove_done_callback(fn)
        self.hung -= removed
        return removed


class CountedTask(Counted, asyncio.Task[Any]):
    """A task, likewise."""


class CountingLoop(asyncio.SelectorEventLoop):
    """Its futures and tasks are counted."""

    def create_future(self) -> asyncio.Future[Any]:
        return Counted(loop=self)


def on_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it where futures are counted."""
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.get_loop().set_task_factory(lambda loop, made, **more: CountedTask(made, loop=loop, **more))
        runner.run(work)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, in Python or in C, and how many callbacks are looked through."""
    count, searched = 0, Counted.searched

    def called(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count + Counted.searched - searched


def test_the_measure_sees_what_grows_too_fast() -> None:
    def every_pair(size: int) -> None:
        for _ in range(size):
            for number in range(size):
                abs(number)

    assert calls(lambda: every_pair(80)) > 4 * SLACK * calls(lambda: every_pair(20))


@pytest.mark.parametrize("wait", ["shield", "wait"])
def test_the_measure_sees_a_search_of_asyncio_s_own(wait: str) -> None:
    def at_once(size: int) -> None:
        async def run() -> None:
            work = asyncio.create_task(asyncio.Event().wait())

            async def take() -> None:
                await (asyncio.shield(work) if wait == "shield" else asyncio.wait([work], timeout=60))

            await cancelled_at_once(take, size)
            work.cancel()

        on_a_loop(run())

    assert calls(lambda: at_once(400)) > 4 * SLACK * calls(lambda: at_once(100))


async def cancelled_at_once(take: Callable[[], Coroutine[Any, Any, object]], waiters: int) -> None:
    """All who wait are cancelled, as at the end of a budget."""
    waiting = [asyncio.create_task(take()) for _ in range(waiters)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


def in_flight(size: int) -> None:
    async def run() -> None:
        gate = InFlight(1, 10)
        await gate.take(10)
        await cancelled_at_once(lambda: gate.take(10), size)
        gate.give(10)

    on_a_loop(run())


def turns(size: int) -> None:
    async def run() -> None:
        gate = Turns(1)
        await gate.enter()
        await cancelled_at_once(gate.enter, size)
        gate.leave()

    on_a_loop(run())


def signal(size: int) -> None:
    async def run() -> None:
        given = Signal()
        await cancelled_at_once(given.wait, size)
        given.give()
        await given.wait()

    on_a_loop(run())


def joint(size: int) -> None:
    async def run() -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        work = Joint(task)
        await cancelled_at_once(work.result, size)
        task.cancel()

    on_a_loop(run())


def probe(size: int) -> None:
    async def run() -> None:
        clock = FakeClock()
        breaker = Breaker(clock, FakeLog())
        first = await breaker.enter(False, clock.time + 540)
        breaker.failed(first, Unreachable("no host"))
        breaker.release(first)
        tries = await breaker.enter(False, clock.time + 540)
        assert tries.probe is not None

        async def enter() -> None:
            await breaker.enter(False, clock.time + 540)

        await cancelled_at_once(enter, size)
        breaker.release(tries)

    on_a_loop(run())


class EndedRole(RefreshableCredentials):  # type: ignore[misc]
    """Credentials that have ended; new ones come once they are let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        super().__init__("old", "s", "t", datetime.now(UTC) - timedelta(seconds=1), self._take, "assume-role")

    def _take(self) -> dict[str, str]:
        self.let.wait()
        end = datetime.now(UTC) + timedelta(hours=1)
        return {"access_key": "new", "secret_key": "s", "token": "t", "expiry_time": end.isoformat()}


def signing_keys(size: int) -> None:
    async def run() -> None:
        role = EndedRole()
        keys = SigningKeys(role)

        async def take() -> None:
            await keys.current()

        await cancelled_at_once(take, size)
        role.let.set()
        assert (await keys.current()).access_key == "new"

    on_a_loop(run())


@dataclass
class StillControl(FakeControl):
    """A read lasts until it is let."""

    let: Signal = field(default_factory=Signal)

    async def get(self) -> Control:
        await self.let.wait()
        return await super().get()


def control(size: int) -> None:
    async def run() -> None:
        store = StillControl()
        read = JobControl(store, FakeClock())

        async def take() -> None:
            await read.read()

        await cancelled_at_once(take, size)
        store.let.give()
        await read.read()

    on_a_loop(run())


def pool(size: int) -> None:
    """Requests at once over sixteen connections, which are used again and again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            http = Http(16, SystemClock())
            answers = await asyncio.gather(*(http.once("GET", url) for _ in range(size)))
            assert {item.body for item in answers} == {b"ok"}
            await http.close()

    on_a_loop(run())


def body(size: int) -> None:
    """A body that comes in many chunks, while its reader waits, and after."""

    async def run() -> None:
        response = Response(lambda: None)
        for _ in range(size):
            response.add(b"chunk")
        response.finish()
        assert [chunk async for chunk in response] == [b"chunk"] * size

    on_a_loop(run())


def session(size: int) -> None:
    chunks = [b"12345678"] * size
    assert sum(map(len, without(chunks, size * 4))) == size * 4


def part_digests(size: int) -> None:
    digests = PartDigests([10] * size)
    for _ in range(size):
        digests.update(b"0123456789")
    assert digests.count == size


def seen_events(size: int) -> None:
    """Most keys come twice, and more come than are remembered."""
    seen = SeenEvents(most=size)
    for number in range(2 * size):
        event = ObjectEvent(b"%d" % (number // 2 * 3), False, "0A", 1.0)
        assert seen.is_new(event) is not number % 2
        seen.add([event])
    for number in range(size):
        seen.add([ObjectEvent(b"other %d" % number, False, "0A", 1.0)])


def batching(size: int) -> None:
    objects = [SourceObject(b"%08d" % number, "e", 1, 1) for number in range(size * 10)]
    assert sum(map(len, batches(objects, 100, 10**9))) == size * 10


def walk(size: int) -> None:
    """Thin pages: a tenth of their keys is published."""
    held, sent = Walk(b"", None, RangeCounts(), 100, 10**9), 0
    for number in range(size):
        held.add(plan(*(b"%08d" % (number * 20 + key) for key in range(20)), wanted=(3, 17)))
        for batch in held.batches():
            held.published(len(batch))
            sent += len(batch)
    held.complete()
    for batch in held.batches(everything=True):
        held.published(len(batch))
        sent += len(batch)
    assert (sent, held.rest) == (2 * size, None)


def wide(size: int, per: int = 5) -> tuple[list[BatchRecord], list[Page]]:
    """Records that each reach across all pages, and the pages."""
    keys = [b"%08d" % number for number in range(size * per)]
    records = []
    for number in range(size):
        entries = [Entry(key, "e", 1, 1, Outcome.COPIED, "", 1, "AAAAAA==", "md5") for key in keys[number::size]]
        records.append(BatchRecord(f"b{number}", MERGED, 1.0, Table(pack(entries))))
    objects = [SourceObject(key, "e", 1, 1) for key in keys]
    return records, [Page.of(objects[start : start + 20]) for start in range(0, len(objects), 20)]


def window(size: int) -> Callable[[], None]:
    records, pages = wide(size)

    def run() -> None:
        held = LedgerWindow("run")
        for record in records:
            held.add(record)
        for page in pages:
            assert not held.differing(page)
            assert None not in held.origins(page)
            held.forget_before(page.last)

    return run


def compaction(size: int) -> Callable[[], None]:
    records, _ = wide(size)

    def run() -> None:
        merges = Compaction(lambda _: True)
        for record in records:
            merges.offer(record, None)
        merges.close()

    return run


def progress(size: int) -> None:
    held = Progress()
    for number in range(size):
        held.at_work(60.0 * number, 60.0)
        held.copied(60.0 * number, "direct", 1, 10)
        held.took(float(number % 97), 10, "key")


GROWING: dict[str, Callable[[int], Callable[[], object]]] = {
    "copies that wait for room": lambda size: lambda: in_flight(size),
    "requests that wait for a turn": lambda size: lambda: turns(size),
    "many who wait for one thing": lambda size: lambda: signal(size),
    "many who wait for one task": lambda size: lambda: joint(size),
    "keys that wait for the one that tries": lambda size: lambda: probe(size),
    "requests that wait for new credentials": lambda size: lambda: signing_keys(size),
    "keys that wait for what a person asks": lambda size: lambda: control(size),
    "requests over a pool's connections": lambda size: lambda: pool(size),
    "a body's chunks": lambda size: lambda: body(size),
    "chunks of which a session has some": lambda size: lambda: session(size),
    "digests of parts": lambda size: lambda: part_digests(size),
    "events that come twice": lambda size: lambda: seen_events(size),
    "objects that are cut into batches": lambda size: lambda: batching(size),
    "a walk of thin pages": lambda size: lambda: walk(size),
    "records that reach across many pages": window,
    "records that are merged": compaction,
    "progress of a long run": lambda size: lambda: progress(size),
}


@pytest.mark.parametrize("what", GROWING)
def test_four_times_the_work_takes_four_times_the_calls(what: str) -> None:
    make = GROWING[what]
    small, large = calls(make(100)), calls(make(400))
    assert large <= 4 * SLACK * small, f"{small} calls at 100, {large} at 400"
