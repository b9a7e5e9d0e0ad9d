"""Batches of events, whose keys lie anywhere, do not add up: what a range reads of them, and what they cost to keep."""

import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import Busy
from shared.domain.keys import BEYOND
from shared.domain.messages import ListMessage, VerifyMessage, decode
from shared.domain.objects import SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.domain.runs import RunKind
from shared.ledger import compaction, levels, overlaps
from shared.ledger.dropping import without
from shared.ledger.entry import Entry
from shared.ledger.levels import FAN, fitting, is_level, level, most_records, portions, sorted_together
from shared.ledger.record import MERGED, BatchRecord, batch_id
from shared.ledger.table import Table, pack
from shared.listing.sort_events import SortEvents
from shared.ports.ledger_store import Versioned
from shared.ports.range_store import OpenRange, RangeId
from shared.ranges.ledger_scan import LedgerScan
from tests.fakes import FakeClock, FakeLog, FakeStores
from tests.unit.test_follow_events import follow, written
from tests.world import World, counts

BATCH = 14
"""Keys, a tenth of those that a batch has at 200 events a second, as all that is bounded by keys below."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of a tenth of the keys, so that the growth of months is seen in seconds."""
    for module, name, value in (
        (compaction, "GROUP_KEYS", 400),
        (compaction, "MOST_KEYS", 800),
        (levels, "SORTED_KEYS", 4_000),
        (overlaps, "LEAST_EVENTS", 26),
        (overlaps, "HELD_KEYS", 6_400),
    ):
        monkeypatch.setattr(module, name, value)


def record(name: str, keys: Iterable[int], run: str, at: float) -> BatchRecord:
    entries = [Entry(b"%08d" % key, f"{at:.3f}", 1, 0, Outcome.COPIED, at=at) for key in sorted(set(keys))]
    return BatchRecord(name, run, at, Table(pack(entries)))


