"""`shared.ports.stores.Stores`: the fake, Firestore embedded, Google's emulator."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from google.cloud.firestore import DELETE_FIELD

from shared.clock import SystemClock
from shared.domain.budget import Budget
from shared.domain.counts import Counts, ManifestPart, Outcome, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.extraneous import DestinationOnly
from shared.domain.lag import Lag
from shared.domain.missed import Change
from shared.domain.progress import Interval, Progress, Slow
from shared.domain.rollup import FolderRollup, Rollup
from shared.domain.runs import RunKind, RunState
from shared.domain.spending import Amount
from shared.domain.splitting import edges
from shared.gcp.firestore.documents import PAGE
from shared.gcp.firestore.ranges import FirestoreRanges
from shared.gcp.firestore.stores import firestore_stores
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.levels import level, sorted_together
from shared.ledger.record import BatchRecord
from shared.listing.sort_events import SortEvents
from shared.ports.control_store import Control, Spoke
from shared.ports.extra_store import PORTION
from shared.ports.ledger_store import KeyCount, Outline
from shared.ports.range_store import HeldRange, OpenRange, RangeId, Refusal
from shared.ports.run_store import OpenRun, PartialSummary, RunRecord, RunSummary
from shared.ports.stores import Stores
from shared.telemetry import Log
from tests.fakes import FakeStores
from tests.fakes.ranges import FakeRanges

NOW = 1_800_000_000.0


@pytest.fixture(params=["fake", "embedded", "googles"])
async def stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fresh: str) -> AsyncIterator[Stores]:
    if request.param == "fake":
        yield FakeStores(now=time.time).ports
        return
    stack = request.getfixturevalue(request.param)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.environment["FIRESTORE_EMULATOR_HOST"])
    yield firestore_stores("local-project", "(default)", fresh, Log("ERROR"))


def record(batch: str, *keys: str, run: str = "r", at: float = NOW) -> BatchRecord:
    return BatchRecord(batch, run, at, tuple(Entry(key.encode(), "etag", 5, 7) for key in keys))


async def found(stores: Stores, prefix: str = "", after: str = "") -> list[str]:
    return [item.record.batch async for item in stores.ledger.scan(prefix.encode(), after.encode())]


def opened(cursor: bytes = b"", until: bytes | None = None, run: str = "run", prefix: bytes = b"a/") -> OpenRange:
    return OpenRange(RangeId(run, prefix, cursor), until, b"message " + cursor)


async def end(stores: Stores, state: RunState, summary: RunSummary, at: float = NOW) -> None:
    version = await stores.runs.acquire_end("run", at, 60)
    assert version is not None
    await stores.runs.finish("run", state, summary, at, version)


async def take(stores: Stores, given: OpenRange, owner: str = "me", now: float = NOW) -> HeldRange:
    held = await stores.ranges.acquire(given.range_id, owner, now, 60)
    assert isinstance(held, HeldRange), held
    return held


async def test_a_record_is_read_back_as_it_was_written(stores: Stores) -> None:
    given = record("b1", "a/é", "a/\U0001f680", "a/\ue000 + %2F")
    await stores.ledger.create([given])
    read = await stores.ledger.get("b1")
    assert read is not None
    assert read.record == given
    assert await stores.ledger.get("b2") is None


async def test_records_come_by_first_key_in_byte_order(stores: Stores) -> None:
    await stores.ledger.create(
        [record("emoji", "\U0001f680"), record("private", "\ue000"), record("a", "a"), record("B", "B")]
    )
    assert await found(stores) == ["B", "a", "private", "emoji"]


@pytest.mark.parametrize(
    ("prefix", "after", "expected"),
    [
        ("", "", ["all", "b1", "b2", "c"]),
        ("b/", "", ["all", "b1", "b2"]),
        ("b/", "b/2", ["all", "b1", "b2"]),
        ("b/", "b/3", ["all", "b2"]),
        ("b/", "b/5", ["all"]),
        ("c/", "", ["all", "c"]),
        ("", "c/1", ["all"]),
        ("d", "", ["all"]),
        ("zz", "", []),
    ],
)
async def test_only_records_that_may_speak_about_a_range_are_read(
    stores: Stores, prefix: str, after: str, expected: list[str]
) -> None:
    await stores.ledger.create(
        [record("all", "a", "z"), record("b1", "b/1", "b/3"), record("b2", "b/2", "b/5"), record("c", "c/1")]
    )
    assert await found(stores, prefix, after) == expected


async def test_more_records_than_a_query_s_page(stores: Stores) -> None:
    records = [record(f"b{n:04d}", f"k{n // 2:04d}") for n in range(PAGE + 20)]
    for start in range(0, len(records), 100):
        await stores.ledger.create(records[start : start + 100])
    assert sorted(await found(stores)) == [item.batch for item in records]


async def test_remembering_again_changes_nothing(stores: Stores) -> None:
    await stores.ledger.create([record("b1", "a")])
    before = await stores.ledger.get("b1")
    assert before is not None
    settled = before.record.with_results([Entry(b"a", "etag", 5, 7, Outcome.COPIED, generation=9)], 1)
    await stores.ledger.commit_results(settled, before.version)
    await stores.ledger.create([record("b1", "a"), record("b2", "b")])
    after = await stores.ledger.get("b1")
    assert after is not None
    assert after.record == settled
    assert await found(stores) == ["b1", "b2"]


async def test_settling_needs_the_version_that_was_read(stores: Stores) -> None:
    await stores.ledger.create([record("b1", "a")])
    read = await stores.ledger.get("b1")
    assert read is not None
    settled = read.record.with_results([Entry(b"a", "etag", 5, 7, Outcome.COPIED)], attempt=1)
    await stores.ledger.commit_results(settled, read.version)
    with pytest.raises(StateConflict):
        await stores.ledger.commit_results(read.record, read.version)
    await stores.ledger.commit_results(record("lost", "a"), None)
    assert await stores.ledger.get("lost") is not None
    with pytest.raises(StateConflict):
        await stores.ledger.commit_results(record("b1", "a"), None)
    after = await stores.ledger.get("b1")
    assert after is not None
    assert after.record == settled


async def test_records_that_begin_before_a_stretch_and_reach_it_are_found(stores: Stores) -> None:
    """Whatever first and last key share, and however deep the stretch begins."""
    low = "x/" + "y" * 70
    await stores.ledger.create(
        [
            record("everything", "a", "z"),
            record("from nothing", "", "x/z"),
            record("deep", "x/" + "y" * 60, "x/" + "y" * 80),
            record("ends there", "x/", low),
            record("short of it", "x/", "x/" + "y" * 69),
            record("later", low + "a"),
            record("behind", low + "z", "zz"),
            record("before", "b", "c"),
        ]
    )
    crossing = ["from nothing", "everything", "ends there", "deep"]
    assert await found(stores, low) == [*crossing, "later", "behind"]
    read = [item.record.batch async for item in stores.ledger.scan(b"x/", low.encode(), f"{low}b".encode())]
    assert read == ["from nothing", "everything", "deep", "later"]


async def test_a_stretch_is_measured_and_sampled_without_reading_it(stores: Stores) -> None:
    await stores.ledger.create([record(f"b{n}", f"k/{n:03d}a", f"k/{n:03d}b") for n in range(200)])
    await stores.ledger.create([record("elsewhere", "a", "b")])
    assert await stores.ledger.count(b"k/", b"", None) == KeyCount(400, 200)
    assert await stores.ledger.count(b"k/", b"k/149z", None) == KeyCount(100, 50)
    assert await stores.ledger.count(b"k/", b"k/009z", b"k/019z") == KeyCount(20, 10)
    assert await stores.ledger.count(b"nothing/", b"", None) == KeyCount(0, 0)
    drawn = await stores.ledger.sample(b"k/", b"k/099z", None, 20, 100)
    assert drawn == sorted(drawn)
    assert 5 <= len(drawn) <= 60
    assert all(fence >= b"k/100" for fence in drawn)


async def test_records_are_merged_all_at_once_or_not_at_all(stores: Stores) -> None:
    await stores.ledger.create([record("b1", "a"), record("b2", "b"), record("b3", "c")])
    held = [item async for item in stores.ledger.scan(b"", b"")]
    merged = record("m", "a", "b", run="")
    assert await stores.ledger.merge(
        Merge([item.record for item in held[:2]], [merged]), [item.version for item in held[:2]]
    )
    assert await found(stores) == ["m", "b3"]
    read = await stores.ledger.get("m")
    assert read is not None
    assert read.record == merged
    again = Merge([item.record for item in held[1:]], [record("n", "b", "c", run="")])
    assert not await stores.ledger.merge(again, [item.version for item in held[1:]])
    assert await found(stores) == ["m", "b3"]


async def test_the_batches_of_a_run_are_sorted_into_records_of_neighbours(stores: Stores) -> None:
    """Twice: what is sorted again finds a record of the same versions of the same keys, and takes its place."""
    for at in (NOW, NOW + 1):
        ended = [
            replace(entry, outcome=Outcome.COPIED)
            for number in range(50)
            for entry in record("", f"{number:02d}").entries
        ]
        batches = [BatchRecord(f"b{n}", "events-1", at, tuple(ended[n::3])) for n in range(3)]
        await stores.ledger.create([*batches, record("single", "07", run="events-1"), record("other", "k", run="r")])
        found = await stores.ledger.outlines("events-1")
        ours = [
            Outline("b0", b"00", 17),
            Outline("b1", b"01", 17),
            Outline("b2", b"02", 16),
            Outline("single", b"07", 1),
        ]
        assert found == ours
        sort = SortEvents(stores.ledger, stores.runs, SystemClock(), Log("ERROR"))
        await sort("events-1", Budget(SystemClock().monotonic(), 60))
        assert [item.batch for item in await stores.ledger.outlines("events-1")] == ["single"]
    once, again = await stores.ledger.outlines(level(1))
    assert (once.first, once.keys, again.first, again.keys) == (b"00", 50, b"00", 50)
    read = [item.record async for item in stores.ledger.scan(b"", b"30", b"40")]
    assert {item.batch for item in read} == {once.batch, again.batch}
    assert sorted(item.entries[0].at for item in read) == [NOW, NOW + 1]
    assert [entry.key for entry in read[0].entries] == [f"{number:02d}".encode() for number in range(50)]
    (one,) = [item async for item in stores.ledger.scan(b"", b"") if item.record.batch == once.batch]
    assert await stores.ledger.merge(sorted_together([one.record], [one.version], 1), [one.version])
    assert not await stores.ledger.merge(sorted_together([one.record], [one.version], 1), [one.version])
    assert len(await stores.ledger.outlines(level(2))) == 1


async def test_nothing_may_take_the_place_of_a_record_unless_it_has_moved(stores: Stores) -> None:
    await stores.ledger.create([record("b1", "a/1"), record("b2", "a/9", "b/1")])
    first, second = [item async for item in stores.ledger.scan(b"", b"")]
    await stores.ledger.commit_results(replace(second.record, attempt=2), second.version)
    assert await stores.ledger.merge(Merge([first.record], []), [first.version])
    assert not await stores.ledger.merge(Merge([second.record], []), [second.version])
    assert await found(stores) == ["b2"]


async def test_a_range_is_leased_to_one_owner_at_a_time(stores: Stores) -> None:
    given = opened()
    assert await stores.runs.create(given, RunKind.LIST, NOW)
    assert not await stores.runs.create(given, RunKind.LIST, NOW)
    assert await stores.ranges.acquire(given.range_id, "me", NOW, 60) == HeldRange(given.range_id, "me", None)
    assert await stores.ranges.acquire(given.range_id, "you", NOW + 59, 60) is Refusal.HELD
    assert await stores.ranges.acquire(given.range_id, "me", NOW + 59, 60) == HeldRange(given.range_id, "me", None)
    assert await stores.ranges.acquire(given.range_id, "you", NOW + 118, 60) is Refusal.HELD
    held = await stores.ranges.acquire(given.range_id, "you", NOW + 120, 60)
    assert held == HeldRange(given.range_id, "you", None)
    await stores.ranges.complete(held, RangeCounts(), NOW + 121)
    assert await stores.ranges.acquire(given.range_id, "me", NOW + 500, 60) is Refusal.DONE


async def test_a_range_that_is_on_record_for_something_else_is_left_alone(stores: Stores) -> None:
    given = opened()
    await stores.runs.create(given, RunKind.LIST, NOW)
    assert await stores.ranges.acquire(given.range_id, "me", NOW, 60, lambda message: False) is Refusal.OTHER
    held = await stores.ranges.acquire(given.range_id, "you", NOW, 60, lambda message: message == given.message)
    assert held == HeldRange(given.range_id, "you", None)
    assert not held.taken_over
    assert await stores.ranges.acquire(given.range_id, "me", NOW, 60, lambda message: False) is Refusal.OTHER
    await stores.ranges.complete(held, RangeCounts(), NOW)
    assert await stores.ranges.acquire(given.range_id, "me", NOW, 60, lambda message: False) is Refusal.DONE


async def test_a_lease_from_a_clock_that_was_years_ahead_holds_nobody_up(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    await stores.ranges.acquire(opened().range_id, "ahead", NOW + 10**8, 60)
    assert await stores.ranges.acquire(opened().range_id, "me", NOW, 60) == HeldRange(opened().range_id, "me", None)


async def test_a_range_that_is_not_on_record_is_nobody_s(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    for unknown in (opened(b"a/k", b"a/z"), opened(run="another")):
        assert await stores.ranges.acquire(unknown.range_id, "me", NOW, 60) is Refusal.UNKNOWN
    assert await stores.ranges.messages("run") == [b"message "]
    assert not await stores.ranges.is_open("another")


async def test_a_range_that_is_lost_is_given_up_as_one_that_has_stopped(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.VERIFY, NOW)
    lost = opened(b"a/k", b"a/z")
    await stores.ranges.give_up(lost, "why", NOW)
    await stores.ranges.give_up(opened(), "it is on record", NOW)
    assert await stores.ranges.acquire(lost.range_id, "me", NOW, 60) is Refusal.DONE
    assert await stores.ranges.messages("run") == [b"message "]
    held = await take(stores, opened())
    await stores.ranges.complete(held, RangeCounts(verdicts=Counts({"same": 3}, {"same": 9})), NOW)
    summary = await stores.runs.summary("run")
    assert (summary.stopped_ranges, summary.open_ranges, summary.verdicts.keys["same"]) == (1, 0, 3)


async def test_what_is_given_up_fills_no_gap(stores: Stores) -> None:
    ranges = await divided(stores)
    for held in ranges:
        await stores.ranges.complete(held, RangeCounts(), NOW)
    await vanishes(stores, ranges[2].id)
    await stores.ranges.give_up(opened(b"a/6", b"a/8"), "why", NOW)
    summary = await stores.runs.summary("run")
    assert (summary.stopped_ranges, summary.gap) == (1, True)


async def divided(stores: Stores) -> list[HeldRange]:
    """A run of four ranges, two of them split off one that was split off the first."""
    await stores.runs.create(opened(), RunKind.VERIFY, NOW)
    first = await stores.ranges.split(await take(stores, opened()), [opened(b"a/4")])
    second = await stores.ranges.split(await take(stores, opened(b"a/4")), [opened(b"a/6", b"a/8"), opened(b"a/8")])
    return [first, second, await take(stores, opened(b"a/6", b"a/8")), await take(stores, opened(b"a/8"))]


async def vanishes(stores: Stores, range_id: RangeId) -> None:
    """Somebody deletes a range's document."""
    if isinstance(stores.ranges, FirestoreRanges):
        await stores.ranges.document(range_id).delete()
    else:
        assert isinstance(stores.ranges, FakeRanges)
        del stores.ranges.documents[range_id]


