"""Nothing grows faster than its work: the calls that a hot structure makes, at one size and at four times of it."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from types import FrameType

import pytest

from shared.copying.in_flight import InFlight
from shared.domain.counts import Outcome
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.domain.progress import Progress
from shared.http.pool import Turns
from shared.ledger.compaction import Compaction
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord
from shared.ledger.table import Table, pack
from shared.ledger.window import LedgerWindow

SLACK = 1.3
"""What a size may cost beyond its share: hashing, resizing, a logarithm."""


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, in Python or in C."""
    count = 0

    def called(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_the_measure_sees_what_grows_too_fast() -> None:
    def every_pair(size: int) -> None:
        for _ in range(size):
            for number in range(size):
                abs(number)

    assert calls(lambda: every_pair(80)) > 4 * SLACK * calls(lambda: every_pair(20))


async def cancelled_at_once(take: Callable[[], Coroutine[None, None, None]], waiters: int) -> None:
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

    asyncio.run(run())


def turns(size: int) -> None:
    async def run() -> None:
        gate = Turns(1)
        await gate.enter()
        await cancelled_at_once(gate.enter, size)
        gate.leave()

    asyncio.run(run())


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
    "records that reach across many pages": window,
    "records that are merged": compaction,
    "progress of a long run": lambda size: lambda: progress(size),
}


@pytest.mark.parametrize("what", GROWING)
def test_four_times_the_work_takes_four_times_the_calls(what: str) -> None:
    make = GROWING[what]
    small, large = calls(make(100)), calls(make(400))
    assert large <= 4 * SLACK * small, f"{small} calls at 100, {large} at 400"