@dataclass
class Ledger:
    """A ledger of a bucket, and who works on it. batches: so many keys lie in each record that a first run has left.
    reads: what the ranges of the last delta have read. now: seconds. truth: the version of each key.
    """

    keys: int
    stores: FakeStores = field(default_factory=FakeStores)
    clock: FakeClock = field(default_factory=FakeClock)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    truth: dict[bytes, str] = field(default_factory=dict)
    now: float = 1.0
    runs: int = 0
    reads: int = 0
    events: int = 0

    async def begin(self) -> "Ledger":
        for start in range(0, self.keys, 500):
            span = range(start, min(self.keys, start + 500))
            await self.stores.ledger.create([record(f"d{start}", span, MERGED, self.now)])
            self.truth.update((b"%08d" % key, f"{self.now:.3f}") for key in span)
        self.stores.ledger.writes = 0
        return self

    async def follow(self, batches: int, among: Sequence[int] | None = None) -> None:
        """A run of events that has ended, sorted."""
        self.runs += 1
        run = f"events-{self.runs}"
        for number in range(batches):
            self.now += 1
            keys = self.chance.sample(among or range(self.keys), BATCH)
            self.events += BATCH
            found = record(f"{run}-{number}", keys, run, self.now)
            await self.stores.ledger.create([found])
            self.truth.update((entry.key, entry.etag) for entry in found.entries)
        await self.sort(run)

    async def sort(self, run: str) -> None:
        budget = Budget(self.clock.monotonic(), 540)
        await SortEvents(self.stores.ledger, self.stores.runs, self.clock, FakeLog())(run, budget)

    async def delta(self, ranges: int, merges: bool = True) -> int:
        """A listing, range by range; how many keys it finds differing from what is remembered."""
        self.reads = differing = 0
        listed = sorted(self.truth)
        size = -(-len(listed) // ranges)
        for start in range(0, len(listed), size):
            after = listed[start - 1] if start else b""
            until = listed[start + size - 1] if start + size < len(listed) else BEYOND
            differing += await self._range(listed[start : start + size], after, until, merges)
        return differing

    async def _range(self, listed: Sequence[bytes], after: bytes, until: bytes, merges: bool) -> int:
        found = [item async for item in self.stores.ledger.scan(b"", after, until)]
        self.reads += len(found)

        async def records() -> AsyncIterator[Versioned]:
            for item in found:
                yield item

        scan = LedgerScan(
            self.stores.ledger, self.stores.runs, records(), "now", frozenset(), frozenset(), after=after, merges=merges
        )
        differing = 0
        for start in range(0, len(listed), 200):
            keys = listed[start : start + 200]
            page = Page.of([SourceObject(key, self.truth[key], 1, 0) for key in keys])
            async for _ in scan.advance(page, page.last):
                pass
            differing += len(scan.differing(page))
            await scan.leave(page)
        async for _ in scan.advance(NO_OBJECTS, until):
            pass
        await scan.close(until)
        return differing

    def crossing(self) -> int:
        """How many records a key lies within, at the most, of some."""
        found = [item for item, _ in self.stores.ledger.documents.values()]
        keys = [b"%08d" % (number * self.keys // 50) for number in range(1, 50)]
        return max(sum(item.first < key <= item.last for item in found) for key in keys)

    def remembered(self) -> int:
        return sum(len(item.entries) for item, _ in self.stores.ledger.documents.values())


async def test_what_a_range_reads_does_not_grow_with_the_events() -> None:
    """Without a delta in between; unsorted, each batch would be one more record in each range."""
    ledger, most = await Ledger(30_000).begin(), list[int]()
    for _ in range(2):
        for _ in range(5 if not most else 15):
            await ledger.follow(280)
        most.append(ledger.crossing())
    assert most[1] <= most[0] + FAN + 1, "another level at the most"
    assert most[1] <= 4 * FAN
    assert await ledger.delta(4, merges=False) == 0
    unsorted = 4 * ledger.events // BATCH
    assert ledger.reads <= len(ledger.stores.ledger.documents) + 4 * most[1] < unsorted // 40


async def test_sorting_and_merging_stay_within_half_a_write_a_hundred_events() -> None:
    """The batches themselves are two writes each, one to record and one when they have ended: 1.43 at 140 keys. All
    that follows is counted here for batches of a tenth of the keys in records of a tenth, with a delta every few runs.
    """
    ledger = await Ledger(20_000).begin()
    for number in range(16):
        await ledger.follow(280)
        if number % 4 == 3:
            assert await ledger.delta(2) == 0
            assert ledger.reads <= 2_500 * 10 * ledger.keys / 1e6
    follow_up = ledger.stores.ledger.writes - ledger.events / BATCH
    assert follow_up / 10 <= 0.57 * ledger.events / 100, "a tenth of the keys a record, so ten times the records"
    assert ledger.remembered() <= 2 * ledger.keys, "what is older is dropped"


async def test_what_came_and_went_is_dropped_with_the_next_delta() -> None:
    ledger = await Ledger(4_000).begin()
    gone = range(4_000, 40_000)
    for _ in range(10):
        await ledger.follow(280, gone)
    for key in gone:
        ledger.truth.pop(b"%08d" % key, None)
    for _ in range(2):
        assert await ledger.delta(1) == 0
    assert ledger.remembered() <= 1.2 * ledger.keys


async def test_the_same_few_keys_again_and_again_stay_few_records() -> None:
    ledger = await Ledger(2_000).begin()
    for _ in range(60):
        await ledger.follow(20, range(100))
    sorted_ones = [item for item, _ in ledger.stores.ledger.documents.values() if is_level(item.run)]
    assert len(sorted_ones) <= most_records(1)
    assert await ledger.delta(1) == 0
    assert len(ledger.stores.ledger.documents) <= 8


async def test_a_delta_of_a_quiet_bucket_writes_nothing() -> None:
    ledger = await Ledger(20_000).begin()
    for _ in range(4):
        await ledger.follow(280)
    for _ in range(3):
        await ledger.delta(2)
    before = ledger.stores.ledger.writes
    assert await ledger.delta(2) == 0
    assert ledger.stores.ledger.writes == before


async def test_a_message_that_comes_again_changes_nothing_and_a_late_record_is_taken_in() -> None:
    ledger = await Ledger(2_000).begin()
    await ledger.follow(20)
    before = dict(ledger.stores.ledger.documents)
    await ledger.sort("events-1")
    assert ledger.stores.ledger.documents == before
    for _ in range(2):
        again = record("events-1-7", range(0, 2_000, 20), "events-1", 0.5)
        await ledger.stores.ledger.create([again])
        await ledger.sort("events-1")
        assert await ledger.delta(1, merges=False) == 0
        assert "events-1-7" not in ledger.stores.ledger.documents


async def test_a_run_that_is_still_counted_is_not_sorted() -> None:
    ledger = await Ledger(2_000).begin()
    opened = OpenRange(RangeId("events-1", b"", b""), None, b"{}")
    await ledger.stores.runs.create(opened, RunKind.EVENTS, ledger.clock.now())
    with pytest.raises(Busy, match="counted before"):
        await ledger.follow(2)
    assert "events-1-0" in ledger.stores.ledger.documents


@pytest.mark.parametrize("runs", [1, 4 * FAN], ids=["sorted once", "into the next levels"])
async def test_what_never_ended_is_not_forgotten_by_sorting(runs: int) -> None:
    """Its copy may be there though nobody could put that on record. The source has the version before it again: the
    ledger must not say that that one is there.
    """
    ledger, some = await Ledger(2_000).begin(), range(0, 1_000, 20)
    opened = [Entry(b"%08d" % key, "2.000", 1, 0) for key in some]
    await ledger.stores.ledger.create([BatchRecord("b", "events-0", 2.0, Table(pack(opened)))])
    await ledger.sort("events-0")
    for _ in range(runs - 1):
        await ledger.follow(30, range(1_000, 2_000))
    assert not await ledger.stores.ledger.outlines("events-0")
    assert await ledger.delta(2, merges=False) == len(some)


async def test_who_has_no_time_left_goes_on_later() -> None:
    ledger = await Ledger(2_000).begin()
    await ledger.stores.ledger.create([record(f"b{n}", range(n, 2_000, 40), "events-1", 2.0) for n in range(4)])
    sort = SortEvents(ledger.stores.ledger, ledger.stores.runs, ledger.clock, FakeLog())
    with pytest.raises(Busy, match="not all"):
        await sort("events-1", Budget(ledger.clock.monotonic(), 0))
    await ledger.sort("events-1")
    assert not await ledger.stores.ledger.outlines("events-1")


def test_single_keys_and_a_handful_are_left_to_the_listings() -> None:
    assert list(portions([])) == []
    assert list(portions([2, 3, 4])) == [], "each is narrowed by the listing that passes it"
    assert list(portions([2_000, 2_000, 1])) == [slice(0, 2)]
    assert list(portions([20] * 301)) == [slice(0, 200), slice(200, 301)]
    assert list(portions([9_000, 9_000])) == [slice(0, 1), slice(1, 2)]
    assert list(fitting([3_000_000] * 3)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(fitting([])) == []


async def test_a_portion_of_long_keys_fits_into_a_commit() -> None:
    """The ledger of the tests refuses what Firestore would refuse."""
    ledger, chance = Ledger(0), random.Random(3)
    for number in range(30):
        keys = sorted(chance.randbytes(400).hex().encode() for _ in range(130))
        entries = [Entry(key, "e", 1, 0, Outcome.COPIED, at=1.0) for key in keys]
        await ledger.stores.ledger.create([BatchRecord(f"b{number}", "events-1", 1.0, Table(pack(entries)))])
    await ledger.sort("events-1")
    assert ledger.remembered() == 30 * 130
    assert not await ledger.stores.ledger.outlines("events-1")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), min_size=1, max_size=12))
def test_whatever_is_sorted_together_the_newest_of_each_key_is_kept(batches: list[list[int]]) -> None:
    found = [record(f"b{number}", keys, "r", number + 1.0) for number, keys in enumerate(batches)]
    newest = {entry.key: entry.etag for item in found for entry in item.entries}
    merge = sorted_together(list(reversed(found)), list(range(len(found))), 0)
    kept = [entry for item in merge.merged for entry in item.entries]
    assert {entry.key: entry.etag for entry in kept} == newest
    assert len(kept) == len(newest)
    assert {item.run for item in merge.merged} == {level(1)}
    other = sorted_together(list(reversed(found)), list(range(1, len(found) + 1)), 0)
    assert {item.batch for item in merge.merged}.isdisjoint(item.batch for item in other.merged)


def test_a_sorted_record_of_which_something_is_dropped_stays_one() -> None:
    """Among the records of listings it would reach into every range for good."""
    merge = without(record("b", range(0, 100), level(2), 1.0), lambda entry: entry.key == b"%08d" % 7)
    assert merge is not None
    assert [(item.run, len(item.entries)) for item in merge.merged] == [(level(2), 99)]


@pytest.mark.parametrize(("run", "may"), [(MERGED, True), (level(2), True), ("events-1", False)])
def test_what_never_ended_keeps_nothing_from_being_dropped_once_no_message_may_end_it(run: str, may: bool) -> None:
    entries = [Entry(b"%08d" % key, "e", 1, 0, None if key else Outcome.FAILED, at=1.0) for key in range(3)]
    merge = without(BatchRecord("b", run, 1.0, Table(pack(entries))), lambda entry: entry.outcome is Outcome.FAILED)
    kept = [entry for item in merge.merged for entry in item.entries] if merge is not None else []
    assert kept == (entries[1:] if may else [])


def test_no_run_is_named_like_a_level_and_a_sort_names_a_run_of_events_and_nothing_else() -> None:
    with pytest.raises(Exception, match="run"):
        decode(ListMessage, b'{"run": "~1"}')
    with pytest.raises(Exception, match="nothing else"):
        decode(ListMessage, b'{"sort": "events-1", "events": true}')
    for other in ("on-demand", "list-1", "events", "~1"):
        with pytest.raises(Exception, match="sort"):
            decode(ListMessage, json.dumps({"sort": other}).encode())
    assert not is_level(MERGED)
    assert batch_id("a", []) != batch_id("b", [])


@pytest.mark.parametrize("step", range(60))
async def test_killed_at_any_step_nothing_is_forgotten(step: int) -> None:
    """From a run's end to its sorted batches."""
    world = World(keys_per_message=100)
    for portion in range(3):
        world.events.send(*(written(world, f"{key}/{portion}", b"x", portion) for key in range(20)))
        await follow(world)
    world.steps.crash_at, world.steps.taken = step, 0
    world.send("verify", VerifyMessage(close=True))
    await world.drain(most=60, finish=False)
    world.clock.time += 400
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    assert world.steps.crash_at is None, "it was killed"
    held = [item for item, _ in world.stores.ledger.documents.values()]
    assert {item.run for item in held if len(item.entries) > 1} <= {level(1), MERGED}
    assert {entry.key for item in held for entry in item.entries} == set(world.bucket.objects)
    run = await world.run()
    assert await counts(world, run) == {"unchanged": 60}