async def test_ranges_that_are_all_on_record_leave_no_gap(stores: Stores) -> None:
    ranges = await divided(stores)
    assert not (await stores.runs.summary("run")).gap
    for held in ranges:
        await stores.ranges.complete(held, RangeCounts(), NOW)
    assert not (await stores.runs.summary("run")).gap


@pytest.mark.parametrize("again", [0, 1])
async def test_ranges_that_an_instance_of_a_version_without_edges_has_split_leave_no_gap(
    stores: Stores, again: int
) -> None:
    """While a new version is rolled out, or back. Such an instance leaves the first range's edges as they were."""
    if not isinstance(stores.ranges, FirestoreRanges):
        pytest.skip("only Firestore outlives a version")
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    first = await stores.ranges.split(await take(stores, opened()), [opened(b"a/4")])
    await stores.ranges.document(first.id).update({"edges": edges(b"", None)})
    await stores.ranges.document(opened(b"a/4").range_id).update({"edges": DELETE_FIELD})
    parts = [await take(stores, part, "new", NOW + 100) for part in (opened(), opened(b"a/4"))]
    further = opened(b"a/2", b"a/4") if again == 0 else opened(b"a/6")
    parts[again] = await stores.ranges.split(parts[again], [further])
    for held in (*parts, await take(stores, further)):
        await stores.ranges.complete(held, RangeCounts(), NOW)
    assert not (await stores.runs.summary("run")).gap
    await vanishes(stores, further.range_id)
    assert (await stores.runs.summary("run")).gap


