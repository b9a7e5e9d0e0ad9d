"""A scan's memory follows the page of the listing, not what the page jumps over, and it can be stopped on the way."""

from collections.abc import AsyncIterator, Sequence

import pytest

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.keys import BEYOND
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.objects import SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.domain.runs import RunKind
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord
from shared.ledger.table import Table, pack
from shared.ports.control_store import Control
from shared.ports.ledger_store import Versioned
from shared.ports.range_store import OpenRange, RangeId
from shared.ranges import ledger_scan
from shared.ranges.ledger_scan import HELD_KEYS, LedgerScan
from tests.fakes import FakeStores
from tests.world import World, counts, filled

KEYS = 500


def record(number: int, run: str = MERGED, keys: int = KEYS) -> BatchRecord:
    entries = [Entry(b"k/%05d/%04d" % (number, key), "e", 1, 1, Outcome.COPIED, at=1.0) for key in range(keys)]
    return BatchRecord(f"b{number}", run, 1.0, Table(pack(entries)))


def listed(*keys: bytes) -> Page:
    return Page.of([SourceObject(key, "e", 1, 1) for key in keys])


async def scan(records: int, page: Page, merges: bool) -> tuple[int, LedgerScan, list[Merge]]:
    """A scan that has advanced to a page's end, and of how many keys it held something at the most."""
    stores, merged, most = FakeStores(), list[Merge](), 0

    async def found() -> AsyncIterator[Versioned]:
        for number in range(records):
            nonlocal most
            most = max(most, ledger.held)
            yield Versioned(record(number), number)

    async def merge(wanted: Merge, versions: Sequence[object]) -> bool:
        assert len(versions) == len(wanted.replaced)
        merged.append(wanted)
        return True

    stores.ledger.merge = merge  # type: ignore[method-assign, assignment]
    ledger = LedgerScan(stores.ledger, stores.runs, found(), "run", frozenset(), frozenset(), merges=merges)
    async for _ in ledger.advance(page, page.last if len(page) else BEYOND):
        pass
    return most, ledger, merged