async def test_what_a_version_without_edges_has_added_up_is_begun_anew(stores: Stores) -> None:
    """Half a run's edges are those of no run."""
    if not isinstance(stores.ranges, FirestoreRanges):
        pytest.skip("only Firestore outlives a version")
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    version = await stores.runs.acquire_end("run", NOW, 60)
    await stores.runs.keep_partial("run", PartialSummary(None, RunSummary.nothing(), 7, 2), NOW, 60, version)
    job = stores.ranges.document(opened().range_id).parent.parent
    await job.collection("runs").document("run").update({"partial.edges": DELETE_FIELD})
    assert await stores.runs.partial_summary("run") is None


@pytest.mark.parametrize("lost", [[0], [1], [2], [3], [1, 2], [0, 1, 2, 3]], ids=str)
async def test_a_range_that_is_lost_when_it_is_done_leaves_a_gap(stores: Stores, lost: list[int]) -> None:
    """The run ended as finished, its counts without that range's."""
    ranges = await divided(stores)
    for held in ranges:
        await stores.ranges.complete(held, RangeCounts(), NOW)
    for number in lost:
        await vanishes(stores, ranges[number].id)
    summary = await stores.runs.summary("run")
    assert summary.gap
    await end(stores, RunState.STOPPED, summary)
    assert (await stores.runs.summary("run")).gap


async def test_whether_a_range_is_lost_is_not_said_while_one_is_open(stores: Stores) -> None:
    ranges = await divided(stores)
    await vanishes(stores, ranges[2].id)
    assert not (await stores.runs.summary("run")).gap


async def test_a_range_is_cut_and_cut_again(stores: Stores) -> None:
    range_id = RangeId("run", b"a/", b"")
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    first = await take(stores, opened())
    mine = await stores.ranges.split(first, [opened(b"a/4", b"a/7"), opened(b"a/7")])
    assert mine == HeldRange(range_id, "me", b"a/4", (b"a/4", b"a/7"), None)
    assert await stores.ranges.acquire(opened().range_id, "me", NOW, 60) == mine
    mine = await stores.ranges.split(await take(stores, opened()), [opened(b"a/2", b"a/4")])
    yours = await take(stores, opened(), "you", NOW + 61)
    assert yours == HeldRange(range_id, "you", b"a/2", (b"a/2", b"a/4", b"a/7"), None)
    with pytest.raises(StateConflict):
        await stores.ranges.split(mine, [opened(b"a/1", b"a/2")])
    right = opened(b"a/4", b"ignored")
    assert await take(stores, right) == HeldRange(right.range_id, "me", b"a/7", (), b"a/7")
    assert sorted(await stores.ranges.messages("run")) == [
        b"message ",
        b"message a/2",
        b"message a/4",
        b"message a/7",
    ]
    await stores.ranges.complete(yours, RangeCounts(), NOW)
    with pytest.raises(StateConflict):
        await stores.ranges.split(yours, [opened(b"a/1", b"a/2")])