@pytest.mark.parametrize("merges", [True, False])
@pytest.mark.parametrize("page", [listed(b"a", b"z"), NO_OBJECTS])
async def test_what_a_page_jumps_over_is_not_held(page: Page, merges: bool) -> None:
    """Between two listed keys, and behind the last one."""
    for records in (60, 120):
        most, ledger, merged = await scan(records, page, merges)
        assert most <= HELD_KEYS + KEYS
        assert ledger.held <= HELD_KEYS + KEYS
        assert sum(len(merge.replaced) for merge in merged) >= (records - HELD_KEYS // KEYS - 8 if merges else 0)
        assert not any(merge.merged for merge in merged), "the source has none of these keys"


async def test_what_this_run_has_queued_is_told_once_and_of_the_range_only() -> None:
    """Who has lost a range may have recorded keys behind its end of today: another range has these."""
    stores, keys = FakeStores(), (b"a", b"d", b"f", b"p")
    entries = [Entry(key, "e", number + 1, 1) for number, key in enumerate(keys)]
    await stores.ledger.create([BatchRecord("b", "run", 1.0, Table(pack(entries)))])
    records = stores.ledger.scan(b"", b"a", b"f")
    ledger = LedgerScan(stores.ledger, stores.runs, records, "run", frozenset(), frozenset({"run"}), after=b"a")
    async for _ in ledger.advance(NO_OBJECTS, BEYOND):
        pass
    assert ledger.take_queued(b"d") == {b"d": 2}
    assert ledger.take_queued(b"d") == {}
    assert ledger.last_queued(b"f") == b"f"
    assert ledger.last_queued(b"e") is None
    assert ledger.last_queued(None) == b"p"
    assert ledger.take_queued(b"f") == {b"f": 3}


async def test_what_is_let_go_of_still_says_what_it_knows_of_the_page() -> None:
    keys = [b"k/%05d/%04d" % (number, 7) for number in range(100)]
    page = Page.of([SourceObject(key, "e" if number else "other", 1, 1) for number, key in enumerate(keys)])
    most, ledger, merged = await scan(100, page, merges=True)
    assert most <= HELD_KEYS + KEYS + len(keys)
    assert ledger.differing(page) == [0]
    assert [origin is not None for origin in ledger.origins(page)] == [False] + [True] * 99
    await ledger.leave(page)
    await ledger.close(b"k/99999")
    assert ledger.held == 0
    assert sum(len(merge.replaced) for merge in merged) == 100
    assert sorted(entry.key for merge in merged for new in merge.merged for entry in new.entries) == keys


async def test_a_scan_says_how_far_a_page_can_be_planned() -> None:
    """Up to where every record was read, and never at a listed key that the next record may speak about."""
    page = listed(b"a", b"k/00150/0000", b"z")
    stores = FakeStores()

    async def found() -> AsyncIterator[Versioned]:
        for number in range(101, 500):
            yield Versioned(record(number, keys=2), number)

    ledger = LedgerScan(stores.ledger, stores.runs, found(), "run", frozenset(), frozenset())
    reached = [step.reached async for step in ledger.advance(page, page.last)]
    assert reached == [b"k/00200/0000", b"k/00300/0000", b"k/00400/0000", None]
    ledger = LedgerScan(stores.ledger, stores.runs, found(), "run", frozenset(), frozenset())
    page = listed(b"a", b"k/00200/0000", b"z")
    assert (await anext(ledger.advance(page, page.last))).reached == b"a"


@pytest.mark.parametrize("last", [True, False])
async def test_a_budget_ends_within_what_a_page_jumps_over(last: bool) -> None:
    """Each invocation gets further, whether or not what it read can be merged away, and every key is counted once."""
    world = World()
    for key in ("k/a", "k/m") + (("k/z",) if last else ()):
        world.bucket.put(key, b"x")
    await world.run()
    for number in range(1000):
        entry = Entry(b"k/q/%05d" % number, "e", 1, 1, Outcome.COPIED)
        await world.stores.ledger.create([BatchRecord(f"x{number}", "of-a-run-that-goes-on", 1.0, (entry,))])
    world.stores.runs.documents["of-a-run-that-goes-on"] = world.stores.runs.documents["list-m0"]
    invocations, lister = 0, world.handlers["list"]

    async def once(message: ListMessage, run: str, budget: Budget) -> None:
        nonlocal invocations
        invocations += 1
        await lister(message, run, Budget(world.clock.monotonic(), 0))

    world.handlers["list"] = once
    run = await world.run(ListMessage(prefix=b"k/"))
    assert (await world.stores.runs.summary(run)).outcomes.keys == {"unchanged": 3 if last else 2}
    assert 5 <= invocations <= 15


async def test_records_that_cannot_be_read_are_passed_in_steps_and_none_behind_the_page_is_read() -> None:
    """After a change of the job's names all are of that kind: the first page read the ledger of the whole job, without
    a look at the lease and the budget, and so did every delivery of its message.
    """
    page = listed(b"k/00100", b"k/00999")
    stores = FakeStores()
    read = 0

    async def found() -> AsyncIterator[Versioned]:
        nonlocal read
        for number in range(100, 5000):
            read += 1
            yield Versioned(BatchRecord(f"x{number}", "r", 0, ()), number, b"k/%05d" % number)

    ledger = LedgerScan(stores.ledger, stores.runs, found(), "run", frozenset(), frozenset())
    reached = [step.reached async for step in ledger.advance(page, page.last)]
    assert reached == [*(b"k/%05d" % number for number in range(199, 999, 100)), b"k/00100", None]
    assert read == 901, "up to the first one behind the page"


@pytest.mark.parametrize("topic", ["list", "verify"])
async def test_records_that_begin_before_the_prefix_are_no_position_in_its_range(topic: str) -> None:
    """Two hundred records of keys that somebody named and that lie far apart: whoever ended within them sent a message
    whose cursor lies outside its prefix.
    """
    world = World()
    for key in ("k/a", "k/m", "k/z"):
        world.bucket.put(key, b"x")
    await world.run()
    for number in range(250):
        ends = [Entry(key % number, "e", 1, 1, Outcome.COPIED) for key in (b"a/%05d", b"z/%05d")]
        await world.stores.ledger.create([BatchRecord(f"x{number}", "of-a-run-of-before", 1.0, tuple(ends))])
    world.budgets[topic] = 0
    run = await world.run(ListMessage(prefix=b"k/") if topic == "list" else VerifyMessage(prefix=b"k/"))
    assert await counts(world, run) == {"unchanged": 3}


async def test_what_records_hold_of_keys_beside_the_prefix_is_kept() -> None:
    """A batch has neighbours of two folders, and a listing of one of them has seen none of the other's keys. "k0" is
    the first one that is greater than all of "k/".
    """
    world = World(keys_per_message=3)
    keys = ("a/0", "a/1", "k/0", "k/1", "k/2", "k/3", "k/4", "k/5", "k0", "m/0")
    for key in keys:
        world.bucket.put(key, b"x")
    await world.run()
    await world.run(VerifyMessage(close=True))
    await world.run(ListMessage(prefix=b"k/"))
    held = {entry.key.decode() for record, _ in world.stores.ledger.documents.values() for entry in record.entries}
    assert held == {*keys}


async def test_a_ceiling_ends_a_range_whose_last_key_begins_the_record_at_which_the_budget_ends() -> None:
    """A range cannot be split at its own end: its message came again for ever."""
    world = World(keys_per_message=1)
    world.bucket.put("k/.", b"x")
    for number in range(100):
        entry = Entry(b"k/%05d" % number, "e", 1, 1, Outcome.COPIED)
        await world.stores.ledger.create([BatchRecord(f"x{number}", "of-a-run-of-before", 1.0, (entry,))])
    world.stores.control.said = Control(most_objects=0)
    world.budgets["list"] = 0
    message = ListMessage(prefix=b"k/", run="list-1", cursor=b"k/!", until=b"k/00099")
    opened = OpenRange(RangeId("list-1", b"k/", message.cursor), message.until, message.encode())
    await world.stores.runs.create(opened, RunKind.LIST, world.clock.now())
    await world._deliver(("list", message, "m"))
    (stored,) = world.stores.ranges.documents.values()
    assert (stored.state, stored.counts.stopped) == (
        "done",
        "the next batch has 1 object and 1 byte, and would exceed the ceiling of 0 objects a run",
    )


@pytest.mark.parametrize("copies", [0, 400], ids=["gone from both sides", "left at the destination"])
@pytest.mark.parametrize("last", [True, False])
async def test_a_comparison_gets_on_within_what_only_the_ledger_remembers(last: bool, copies: int) -> None:
    """Two hours of reading a long stretch without an object: each invocation ends in time and the next begins where it
    stood, on both sides, so every key and every destination-only object is counted once.
    """
    world = World()
    world.destination.page_size = 50
    for key in ("k/a", "k/m") + (("k/z",) if last else ()):
        world.bucket.put(key, b"x")
    await world.run()
    for number in range(copies):
        world.destination.install(b"k/q/%05d" % (number * 6 + 3), b"x")
    for number in range(2400):
        entry = Entry(b"k/q/%05d" % number, "e", 1, 1, Outcome.COPIED)
        await world.stores.ledger.create([BatchRecord(f"x{number}", "of-a-run-of-before", 1.0, (entry,))])
    read, compare, took = world.stores.ledger.scan, world.handlers["verify"], list[float]()

    async def slow(prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        async for found in read(prefix, after, until):
            world.clock.pass_time(3)
            yield found

    async def timed(message: VerifyMessage, run: str, budget: Budget) -> None:
        began = world.clock.monotonic()
        await compare(message, run, budget)
        took.append(world.clock.monotonic() - began)

    world.stores.ledger.scan = slow  # type: ignore[method-assign]
    world.handlers["verify"] = timed
    run = await world.run(VerifyMessage(prefix=b"k/"))
    summary = await world.stores.runs.summary(run)
    assert summary.verdicts.keys == {"same": 3 if last else 2, **({"extra": copies} if copies else {})}
    assert max(took) < 540 + 100 * 3 + 1, "the budget, and a step that was begun within it"
    assert len(took) < 30


async def test_a_lease_is_renewed_while_the_ledger_is_read() -> None:
    """Reading takes longer than a lease: it must not be taken over by the redelivered message."""
    world = filled(2)
    await world.run()
    await world.run(VerifyMessage(close=True))
    for number in range(2000):
        entry = Entry(b"k/000/%05d" % number, "e", 1, 1, Outcome.COPIED)
        await world.stores.ledger.create([BatchRecord(f"x{number}", "gone", 1.0, (entry,))])
    read, renewed = world.stores.ledger.scan, 0
    renew = world.stores.ranges.renew

    async def slow(prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        async for found in read(prefix, after, until):
            world.clock.pass_time(0.1)
            yield found

    async def counted(*args: object) -> object:
        nonlocal renewed
        renewed += 1
        return await renew(*args)  # type: ignore[arg-type]

    world.stores.ledger.scan = slow  # type: ignore[method-assign]
    world.stores.ranges.renew = counted  # type: ignore[assignment, method-assign]
    run = await world.run(ListMessage(prefix=b"k/"))
    assert await counts(world, run) == {"unchanged": 2}
    assert renewed >= 6


async def test_what_was_listed_too_long_ago_to_be_remembered_is_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A merge drops what the source no longer has, and only the last keys of a listing are kept in mind."""
    world = filled(100)
    world.bucket.page_size = 10
    await world.run()
    for kept, most in ((25, 33), (200_000, 5)):
        monkeypatch.setattr(ledger_scan, "_SEEN_KEYS", kept)
        assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 100}
        found = [record for record, _ in world.stores.ledger.documents.values()]
        assert sorted(entry.key for item in found for entry in item.entries) == sorted(world.bucket.objects)
        assert len(found) <= most, "what is remembered is merged"