async def test_the_books_of_a_run(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    first = await take(stores, opened())
    await stores.ledger.create([record("b1", "a/1", "a/2", run="run"), record("b2", "a/1", run="another")])
    first = await stores.ranges.split(first, [opened(b"a/5")])
    assert (await stores.runs.summary("run")).open_ranges == 2
    listed, outcomes = (
        Counts({"listed": 4}, {"listed": 18}),
        Counts({"unchanged": 1, "filtered": 1}, {"unchanged": 5, "filtered": 3}),
    )
    counts = RangeCounts(listed, outcomes, filters=Counts({"size": 1}, {"size": 3}))
    await stores.ranges.complete(first, counts, NOW)
    half = await stores.runs.summary("run")
    assert (half.open_ranges, half.pending, half.finished) == (1, 2, False)
    assert [item.batch async for item in stores.ledger.unsettled("run")] == ["b1"]
    assert [item.batch async for item in stores.ledger.of_run("run")] == ["b1"]
    assert await stores.ranges.is_open("run")
    counts = RangeCounts(verdicts=Counts({"missing": 4}, {"missing": 40}), stopped="a ceiling")
    await stores.ranges.complete(await take(stores, opened(b"a/5")), counts, NOW)
    read = await stores.ledger.get("b1")
    assert read is not None
    ended = [Entry(b"a/1", "e", 9, 7, Outcome.COPIED, drift=4), Entry(b"a/2", "e", 5, 7, Outcome.FAILED)]
    await stores.ledger.commit_results(read.record.with_results(ended, 1), read.version)
    whole = await stores.runs.summary("run")
    assert whole.balanced
    assert not await stores.ranges.is_open("run")
    assert (await stores.ranges.listed("run")).bytes == {"listed": 18}
    assert whole.outcomes.keys == {"copied": 1, "failed": 1, "unchanged": 1, "filtered": 1}
    assert whole.outcomes.bytes == {"copied": 5, "failed": 5, "unchanged": 5, "filtered": 3}
    assert whole.filters.keys == {"size": 1}
    assert whole.verdicts.keys == {"missing": 4}
    assert whole.stopped_ranges == 1
    assert (await stores.runs.summary("no such run")).listed_keys == 0
    assert [item.batch async for item in stores.ledger.unsettled("run")] == []
    assert [item.batch async for item in stores.ledger.of_run("run")] == ["b1"]


async def test_unchanged_keys_that_were_published_are_counted_apart_too(stores: Stores) -> None:
    """Those are what the transfer has looked at; the others are as the ledger remembers them."""
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    taken = await take(stores, opened())
    await stores.ledger.create([record("b1", "a/1", "a/2", run="run"), record("b2", "a/3", run="run")])
    for batch, *keys in (("b1", b"a/1", b"a/2"), ("b2", b"a/3")):
        read = await stores.ledger.get(batch)
        assert read is not None
        kinds = dict(zip(keys, (Outcome.UNCHANGED, Outcome.COPIED), strict=False))
        ended = [Entry(key, "etag", 5, 7, kind) for key, kind in kinds.items()]
        await stores.ledger.commit_results(read.record.with_results(ended, 1), read.version)
    counts = RangeCounts(Counts({"listed": 7}, {"listed": 35}), Counts({"unchanged": 4}, {"unchanged": 20}))
    await stores.ranges.complete(taken, counts, NOW)
    summary = await stores.runs.summary("run")
    assert (summary.balanced, summary.outcomes.keys) == (True, {"copied": 1, "unchanged": 6})
    assert summary.found_there == 2
    await end(stores, RunState.FINISHED, summary)
    assert (await stores.runs.summary("run")).found_there == 2


async def test_how_late_a_run_of_events_is_and_what_a_listing_says_of_events_is_kept(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.EVENTS, NOW)
    told = Counts({Change.MISSED: 2, Change.UNSURE: 1}, {Change.MISSED: 10, Change.UNSURE: 5})
    open_keys = replace(record("b1", "a/1", "a/2", run="run"), changes=told)
    await stores.ledger.create([open_keys, record("b2", "a/3", run="run"), record("b3", "a/1", run="another")])
    read = await stores.ledger.get("b1")
    assert read is not None
    assert read.record.changes == told
    one = Entry(b"a/1", "etag", 5, 7, Outcome.COPIED, lag=1.5)
    await stores.ledger.commit_results(read.record.with_results([one], 1), read.version)
    read = await stores.ledger.get("b1")
    assert read is not None
    again = [replace(one, lag=80.0), replace(one, key=b"a/2", lag=40.0)]
    await stores.ledger.commit_results(read.record.with_results(again, 2), read.version)
    lag = await stores.runs.lag("run")
    assert lag == Lag.of([1.5, 40.0])
    half = await stores.runs.summary("run")
    assert (half.changes, half.lag) == (told, lag)
    assert await stores.runs.lag("another") == Lag()
    partial = PartialSummary(None, replace(half, lag=Lag()), 7, 2)
    version = await stores.runs.keep_partial("run", partial, NOW, 60, await stores.runs.acquire_end("run", NOW, 60))
    assert await stores.runs.partial_summary("run") == partial
    await stores.runs.finish("run", RunState.TIMED_OUT, half, NOW, version)
    assert await stores.runs.summary("run") == half
    found = await stores.runs.record("run")
    assert found is not None
    assert found.summary == half


async def test_a_run_is_read_as_it_is(stores: Stores) -> None:
    assert await stores.runs.record("run") is None
    await stores.runs.create(OpenRange(RangeId("run", b"", b""), None, b"{}"), RunKind.LIST, NOW)
    (running,) = await stores.runs.running()
    assert await stores.runs.names_running() == {running.name}
    assert await stores.runs.record("run") == RunRecord(running, RunState.RUNNING, None)
    await end(stores, RunState.CANCELLED, RunSummary.nothing())
    found = await stores.runs.record("run")
    assert found is not None
    assert (found.state, found.ended_at is not None) == (RunState.CANCELLED, True)


async def test_a_run_that_never_was_does_not_exist(stores: Stores) -> None:
    assert not await stores.runs.exists("run")
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    assert await stores.runs.exists("run")


async def test_runs_are_found_by_when_they_began(stores: Stores) -> None:
    begun = {
        "list-20270115T080000-1": NOW,
        "verify-20270115T090000-2": NOW + 3600,
        "list-20270116T080000-3": NOW + 86_400,
    }
    for name, at in begun.items():
        assert await stores.runs.create(opened(run=name), RunKind.KEYS if name.endswith("3") else RunKind.LIST, at)
    version = await stores.runs.acquire_end("verify-20270115T090000-2", NOW, 60)
    summary = RunSummary(0, 0, Counts(), Counts(), Counts(), 0)
    await stores.runs.finish("verify-20270115T090000-2", RunState.FINISHED, summary, NOW + 4000, version)
    assert [record.run.name for record in await stores.runs.since(NOW)] == list(begun)
    later = await stores.runs.since(NOW + 1)
    assert [(record.run.kind, record.state, record.ended_at) for record in later] == [
        (RunKind.LIST, RunState.FINISHED, NOW + 4000),
        (RunKind.KEYS, RunState.RUNNING, None),
    ]
    assert [record.summary for record in later] == [summary, None], "an end's counts come with it"
    assert await stores.runs.since(NOW + 86_401) == []
    assert [await stores.runs.record(item.run.name) for item in later] == later
    assert await stores.runs.record("list-20270115T080000-2") is None


async def test_the_books_of_a_run_that_has_ended_outlive_its_records(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    await stores.ledger.create([record("b1", "a/1", run="run")])
    assert await stores.runs.running() == [OpenRun("run", RunKind.LIST, b"a/", b"message ", NOW)]
    touched = await stores.runs.last_activity("run")
    assert touched is not None
    assert abs(touched - time.time()) < 60
    held = [item async for item in stores.ledger.scan(b"", b"")]
    summary = RunSummary(1, 5, Counts({"copied": 1}, {"copied": 5}), Counts(), Counts({"same": 1}, {"same": 5}), 0, 2)
    summary = replace(summary, found_there=3)
    await end(stores, RunState.FINISHED, summary)
    await stores.ledger.merge(Merge([held[0].record], []), [held[0].version])
    assert await stores.runs.running() == []
    assert await stores.runs.summary("run") == summary


async def test_a_pulse_tells_of_a_run_that_its_records_do_not(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    before = await stores.runs.last_activity("run")
    assert before is not None
    one = Progress({0.0: Interval(0, 1, 10), 60.0: Interval(60, 2, 20)}, [Slow(1.5, 20, "k")], {"direct": (3, 30)}, 120)
    await stores.runs.heartbeat("run", "one", NOW, one)
    await stores.runs.heartbeat(
        "run", "two", NOW + 60, Progress({60.0: Interval(60, 3, 30)}, [], {"direct": (3, 30)}, 60)
    )
    after = await stores.runs.last_activity("run")
    assert after is not None
    assert after > before
    beats = {0.0: Interval(0, 1, 10), 60.0: Interval(60, 5, 50)}
    assert await stores.runs.progress("run") == Progress(beats, [Slow(1.5, 20, "k")], {"direct": (6, 60)}, 180)
    assert await stores.runs.progress("no such run") == Progress()
    await end(stores, RunState.TIMED_OUT, RunSummary(0, 0, Counts(), Counts(), Counts(), 1))
    assert await stores.runs.running() == []


async def test_the_sums_of_all_ranges_are_merged(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.VERIFY, NOW)
    await stores.ranges.split(await take(stores, opened()), [opened(b"a/5"), opened(b"b")])
    for cursor in (b"", b"a/5"):
        sums = Rollup()
        sums.of(b"a/").merge(FolderRollup(1, 2, 3, 4, 5, 6))
        sums.of("é/".encode()).merge(FolderRollup(s3_count=1))
        sums.sizes[5], sums.proofs["md5"] = 2, 1
        sums.unwritten_rows = 3
        sums.differs(b"a/" + cursor, 5, "missing")
        counts = RangeCounts(sums=sums, manifest=[ManifestPart(f"f{cursor.decode()}", 1, 2, "00")])
        await stores.ranges.complete(await take(stores, opened(cursor)), counts, NOW)
    await stores.ranges.complete(await take(stores, opened(b"b")), RangeCounts(), NOW)
    merged, parts = await stores.ranges.rollup("run")
    assert merged.folders == {b"a/": FolderRollup(2, 4, 6, 8, 10, 12), "é/".encode(): FolderRollup(s3_count=2)}
    assert (merged.sizes, merged.proofs) == ({5: 4}, {"md5": 2})
    assert merged.unwritten_rows == 6
    assert sorted(merged.differing) == [("a/", 5, "missing"), ("a/a/5", 5, "missing")]
    assert sorted(part.name for part in parts) == ["f", "fa/5"]
    assert (await stores.ranges.rollup("no such run"))[0].folders == {}


async def test_the_failed_keys_of_a_run_are_told(stores: Stores) -> None:
    failed = Entry(b"a/2", "e", 5, 7, Outcome.FAILED, reason="forbidden: no")
    await stores.ledger.create([record("b1", "a/1", run="run"), record("b3", "c", run="run")])
    await stores.ledger.commit_results(
        BatchRecord("b2", "run", NOW, (Entry(b"a/1", "e", 5, 7, Outcome.COPIED), failed)), None
    )
    await stores.ledger.commit_results(BatchRecord("b4", "another", NOW, (failed,)), None)
    assert [entry async for entry in stores.ledger.failed("run")] == [failed]


async def test_marks_keep_their_time_as_long_as_the_copy_stays(stores: Stores) -> None:
    one, two = DestinationOnly(b"n/1", b"k/1", 7, 10), DestinationOnly("é\U0001f680".encode(), b"k/2", 8, 20)

    async def marked(run: str, before: float) -> list[DestinationOnly]:
        found = [extra async for some in stores.extras.marked(run, before) for extra in some]
        return sorted(found, key=lambda extra: extra.name)

    await stores.extras.mark("first", [one, two], NOW)
    assert await marked("first", NOW) == [one, two]
    assert await marked("first", NOW - 1) == []
    newer = replace(two, generation=9)
    await stores.extras.mark("second", [one, newer], NOW + 100)
    assert await marked("second", NOW) == [one], "the other one is another copy now"
    assert await marked("second", NOW + 100) == [one, newer]
    assert await marked("first", NOW + 100) == []
    await stores.extras.mark("first", [replace(one, name=b"n/3")], NOW)
    assert len(await marked("first", NOW)) == 1
    await stores.extras.keep_only("second")
    assert await marked("first", NOW + 1000) == []
    await stores.extras.unmark(two)
    assert await marked("second", NOW + 100) == [one, newer], "another copy than the one that was marked first"
    await stores.extras.unmark(one)
    assert await marked("second", NOW + 100) == [newer]


async def test_one_of_many_ends_a_run(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    rights = await asyncio.gather(*(stores.runs.acquire_end("run", NOW, 60) for _ in range(5)))
    (first,) = [right for right in rights if right is not None]
    assert await stores.runs.acquire_end("run", NOW + 59, 60) is None
    second = await stores.runs.acquire_end("run", NOW + 61, 60)
    assert second is not None, "the first one has died"
    nothing = RunSummary(0, 0, Counts(), Counts(), Counts(), 0)
    with pytest.raises(StateConflict):
        await stores.runs.finish("run", RunState.TIMED_OUT, replace(nothing, open_ranges=1), NOW + 62, first)
    assert [run.name for run in await stores.runs.running()] == ["run"]
    await stores.runs.finish("run", RunState.FINISHED, nothing, NOW, second)
    assert await stores.runs.acquire_end("run", NOW + 500, 60) is None
    with pytest.raises(StateConflict):
        await stores.runs.finish("run", RunState.TIMED_OUT, replace(nothing, open_ranges=1), NOW + 62, first)
    assert await stores.runs.summary("run") == nothing


async def test_nothing_is_left_to_touch_of_a_run_that_is_done(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    await stores.ranges.complete(await take(stores, opened()), RangeCounts(), NOW)
    assert await stores.runs.last_activity("run") is None


async def test_since_when_there_are_runs_of_a_kind(stores: Stores) -> None:
    assert await stores.runs.scheduled_since(RunKind.EVENTS) is None
    for run in ("first", "second"):
        before = time.time()
        assert await stores.runs.schedule(RunKind.EVENTS, run, (await stores.runs.scheduled(RunKind.EVENTS))[1])
        since = await stores.runs.scheduled_since(RunKind.EVENTS)
        assert since is not None
        assert (abs(since - before) < 1) if run == "first" else (since <= before)
    assert await stores.runs.scheduled_since(RunKind.LIST) is None


async def test_one_of_two_ticks_becomes_the_scheduled_run(stores: Stores) -> None:
    assert (await stores.runs.scheduled(RunKind.LIST))[0] == ""
    for number in range(2):
        last, version = await stores.runs.scheduled(RunKind.LIST)
        assert last == (f"run-{number - 1}" if number else "")
        assert await stores.runs.schedule(RunKind.LIST, f"run-{number}", version)
        assert not await stores.runs.schedule(RunKind.LIST, "too late", version)
    assert (await stores.runs.scheduled(RunKind.LIST))[0] == "run-1"
    assert (await stores.runs.scheduled(RunKind.VERIFY))[0] == ""


async def test_pages_of_running_runs_are_written_by_one_and_not_too_often(stores: Stores) -> None:
    assert await stores.runs.may_show(NOW, 60)
    assert not await stores.runs.may_show(NOW, 60)
    assert not await stores.runs.may_show(NOW + 59, 60)
    won = await asyncio.gather(*(stores.runs.may_show(NOW + 60, 60) for _ in range(5)))
    assert sorted(won) == [False] * 4 + [True]


async def test_what_a_person_said_is_read_back(stores: Stores) -> None:
    assert await stores.control.get() == Control()
    said = Control(True, 10, 10**15, 12.5, cancelled=frozenset({"list-2", "list-1"}))
    await stores.control.update(lambda _: said)
    assert await stores.control.get() == said
    await stores.control.update(lambda _: Control())
    assert await stores.control.get() == Control()


async def reserve(
    stores: Stores, objects: int, size: int, control: Control, owner: str = "me", run: str = "run"
) -> bool:
    return await stores.control.reserve(run, owner, Amount(objects, size, 2 * objects), control, NOW)


async def test_a_ceiling_is_never_exceeded(stores: Stores) -> None:
    control = Control(most_objects=10, most_bytes=100)
    assert await reserve(stores, 6, 20, control)
    assert not await reserve(stores, 5, 1, control)
    assert not await reserve(stores, 1, 90, control)
    assert not await reserve(stores, 0, 90, control), "bytes alone count, too"
    assert await reserve(stores, -2, -10, control)
    assert await reserve(stores, 6, 90, control)
    assert not await reserve(stores, 1, 0, control)
    assert await stores.control.spent("run") == Amount(10, 100, 20)
    assert await reserve(stores, 10, 100, control, run="another")
    assert await stores.control.spent("no such run") == Amount()


async def test_a_ceiling_in_dollars_is_never_exceeded(stores: Stores) -> None:
    control = Control(most_dollars=1e-7)
    assert await reserve(stores, 30, 10**15, control)
    assert not await reserve(stores, 21, 0, control)
    assert await reserve(stores, 20, 0, control, owner="you")


async def test_a_ceiling_beyond_what_firestore_can_count_is_none(stores: Stores) -> None:
    """Nothing could be published: ten billion dollars are more nanodollars than a whole number of Firestore's has."""
    for control in (Control(most_dollars=1e10), Control(most_objects=10**30, most_bytes=10**30)):
        assert await reserve(stores, 30, 10**15, control)


async def test_many_reserve_at_once(stores: Stores) -> None:
    control = Control(most_objects=5)
    granted = await asyncio.gather(*(reserve(stores, 1, 1, control, owner=f"owner {n}") for n in range(8)))
    assert sum(granted) == 5


async def test_the_last_of_a_ceiling_is_shared_out_by_all_who_ask_at_once(stores: Stores) -> None:
    """All take from the same shards then: who meets another waits a moment, and tries again."""
    most = Control(most_objects=320)
    asked = (stores.control.reserve("run", f"owner-{number}", Amount(10), most, NOW) for number in range(32))
    assert sum(await asyncio.gather(*asked)) == 32
    assert await stores.control.spent("run") == Amount(320)


async def test_a_large_ceiling_is_used_up_from_all_shards(stores: Stores) -> None:
    control = Control(most_objects=64_000)
    granted = 0
    for number in range(40):
        granted += 1_700 * await reserve(stores, 1_700, 0, control, owner=f"owner {number}")
    assert granted == 64_000 // 1_700 * 1_700
    assert await reserve(stores, 64_000 - granted, 0, control)
    assert not await reserve(stores, 1, 0, control, owner="last")


async def test_a_ceiling_that_is_lowered_holds_at_once(stores: Stores) -> None:
    for number in range(30):
        assert await reserve(stores, 100, 0, Control(most_objects=64_000), owner=f"owner {number}")
    lower = Control(most_objects=3_100)
    assert await reserve(stores, 100, 0, lower, owner="one more")
    for number in range(64):
        assert not await reserve(stores, 1, 0, lower, owner=f"owner {number}")
    assert await reserve(stores, 64, 0, Control(most_objects=6_400), owner="raised")


async def test_a_ceiling_that_is_raised_and_lowered_again_holds_at_once(stores: Stores) -> None:
    """What shards had left of the first one was used up, however much the run had spent under the second."""

    async def control(most: int) -> Control:
        await stores.control.update(lambda known: replace(known, most_objects=most))
        return await stores.control.get()

    low = await control(1_280)
    for number in range(12):
        assert await reserve(stores, 1, 0, low, owner=f"owner {number}")
    assert await reserve(stores, 5_000, 0, await control(12_800), owner="another")
    low = await control(1_280)
    for number in range(12):
        assert not await reserve(stores, 1, 0, low, owner=f"owner {number}")


async def test_prefixes_and_rejections_can_be_noted_again_and_again(stores: Stores) -> None:
    for text in ("", "a/", "..", "__x__", "p" * 1024, "é/\U0001f680"):
        prefix = text.encode()
        await stores.prefixes.update(prefix, lambda _: {"s3_count": 1})
        await stores.prefixes.update(prefix, lambda _: {"copy": {"run": "r"}})
        await stores.prefixes.update(prefix, lambda _: {"copy": {"state": "published"}})
        assert (await stores.prefixes.get(prefix))["copy"] == {"run": "r", "state": "published"}
    assert await stores.prefixes.get(b"unknown") == {}
    for _ in range(2):
        await stores.rejected.note("id/with:odd signs", RunKind.LIST, ["not JSON"], NOW)


async def test_a_holder_whose_range_was_taken_over_changes_nothing(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    zombie = await take(stores, opened())
    holder = await take(stores, opened(), "you", NOW + 61)
    counted = RangeCounts(Counts({"listed": 20}, {"listed": 20}))
    with pytest.raises(StateConflict):
        await stores.ranges.renew(zombie, NOW + 62, 60)
    with pytest.raises(StateConflict):
        await stores.ranges.complete(zombie, counted, NOW + 62)
    with pytest.raises(StateConflict):
        await stores.ranges.split(zombie, [opened(b"a/9")])
    assert await stores.ranges.messages("run") == [b"message "]
    holder = await stores.ranges.renew(holder, NOW + 90, 60)
    assert await stores.ranges.acquire(opened().range_id, "third", NOW + 149, 60) is Refusal.HELD
    holder = await stores.ranges.split(holder, [opened(b"a/5")])
    await stores.ranges.complete(holder, RangeCounts(Counts({"listed": 5}, {"listed": 5})), NOW + 91)
    with pytest.raises(StateConflict):
        await stores.ranges.complete(zombie, counted, NOW + 92)
    assert (await stores.ranges.listed("run")).keys == {"listed": 5}
    assert await stores.ranges.messages("run") == [b"message a/5"]


async def test_who_has_lost_a_range_records_no_batch_of_it(stores: Stores) -> None:
    """However late a write arrives: whoever has the range now has read the ledger already."""
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    zombie = await take(stores, opened(), "zombie")
    await stores.ledger.create([record("b1", "a")], zombie)
    holder = await take(stores, opened(), "holder", NOW + 61)
    with pytest.raises(StateConflict):
        await stores.ledger.create([record("b2", "b")], zombie)
    assert await found(stores) == ["b1"]
    holder = await stores.ranges.renew(holder, NOW + 62, 60)
    await stores.ledger.create([record("b1", "other"), record("b3", "c")], holder)
    assert sorted(await found(stores)) == ["b1", "b3"]
    with pytest.raises(StateConflict):
        await stores.ledger.create([record("b1", "a"), record("b4", "d")], zombie)
    await stores.ranges.complete(holder, RangeCounts(), NOW + 63)
    with pytest.raises(StateConflict):
        await stores.ledger.create([record("b5", "e")], holder)
    assert sorted(await found(stores)) == ["b1", "b3"]


async def test_a_split_never_opens_a_neighbour_anew(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.VERIFY, NOW)
    left = await stores.ranges.split(await take(stores, opened()), [opened(b"a/4")])
    right = await take(stores, opened(b"a/4"), "you")
    await stores.ranges.complete(right, RangeCounts(Counts({"listed": 15}, {"listed": 15})), NOW)
    with pytest.raises(StateConflict):
        await stores.ranges.split(left, [opened(b"a/4", b"a/4")])
    assert await stores.ranges.acquire(opened(b"a/4").range_id, "third", NOW, 60) is Refusal.DONE
    assert (await stores.ranges.listed("run")).keys == {"listed": 15}
    assert await take(stores, opened()) == left


async def test_what_is_merged_meanwhile_is_never_written_over(stores: Stores) -> None:
    await stores.ledger.create([record("b1", "a"), record("b2", "b"), record("m", "a", "b")])
    held = [item async for item in stores.ledger.scan(b"", b"") if item.record.batch != "m"]
    assert not await stores.ledger.merge(
        Merge([item.record for item in held], [record("m", "a", "b", run="")]), [item.version for item in held]
    )
    assert sorted(await found(stores)) == ["b1", "b2", "m"]


async def test_writers_that_meet_at_a_prefix_lose_nothing(stores: Stores) -> None:
    def one_more(known: dict[str, Any]) -> dict[str, Any]:
        return {"checks": known.get("checks", 0) + 1}

    await asyncio.gather(*(stores.prefixes.update(b"a/", one_more) for _ in range(4)))
    assert (await stores.prefixes.get(b"a/"))["checks"] == 4
    assert (await stores.prefixes.update(b"a/", lambda _: {}))["checks"] == 4
    assert await stores.prefixes.update(b"nothing/", lambda _: {}) == {}
    assert await stores.prefixes.get(b"nothing/") == {}


async def test_twenty_who_note_at_one_prefix_at_once_are_all_heard(stores: Stores) -> None:
    """As the invocations do that close the last ranges of a comparison side by side."""

    async def note(number: int) -> None:
        await stores.prefixes.update(b"p/", lambda known: {f"n{number}": len(known)})

    await asyncio.gather(*map(note, range(20)))
    noted = await stores.prefixes.get(b"p/")
    assert {name for name in noted if name.startswith("n")} == {f"n{number}" for number in range(20)}


async def test_two_people_who_speak_at_once_are_both_heard(stores: Stores) -> None:
    await asyncio.gather(
        stores.control.update(lambda said: replace(said, paused=True)),
        stores.control.update(lambda said: replace(said, most_objects=7)),
    )
    assert await stores.control.get() == Control(paused=True, most_objects=7)


async def test_an_older_heartbeat_does_not_replace_a_newer_one(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    newer, older = Progress({60.0: Interval(60, 2, 20)}, [], {}, 60), Progress({0.0: Interval(0, 1, 10)}, [], {}, 60)
    await stores.runs.heartbeat("run", "one", NOW + 60, newer)
    await stores.runs.heartbeat("run", "one", NOW, older)
    assert await stores.runs.progress("run") == newer


async def test_marks_that_are_made_at_once_are_all_kept(stores: Stores) -> None:
    extras = [DestinationOnly(b"n/%03d" % n, b"k/%03d" % n, 1, 1) for n in range(6)]
    await asyncio.gather(*(stores.extras.mark(f"run-{n}", extras, NOW + n) for n in range(3)))
    marked = [sum([len(some) async for some in stores.extras.marked(f"run-{n}", NOW + 3)]) for n in range(3)]
    assert sorted(marked) == [0, 0, 6], "one after the other, each all at once"


async def test_who_has_no_time_for_young_marks_can_stop(stores: Stores) -> None:
    extras = [DestinationOnly(b"n/%03d" % n, b"k/%03d" % n, 1, 1) for n in range(3 * PORTION)]
    await stores.extras.mark("run", extras, NOW)
    assert [len(some) async for some in stores.extras.marked("run", NOW - 1)] == [0, 0, 0, 0]
    old = [extra async for some in stores.extras.marked("run", NOW) for extra in some]
    assert sorted(extra.name for extra in old) == [extra.name for extra in extras]


async def test_for_whom_the_ledger_speaks_is_kept_with_the_first_of_all(stores: Stores) -> None:
    assert await stores.control.spoken() is None
    assert await stores.control.speak_for("a", "A") == Spoke("a", "a", "A"), "the first one speaks for itself"
    assert await stores.control.speak_for("a", "A") == Spoke("a", "a", "A")
    assert await stores.control.speak_for("b", "B") == Spoke("a", "a", "A")
    assert await stores.control.speak_for("b", "B") == Spoke("a", "b", "B")
    assert await stores.control.spoken() == Spoke("a", "b", "B")
    assert await stores.control.speak_for("a", "A") == Spoke("a", "b", "B")
    assert await stores.control.get() == Control(), "a document of its own"


async def test_a_record_keeps_for_whom_it_speaks(stores: Stores) -> None:
    for batch, identity in (("mine", "a"), ("of before", "")):
        await stores.ledger.create([replace(record(batch, "a/1"), identity=identity)])
        found = await stores.ledger.get(batch)
        assert found is not None
        assert found.record.identity == identity


async def test_a_run_without_its_report_is_kept_in_mind_with_what_the_report_is_made_of(stores: Stores) -> None:
    await stores.runs.create(opened(), RunKind.LIST, NOW)
    await stores.runs.heartbeat("run", "one", NOW, Progress({0.0: Interval(0, 1, 10)}, [], {}, 60))
    version = await stores.runs.acquire_end("run", NOW, 60)
    summary = RunSummary(0, 0, Counts(), Counts(), Counts(), 0)
    await stores.runs.finish("run", RunState.FINISHED, summary, NOW + 5, version, reported=False)
    (found,) = await stores.runs.unreported()
    assert (found.run.name, found.state, found.ended_at) == ("run", RunState.FINISHED, NOW + 5)
    assert (await stores.runs.progress("run")).intervals
    await stores.runs.reported("run")
    assert await stores.runs.unreported() == []
    assert not (await stores.runs.progress("run")).intervals
