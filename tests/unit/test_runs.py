"""Runs from their first message to their last key: ticks, pauses, ceilings, ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import (
    Busy,
    Forbidden,
    MalformedMessage,
    NoSuchBucket,
    ObjectError,
    OutOfService,
    Refused,
    Throttled,
    UnreadableDocument,
    Unsorted,
)
from shared.domain.events import ObjectEvent
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, Message, TransferMessage, VerifyMessage
from shared.domain.reasons import Party, Reason
from shared.domain.runs import RunKind, RunState
from shared.domain.spending import Amount
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.control_store import Control
from shared.ports.range_store import HeldRange, OpenRange, RangeId, Refusal
from shared.ranges import ranges
from shared.ranges.send_again import SentAgain
from shared.runs.lifecycle import BEGIN_SECONDS
from shared.runs.prefix_notes import FLOWS, PrefixNotes
from tests.fakes import FakeBucket, StoredRun
from tests.world import LEASE, LIFE, Crash, World, counts, filled


def said(world: World, message: str) -> list[dict[str, object]]:
    return [fields for _, text, fields in world.log.lines if text == message]


async def listed_only(world: World, message: ListMessage | None = None) -> str:
    """A run whose batches wait in the queue."""
    run = world.send("list", message or ListMessage(scheduled=True))
    while world.inbox and world.inbox[0][0] == "list":
        await world._deliver(world.inbox.popleft())
        world.inbox.extend((t, m, "x") for t, m in world.queue.sent if t == "list")
        world.queue.sent = [item for item in world.queue.sent if item[0] != "list"]
    return run


async def test_a_tick_starts_nothing_on_top_of_a_run_that_is_going() -> None:
    world = filled(3)
    first = await listed_only(world)
    second = await listed_only(world)
    assert second not in world.stores.runs.documents
    assert said(world, "still running, so no run is started on top") == [{"run": first}]
    await world.drain()
    third = await world.run()
    assert await counts(world, third) == {Outcome.UNCHANGED: 3}
    assert world.stores.runs.documents[first].state == "finished"


@pytest.mark.parametrize("scheduled", [True, False])
async def test_a_run_that_exists_goes_on_whatever_was_scheduled_since_and_whatever_fails_with_others(
    scheduled: bool,
) -> None:
    """Its first delivery died after it had created the run: nothing but the next one brings it to its end."""
    world = filled(3)
    world.steps.crash_at = 2 * 9
    run = world.send("list", ListMessage(scheduled=scheduled))
    await world._deliver(world.inbox.popleft())
    assert world.steps.crash_at is None
    assert run in world.stores.runs.documents
    other = replace(world.stores.runs.documents[run])
    world.stores.runs.documents["other"] = other
    world.stores.runs.turns[RunKind.LIST] = "other", 9

    async def unavailable(name: str) -> float | None:
        raise OutOfService("firestore: unavailable", Party.FIRESTORE, Reason.UNREACHABLE)

    world.stores.runs.last_activity = unavailable
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 3}
    assert world.same()


async def test_ends_of_other_runs_are_begun_as_long_as_there_is_time_for_a_message_s_own_work() -> None:
    world = filled(3)
    ended = [await world.run(ListMessage(prefix=b"k/00%d" % number)) for number in range(3)]
    put = world.reports.put

    async def slow(name: str, body: bytes, content_type: str) -> None:
        world.clock.pass_time(BEGIN_SECONDS / 2 + 1 if name.endswith("report.html") else 0)
        await put(name, body, content_type)

    def states() -> list[str]:
        return [str(world.stores.runs.documents[run].state) for run in ended]

    for run in ended:
        stored = world.stores.runs.documents[run]
        stored.state, stored.summary, stored.closing_until = RunState.RUNNING, None, 0.0
    world.reports.put = slow  # type: ignore[method-assign]
    await world.run(ListMessage(prefix=b"nothing/"))
    assert states() == ["finished", "finished", "going"]
    await world.run(VerifyMessage(close=True))
    assert states() == ["finished"] * 3


async def test_reports_that_are_late_keep_a_run_waiting_for_a_minute_only() -> None:
    """A month of hourly reports that a bucket refused: all were written before the next run could begin."""
    world = filled(3)
    put, written = world.reports.put, list[str]()

    async def refused(name: str, body: bytes, content_type: str) -> None:
        raise Forbidden("no right on the bucket")

    async def slow(name: str, body: bytes, content_type: str) -> None:
        world.clock.pass_time(BEGIN_SECONDS / 4 if name.endswith("report.html") else 0.0)
        await put(name, body, content_type)
        written.append(name)

    world.reports.put = refused  # type: ignore[method-assign]
    for number in range(8):
        await world.run(ListMessage(prefix=b"k/00%d" % number))
    world.reports.put = slow  # type: ignore[method-assign]
    began = world.clock.monotonic()
    await world._deliver(("list", ListMessage(prefix=b"nothing/"), "m"))
    assert world.clock.monotonic() - began <= BEGIN_SECONDS
    for _ in range(4):
        await world.run(VerifyMessage(close=True))
    assert len({name for name in written if name.endswith("report.html")}) == 9, "the others follow"


async def test_a_person_s_prefix_waits_for_nobody() -> None:
    world = filled(3)
    await listed_only(world)
    forced = await world.run(ListMessage(prefix=b"k/", force=True))
    assert forced in world.stores.runs.documents


async def test_the_same_tick_delivered_twice_is_one_run() -> None:
    world = filled(3)
    run = world.send("list", ListMessage(), times=3)
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 3}
    assert len(world.stores.runs.documents) == 1


async def test_a_run_that_nothing_touches_any_more_is_taken_up_by_the_next() -> None:
    world = filled(3)
    stalled = await listed_only(world)
    world.queue.sent.clear()
    world.clock.time += LIFE + 1
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 3}
    assert world.stores.runs.documents[stalled].state == "stalled"
    summary = world.stores.runs.documents[stalled].summary
    assert summary is not None
    assert summary.pending == 3
    assert said(world, "run ended")[0]["reason"] == "stalled"


async def test_a_run_that_waits_in_a_long_queue_is_going_as_long_as_somebody_works_on_it() -> None:
    world = filled(9)
    run = await listed_only(world)
    first, *waiting = world.queue.sent
    world.queue.sent = [first]
    world.clock.time += 2 * LIFE
    await world.drain()
    assert world.stores.runs.beaten == {run: world.clock.time}
    world.clock.time += LIFE / 2
    tick = await world.run()
    assert tick not in world.stores.runs.documents
    forced = await world.run(ListMessage(prefix=b"k/"))
    assert (await counts(world, forced))[Outcome.IN_FLIGHT] == 6, "what waits is not sent again, however long it waits"
    verified = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(verified)).verdicts.keys["in_flight"] == 6
    world.queue.sent = waiting
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 9}
    assert len(world.destination.writes) == 9


async def test_a_prefix_that_matches_nothing_is_a_run_of_no_keys() -> None:
    world = filled(3)
    run = await world.run(ListMessage(prefix=b"nothing/here"))
    assert await counts(world, run) == {}
    assert (await world.stores.runs.summary(run)).finished


async def test_a_prefix_s_document_says_of_a_run_nothing_that_was_of_the_one_before() -> None:
    world = filled(3)
    await world.run()
    await world.run(VerifyMessage(close=True))
    assert world.stores.prefixes.documents[b""]["copy"]["ended_at"] == 1_000_000.0
    notes = PrefixNotes(world.stores.prefixes, world.clock, world.log)
    await notes.started("next", RunKind.LIST, b"")
    later = ("published_at", "ended_at", "failed", "pending")
    assert [world.stores.prefixes.documents[b""]["copy"][name] for name in later] == [None] * 4
    await notes.listed("next", b"")
    await notes.started("next", RunKind.LIST, b"")
    assert world.stores.prefixes.documents[b""]["copy"]["published_at"] == 1_000_000.0, "a start that comes twice"


@pytest.mark.parametrize("message", [ListMessage(), VerifyMessage()], ids=["listing", "comparison"])
async def test_a_run_whose_end_is_noted_is_not_said_to_go_on(message: ListMessage | VerifyMessage) -> None:
    """Nothing is to be copied, so the run has ended as soon as its last range is closed, before that is noted."""
    world = filled(3)
    await world.run()
    is_open = world.stores.ranges.is_open

    async def stands_still(run: str) -> bool:
        world.stores.ranges.is_open = is_open  # type: ignore[method-assign]
        await world._deliver(("verify", VerifyMessage(close=True), "close"))
        return await is_open(run)

    world.stores.ranges.is_open = stands_still  # type: ignore[method-assign]
    run = await world.run(message)
    flow = world.stores.prefixes.documents[b""]["check" if isinstance(message, VerifyMessage) else "copy"]
    assert (flow["run"], flow["state"], flow["ended_at"]) == (run, "finished", world.clock.now())
    assert flow.get("verdicts") == ({"same": 3} if isinstance(message, VerifyMessage) else None)
    notes = PrefixNotes(world.stores.prefixes, world.clock, world.log)
    kind = RunKind.VERIFY if isinstance(message, VerifyMessage) else RunKind.LIST
    await notes.started(run, kind, b"")
    assert world.stores.prefixes.documents[b""][FLOWS[kind]]["state"] == "finished", "who began it stood still, too"
    await notes.started("next", kind, b"")
    await (notes.compared(run, b"", {}) if kind is RunKind.VERIFY else notes.listed(run, b""))
    assert world.stores.prefixes.documents[b""][FLOWS[kind]]["run"] == "next"


async def test_the_end_of_a_run_is_not_told_as_that_of_one_that_began_later() -> None:
    world = filled(3)
    first = await listed_only(world)
    world.clock.pass_time(100)
    world.bucket.put("k/003", b"later")
    later = await listed_only(world, ListMessage())
    transfers = [item for item in world.queue.sent if getattr(item[1], "run", "") == first]
    world.queue.sent = [item for item in world.queue.sent if item not in transfers]
    waiting, world.queue.sent = world.queue.sent, transfers
    await world.drain()
    await world.run(VerifyMessage(close=True))
    assert (await world.stores.runs.record(first)).summary is not None, "it has ended"  # type: ignore[union-attr]
    document = world.stores.prefixes.documents[b""]
    assert (document["copy"]["run"], document["copy"]["state"], document["s3_count"]) == (later, "published", 3)
    world.queue.sent = waiting
    await world.drain()
    await world.run(VerifyMessage(close=True))
    assert (document["copy"]["run"], document["copy"]["state"]) == (later, "finished")


async def test_a_prefix_document_tells_its_story() -> None:
    world = filled(3)
    first = await world.run()
    assert world.stores.prefixes.documents[b""]["copy"]["state"] == "published"
    world.clock.time += 100
    second = await world.run()
    document = world.stores.prefixes.documents[b""]
    assert document["initial"] == {"run": first, "started_at": 1_000_000.0, "ended_at": 1_000_100.0}
    assert document["copy"]["frequency_seconds"] == 100.0
    assert document["copy"]["run"] == second
    assert (document["s3_count"], document["s3_bytes"]) == (3, 3)
    await world.run(VerifyMessage())
    world.clock.time += 100
    await world.run(VerifyMessage())
    document = world.stores.prefixes.documents[b""]
    assert document["check"]["frequency_seconds"] == 100.0
    assert "repair" not in document, "nothing was to be repaired"


@pytest.mark.parametrize("message", [ListMessage(prefix=b"k/", force=True), VerifyMessage(prefix=b"k/")])
@pytest.mark.parametrize("how", ["ceiling", "cancelled"])
async def test_a_run_that_was_cut_short_has_not_counted_what_there_is(
    message: ListMessage | VerifyMessage, how: str
) -> None:
    world = filled(40, bucket=FakeBucket(page_size=2))
    await world.run(ListMessage(prefix=b"k/"))
    await world.run(VerifyMessage(prefix=b"k/"))
    await world.run(VerifyMessage(close=True))
    figures = ("s3_count", "s3_bytes", "gcs_count", "gcs_bytes", "wrong", "checks")
    known = world.stores.prefixes.documents[b"k/"]
    before = {name: known[name] for name in figures}
    assert (before["s3_count"], before["gcs_count"]) == (40, 40)
    world.destination.objects.pop(b"k/003")
    if how == "ceiling":
        await world.stores.control.update(lambda said: replace(said, most_objects=0))

    def cancelled() -> None:
        world.clock.pass_time(LEASE / 9)
        going = frozenset(name for name, run in world.stores.runs.documents.items() if run.state == "going")
        world.stores.control.said = replace(world.stores.control.said, cancelled=going)

    if how == "cancelled":
        world.bucket.listed_page = cancelled
    run = await world.run(message)
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == ("stopped" if how == "ceiling" else "cancelled")
    assert {name: known[name] for name in figures} == before


async def test_only_a_comparison_that_has_something_to_repair_is_a_repair() -> None:
    world = filled(3)
    await world.run()

    async def compared(message: VerifyMessage) -> dict[str, Any]:
        await world.run(message)
        await world.run(VerifyMessage(close=True))
        return world.stores.prefixes.documents[b""]

    world.destination.objects.pop(b"k/001")
    document = await compared(VerifyMessage(repair=False))
    assert (document["checks"], document["repairs"], document.get("repair")) == (1, 0, None), "it was told not to"
    document = await compared(VerifyMessage())
    repaired = document["repair"]
    assert (document["checks"], document["repairs"]) == (2, 1)
    assert (repaired["state"], repaired["copied"], repaired["failed"]) == ("finished", 1, 0)
    document = await compared(VerifyMessage())
    assert (document["checks"], document["repairs"]) == (3, 1)
    assert document["repair"] == repaired, "the last one stays the last"


async def test_each_folder_s_document_has_the_sums_of_both_sides() -> None:
    world = World()
    for key, size in (("a/1", 5), ("a/b/2", 7), ("c", 1), ("d/3", 9)):
        world.bucket.put(key, b"x" * size)
    await world.run()
    world.destination.install(b"a/extra", b"four")
    del world.destination.objects[b"d/3"]
    await world.run(VerifyMessage(repair=False))
    await world.run(ListMessage(keys=(b"c",)))
    documents = world.stores.prefixes.documents
    figures = ("s3_count", "s3_bytes", "gcs_count", "gcs_bytes", "wrong", "extra")
    assert [documents[b"a/"][name] for name in figures] == [2, 12, 3, 16, 0, 1]
    assert [documents[b"d/"][name] for name in figures] == [1, 9, 0, 0, 1, 0]
    assert [documents[b""][name] for name in figures] == [4, 22, 4, 17, 1, 1]


async def test_a_first_run_is_followed_by_a_comparison_and_repairs_by_another() -> None:
    world = filled(5, verify_initial=True, repair_passes=3)
    run = await world.run()
    world.destination.install(b"k/002", b"rotten")
    await world.run(VerifyMessage(close=True))
    verifies = [name for name, item in world.stores.runs.documents.items() if item.kind is RunKind.VERIFY]
    assert world.stores.runs.documents[run].state == "finished"
    assert len(verifies) == 1
    assert (await world.stores.runs.summary(verifies[0])).verdicts.keys == {"same": 4, "size_differs": 1}
    for _ in range(4):
        await world.run(VerifyMessage(close=True))
    verifies = [name for name, item in world.stores.runs.documents.items() if item.kind is RunKind.VERIFY]
    assert len(verifies) == 2, "the second one was clean"
    assert (await world.stores.runs.summary(verifies[1])).verdicts.keys == {"same": 5}
    world.bucket.put("new", b"new")
    await world.run()
    await world.run(VerifyMessage(close=True))
    assert sum(item.kind is RunKind.VERIFY for item in world.stores.runs.documents.values()) == 2, (
        "only the first run is followed"
    )


async def test_a_report_that_cannot_be_written_holds_nothing_up() -> None:
    world = filled(3)
    run = await world.run()

    async def refuse(name: str, body: bytes, content_type: str) -> None:
        raise Forbidden("no such grant")

    world.reports.put = refuse  # type: ignore[method-assign]
    second = await world.run()
    assert world.stores.runs.documents[run].state == "finished"
    assert await counts(world, second) == {Outcome.UNCHANGED: 3}
    assert said(world, "no report")[0]["reason"] == "forbidden"


@pytest.mark.parametrize("wrong", [ZeroDivisionError(), UnreadableDocument("sums of a range")])
async def test_a_report_that_never_can_be_written_keeps_no_other_waiting(wrong: Exception) -> None:
    world = filled(3)
    put, rollup, tried = world.reports.put, world.stores.ranges.rollup, list[str]()

    async def refused(name: str, body: bytes, content_type: str) -> None:
        raise Forbidden("no right on the bucket")

    world.reports.put = refused  # type: ignore[method-assign]
    first, second, third = [await world.run(ListMessage(prefix=b"k/00%d" % number)) for number in range(3)]
    await world.run(VerifyMessage(close=True))

    async def failing(name: str) -> Any:
        tried.append(name)
        if name == first:
            raise wrong
        return await rollup(name)

    world.reports.put = put  # type: ignore[method-assign]
    world.stores.ranges.rollup = failing  # type: ignore[assignment, method-assign]
    await world.run(VerifyMessage(close=True))
    assert tried[:3] == [first, second, third]
    assert f"job/{first}/report.html" not in world.reports.files
    assert {f"job/{name}/report.html" for name in (second, third)} <= world.reports.files.keys()


async def test_a_run_with_a_damaged_document_keeps_no_other_from_its_end() -> None:
    world = filled(3)
    first = await world.run(VerifyMessage(prefix=b"k/000"))
    rollup = world.stores.ranges.rollup

    async def damaged(name: str) -> Any:
        if name == first:
            raise UnreadableDocument("sums of a range")
        return await rollup(name)

    world.stores.ranges.rollup = damaged  # type: ignore[assignment, method-assign]
    second = await world.run(VerifyMessage(prefix=b"k/001"))
    await world.run(VerifyMessage(close=True))
    assert [world.stores.runs.documents[name].state for name in (first, second)] == ["going", "finished"]
    assert [line["run"] for line in said(world, "no end")] == [first]


@pytest.mark.parametrize("crash_at", range(60))
async def test_a_run_whose_closing_is_killed_is_closed_all_the_same(crash_at: int) -> None:
    world = filled(4, verify_initial=True)
    run = await world.run()
    world.steps.taken, world.steps.crash_at = 0, crash_at
    for _ in range(4):
        await world.run(VerifyMessage(close=True))
        world.clock.time += 301
    assert world.stores.runs.documents[run].state == "finished"
    assert world.stores.prefixes.documents[b""]["initial"]["run"] == run
    assert f"job/{run}/report.html" in world.reports.files
    verifies = [name for name, item in world.stores.runs.documents.items() if item.kind is RunKind.VERIFY]
    assert verifies
    assert all(world.stores.runs.documents[name].state == "finished" for name in verifies)
    assert world.stores.prefixes.documents[b""]["s3_count"] == world.stores.prefixes.documents[b""]["gcs_count"] == 4


async def test_what_follows_from_a_run_follows_once() -> None:
    """The comparison that follows begins, and looks for ended runs, before the end of the first one is written down."""
    world = filled(4, verify_initial=True)
    run = await world.run()
    original = world.stores.runs.finish

    async def slow(name: str, *rest: Any) -> None:
        if name == run and world.stores.runs.documents[run].state == "going":
            await world.handlers["verify"](VerifyMessage(close=True), "another", Budget(0, 10**9))
        await original(name, *rest)

    world.stores.runs.finish = slow  # type: ignore[method-assign,assignment]
    await world.run(VerifyMessage(close=True))
    assert sum(item.kind is RunKind.VERIFY for item in world.stores.runs.documents.values()) == 1


async def test_passes_end_at_their_cap_and_what_cannot_be_repaired_stays_visible() -> None:
    world = filled(4, repair_passes=3, verify_always=True, max_attempts=1)
    await world.run()
    copies = 0

    def rot() -> None:
        nonlocal copies
        copies += 1
        world.destination.install(b"k/002", b"rotten %d" % copies)

    for _ in range(6):
        rot()
        await world.run(VerifyMessage(close=True))
    verifies = [item for item in world.stores.runs.documents.values() if item.kind is RunKind.VERIFY]
    assert len(verifies) == 3
    world.cdn.tamper[b"k/002"] = b"no"
    world.direct.tamper[b"k/002"] = b"no"
    rot()
    run = await world.run(VerifyMessage())
    assert (await counts(world, run))[Outcome.FAILED] == 1
    failed = [
        entry
        for record, _ in world.stores.ledger.documents.values()
        for entry in record.entries
        if entry.outcome == "failed"
    ]
    assert failed
    assert failed[0].reason.startswith("corrupt")


async def test_paused_nothing_starts_and_resumed_all_goes_on() -> None:
    world = filled(9)
    world.bucket.page_size = 3
    pages = 0

    def pause_after_the_first_page() -> None:
        nonlocal pages
        pages += 1
        world.clock.pass_time(2)
        world.stores.control.said = Control(paused=pages == 2)

    world.bucket.listed_page = pause_after_the_first_page
    run = world.send("list", ListMessage())
    await world.drain()
    world.bucket.listed_page = lambda: None
    assert not world.destination.writes, "the batch that was published waits, too"
    assert (await world.stores.runs.summary(run)).listed_keys == 3
    tick = await world.run()
    assert tick not in world.stores.runs.documents
    assert said(world, "the job is paused, so no run is started") == [{"run": tick}]
    assert await resume(world) == SentAgain(ranges=1, batches=1)
    world.clock.time += 2
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 9}


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("message", [ListMessage(prefix=b"k/"), VerifyMessage(prefix=b"k/")])
async def test_a_range_that_is_left_as_the_job_is_resumed_goes_on(
    message: ListMessage | VerifyMessage, page: int
) -> None:
    """Resume has read the open ranges before this one was written down: nobody else will send it."""
    world, pages, about_to_end = filled(9), 0, False
    world.bucket.page_size = 3
    get = world.stores.control.get

    def listed() -> None:
        nonlocal pages, about_to_end
        world.clock.pass_time(2)
        pages += 1
        about_to_end = pages == page

    async def still_paused() -> Control:
        nonlocal about_to_end
        paused, about_to_end = about_to_end, False
        return replace(await get(), paused=paused)

    world.bucket.listed_page = listed
    world.stores.control.get = still_paused  # type: ignore[method-assign]
    run = await world.run(message)
    assert await counts(world, run) == {Outcome.COPIED: 9}
    assert world.same()


async def test_paused_before_its_first_page_a_forced_run_waits_whole() -> None:
    world = filled(4)
    await world.run()
    world.clock.time += 2
    world.stores.control.said = Control(paused=True)
    run = await world.run(ListMessage(prefix=b"k/", force=True))
    assert (await world.stores.runs.summary(run)).open_ranges == 1
    await resume(world)
    world.clock.time += 100
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 4}


async def test_a_paused_verifier_goes_on_where_it_was() -> None:
    world = filled(4)
    await world.run()
    world.destination.objects.clear()
    world.destination.writes.clear()
    world.clock.time += 2
    world.stores.control.said = Control(paused=True)
    run = await world.run(VerifyMessage(prefix=b"k/"))
    assert not world.destination.writes
    await resume(world)
    world.clock.time += 100
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 4}


async def test_batches_that_a_pause_left_are_sent_by_the_hundred() -> None:
    """One at a time, a million of them took hours."""
    world = World(keys_per_message=1)
    world.bucket.page_size = 1000
    for number in range(250):
        world.bucket.put(f"k/{number:03d}", b"x")
    world.send("list", ListMessage(prefix=b"k/"))
    await world.drain(most=1, finish=False)
    world.queue.sent.clear()
    world.inbox.clear()
    requests, publish = 0, world.queue.publish

    async def counted(topic: str, messages: Sequence[Message]) -> None:
        nonlocal requests
        requests += bool(messages)
        await publish(topic, messages)

    world.queue.publish = counted  # type: ignore[method-assign]
    assert await resume(world) == SentAgain(ranges=0, batches=250)
    assert requests == 3
    await world.drain()
    assert world.same()


async def resume(world: World) -> SentAgain:
    return await world.admin.resume()


async def test_a_job_has_a_ceiling_of_its_own_until_somebody_says_another() -> None:
    world = filled(8, default_control=Control(most_objects=3))
    assert (await world.stores.runs.summary(await world.run())).outcomes.keys == {Outcome.COPIED: 3}
    await world.stores.control.update(lambda _: Control(most_objects=100))
    world.clock.time += LIFE
    await world.run()
    assert world.same()


@pytest.mark.parametrize(
    ("control", "copied"),
    [
        (Control(most_objects=7), 6),
        (Control(most_bytes=11), 3),
        (Control(most_objects=0), 0),
        (Control(most_objects=12), 12),
    ],
)
async def test_a_ceiling_stops_a_run_cleanly(control: Control, copied: int) -> None:
    """Batches are of three keys of two bytes: a batch is published whole or not at all."""
    world = World()
    for number in range(12):
        world.bucket.put(f"k/{number:02d}", b"xy" if control.most_bytes is None else b"xyz")
    world.bucket.page_size = 5
    world.stores.control.said = control
    run = await world.run()
    assert await counts(world, run) == ({Outcome.COPIED: copied} if copied else {})
    summary = await world.stores.runs.summary(run)
    assert summary.listed_keys == copied, "what could not be published is not in the summary of this run"
    assert summary.stopped_ranges == (copied < 12)
    if copied < 12:
        assert "ceiling" in str(said(world, "a ceiling is reached")[0]["reason"])
        assert not said(world, "a range has stopped"), "what somebody wanted so is no error"
        assert "ceiling" in world.stores.prefixes.documents[b""]["copy"]["error"]
    world.stores.control.said = Control()
    world.clock.time += 2
    assert await counts(world, await world.run()) == (
        {Outcome.COPIED: 12 - copied, Outcome.UNCHANGED: copied} if 0 < copied < 12
        else {Outcome.COPIED: 12} if not copied else {Outcome.UNCHANGED: 12}
    )  # fmt: skip
    assert world.stores.runs.documents[run].state == ("stopped" if copied < 12 else "finished")


async def test_what_was_reserved_and_not_used_is_given_back() -> None:
    world = filled(4)
    world.stores.control.said = Control(most_objects=1000, most_bytes=10**6)
    run = await world.run()
    assert await world.stores.control.spent(run) == Amount(4, 6)


@pytest.mark.parametrize(
    "failure",
    [NoSuchBucket("no bucket"), Forbidden("ListBucket"), Unsorted("directory"), Refused("name no key for 480 s")],
)
async def test_a_source_that_cannot_be_listed_ends_the_run_with_the_reason(failure: ObjectError) -> None:
    world = filled(3)

    def refuse() -> None:
        raise failure

    world.bucket.listed_page = refuse
    run = await world.run()
    summary = await world.stores.runs.summary(run)
    assert summary.finished
    assert summary.stopped_ranges == 1
    assert str(world.stores.prefixes.documents[b""]["copy"]["error"]).startswith(failure.reason)
    world.bucket.listed_page = lambda: None
    assert await counts(world, await world.run()) == {Outcome.COPIED: 3}


async def test_throttled_in_the_middle_what_was_listed_is_kept() -> None:
    world = filled(9)
    world.bucket.page_size = 3
    pages = 0

    def throttle() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise Throttled("SlowDown")

    world.bucket.listed_page = throttle
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 9}
    assert pages == 4, "no page was listed twice"
    assert said(world, "a range is handed on")


async def test_deleted_keys_that_take_longer_than_an_invocation_are_passed_by_the_next_one() -> None:
    """S3's pages name none of them, so nothing but the clock ends an invocation that began with other keys."""
    world = filled(9, seconds_a_page=50.0)
    world.bucket.page_size = 3
    world.bucket.deleted = {b"k/002": 30}
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 9}
    listed = [what for what, _ in world.bucket.requests].count("list")
    assert listed == 1 + 10 + 30 + 2, "ended by its budget after ten of them, and by the next invocation passed at once"


async def test_the_lease_is_kept_while_pages_are_empty() -> None:
    world = filled(3, seconds_a_page=LEASE / 2)
    world.bucket.deleted = {b"": 8}
    lost = False

    def meanwhile() -> None:
        nonlocal lost
        world.clock.pass_time(LEASE / 2)
        held = [item for item in world.stores.ranges.documents.values() if item.state == "open"]
        lost = lost or any(item.until < world.clock.now() for item in held)

    world.bucket.listed_page = meanwhile
    assert await counts(world, await world.run()) == {Outcome.COPIED: 3}
    assert not lost


async def test_a_clock_that_jumps_loses_nothing() -> None:
    world = filled(6)
    run = await listed_only(world)
    world.clock.time += 10**7
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 6}
    world.clock.time -= 2 * 10**7
    world.bucket.put("k/000", b"changed")
    assert (await counts(world, await world.run()))[Outcome.COPIED] == 1
    assert world.same()


async def test_a_batch_delivered_while_paused_stays_open() -> None:
    world = filled(2)
    await listed_only(world)
    ((_, message),) = world.queue.sent
    assert isinstance(message, TransferMessage)
    world.clock.time += 2
    world.stores.control.said = Control(paused=True)
    await world.drain()
    assert [record.settled for record, _ in world.stores.ledger.documents.values()] == [False]


async def test_records_of_a_run_that_is_going_are_not_merged() -> None:
    world = filled(8)
    await listed_only(world, ListMessage(prefix=b"k/"))
    world.queue.sent.clear()
    before = set(world.stores.ledger.documents)
    await world.run()
    assert before <= set(world.stores.ledger.documents)


async def test_records_of_a_run_that_began_while_they_were_scanned_are_not_merged() -> None:
    """A person forces a prefix behind the scan's back; its books are added up from its own records."""
    world = filled(12, keys_per_message=2)
    await world.run()
    world.bucket.page_size = 4
    began = False

    def begin() -> None:
        nonlocal began
        if not began:
            began = True
            entry = Entry.of(world.bucket.listed(b"k/009"))
            settled = BatchRecord("forced", "behind", world.clock.now(), (replace(entry, outcome=Outcome.COPIED),))
            world.stores.runs.documents["behind"] = StoredRun(RunKind.LIST, b"k/", b"{}", world.clock.now())
            world.stores.ledger._write(settled)

    world.bucket.listed_page = begin
    await world.run()
    assert "forced" in world.stores.ledger.documents
    world.bucket.listed_page = lambda: None
    runs = world.stores.runs
    await runs.finish(
        "behind", RunState.FINISHED, await runs.summary("behind"), 0, await runs.acquire_end("behind", 0, 60)
    )
    await world.run()
    assert len(world.stores.ledger.documents) == 1


async def test_what_a_budget_cuts_off_is_handed_on_however_many_fences_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranges, "MOST_POINT_BYTES", 0)
    world = filled(40, budget_seconds=5, seconds_a_page=1)
    world.bucket.page_size = 1
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 40}


async def test_books_outlive_the_records_they_were_added_up_from() -> None:
    world = filled(8)
    first = await world.run()
    await world.run()
    assert len(world.stores.ledger.documents) == 1
    assert await counts(world, first) == {Outcome.COPIED: 8}


async def test_folders_say_how_often_they_were_compared_and_repaired() -> None:
    world = filled(4)
    await world.run()
    for damaged in (False, True):
        if damaged:
            world.destination.objects.pop(b"k/002")
        await world.run(VerifyMessage())
        await world.run(VerifyMessage(close=True))
    folder, root = world.stores.prefixes.documents[b"k/"], world.stores.prefixes.documents[b""]
    assert (folder["checks"], folder["repairs"]) == (root["checks"], root["repairs"]) == (2, 1)
    assert (folder["s3_count"], folder["gcs_count"], root["s3_count"]) == (4, 3, 4)
    assert folder["check"]["started_at"] <= folder["check"]["ended_at"]
    assert folder["check"]["error"] == ""


async def test_a_comparison_whose_end_is_told_twice_is_counted_once() -> None:
    world = filled(2)
    await world.run()
    run = await world.run(VerifyMessage())
    runs = world.handlers["verify"].work.runs
    (going,) = [item for item in await world.stores.runs.running() if item.name == run]
    sums, _ = await world.stores.ranges.rollup(run)
    for _ in range(2):
        checks = await runs.notes.ended(going, RunState.FINISHED, await world.stores.runs.summary(run), sums, False)
    assert checks == {b"": (1, 0), b"k/": (1, 0)}


async def test_a_holder_that_was_suspended_before_its_last_write_counts_nothing_twice() -> None:
    """The redelivery takes the range over and ends in its midst; then the first holder wakes up and closes it."""
    world = World()
    world.bucket.page_size = 5
    for number in range(20):
        world.bucket.put(f"k/{number:03d}", b"x" * number)
    message, original = ListMessage(prefix=b"k/"), world.stores.ranges.complete

    async def suspended(*closing: Any) -> None:
        world.stores.ranges.complete = original  # type: ignore[method-assign]
        world.clock.time += LEASE + 1
        world.bucket.listed_page = lambda: world.clock.pass_time(1000.0)
        await world.handlers["list"](message, "list-1", Budget(world.clock.monotonic(), 500.0))
        await original(*closing)

    world.stores.ranges.complete = suspended  # type: ignore[method-assign,assignment]
    with pytest.raises(Busy, match="took over the range"):
        await world.handlers["list"](message, "list-1", Budget(world.clock.monotonic(), 540.0))
    await world.drain()
    summary = await world.stores.runs.summary("list-1")
    assert (summary.listed_keys, summary.balanced) == (20, True)


@pytest.mark.parametrize("message", [ListMessage(), VerifyMessage()])
async def test_what_a_person_asks_of_the_whole_job_is_not_taken_for_the_scheduler_s(
    message: ListMessage | VerifyMessage,
) -> None:
    """`{}` looks as a scheduler's message once did, and was dropped while another run was going."""
    world = filled(3)
    first = await listed_only(world)
    world.send("verify", VerifyMessage(scheduled=True))
    run = await world.run(message)
    assert {first, run} <= world.stores.runs.documents.keys()


async def test_the_comparison_after_a_first_run_is_not_taken_for_the_scheduler_s() -> None:
    """It waits where the job is paused, and is not dropped."""
    world = filled(3, verify_initial=True)
    await world.run()
    world.stores.control.said = Control(paused=True)
    world.clock.time += 2
    await world.run(VerifyMessage(close=True))
    assert [run.kind for run in world.stores.runs.documents.values()] == ["list", "verify"]
    await resume(world)
    world.clock.time += 2
    await world.drain()
    await world.run(VerifyMessage(close=True))
    summary = [run.summary for run in world.stores.runs.documents.values()]
    assert summary[1] is not None
    assert summary[1].verdicts.keys == {"same": 3}


@pytest.mark.parametrize("behind", [0.0, 5.0, 3 * LEASE])
async def test_a_range_taken_over_by_an_instance_whose_clock_is_behind_publishes_no_key_twice(behind: float) -> None:
    """What an invocation itself has recorded is told by its ids, not by when it was: by its clock, the one before it
    recorded after it began. The source has changed since, so that the same keys would not make the same batch.
    """
    world = World(keys_per_message=3)
    for key in "bcdefgh":
        world.bucket.put(f"k/{key}", b"x")
    publish = world.queue.publish

    async def killed(topic: str, messages: Sequence[Message]) -> None:
        world.queue.publish = publish  # type: ignore[method-assign]
        raise Crash

    world.queue.publish = killed  # type: ignore[method-assign]
    run = world.send("list", ListMessage(prefix=b"k/"))
    began = world.clock.time
    await world.drain(most=1, finish=False)
    recorded = list(world.stores.ledger.documents)
    assert recorded
    world.bucket.put("k/a", b"x")
    world.clock.time = began - behind
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 8}
    batches = [record for record, _ in world.stores.ledger.documents.values() if record.run == run]
    assert sorted(entry.key for record in batches for entry in record.entries) == [b"k/%c" % key for key in b"abcdefgh"]
    assert {record.batch for record in batches}.issuperset(recorded)


async def test_a_prefix_s_document_has_the_fields_that_people_read() -> None:
    """Every name, whoever wrote it: dashboards and `bucket-transfer prefix` go by them."""
    world = filled(3)
    await world.run()
    await world.run(VerifyMessage(close=True))
    document = world.stores.prefixes.documents[b""]
    copy = ["run", "state", "started_at", "error", "published_at", "ended_at", "failed", "pending"]
    assert list(document) == ["copy", "s3_count", "s3_bytes", "initial"]
    assert sorted(document["copy"]) == sorted(copy)
    await world.run()
    world.destination.objects.pop(b"k/001")
    await world.run(VerifyMessage())
    await world.run(VerifyMessage(close=True))
    assert {name: sorted(value) for name, value in document.items() if isinstance(value, dict)} == {
        "copy": sorted([*copy, "frequency_seconds"]),
        "initial": ["ended_at", "run", "started_at"],
        "check": sorted([*copy, "verdicts"]),
        "repair": ["copied", "ended_at", "failed", "run", "state"],
    }
    figures = ["s3_count", "s3_bytes", "gcs_count", "gcs_bytes", "extra", "wrong", "checks", "repairs"]
    assert document.keys() - {"copy", "initial", "check", "repair"} == {*figures, "counted"}


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("list", ListMessage(run="list-nowhere")),
        ("list", ListMessage(run="list-nowhere", keys=(b"k/000",))),
        ("list", ListMessage(events=True, run="events-nowhere")),
        ("verify", VerifyMessage(run="verify-nowhere")),
    ],
)
async def test_a_message_of_a_run_that_is_not_on_record_is_refused(
    topic: str, message: ListMessage | VerifyMessage
) -> None:
    """It listed the whole job, for a run that nobody ended or reported, as there was no document of it."""
    world = filled(3)
    with pytest.raises(MalformedMessage, match='leave "run" out'):
        await world.handlers[topic](message, f"{topic}-m1", Budget(world.clock.monotonic(), 540.0))
    assert not world.queue.sent
    assert not world.stores.ranges.documents
    assert not world.stores.ledger.documents


async def begun(world: World, message: ListMessage | VerifyMessage, recorded: bytes | None = None) -> str:
    """A run that has begun, and whose range nobody holds. recorded: what is on record for it."""
    kind = RunKind.VERIFY if isinstance(message, VerifyMessage) else RunKind.LIST
    named = message.named(f"{kind}-m0", message.prefix)
    opened = OpenRange(RangeId(f"{kind}-m0", message.prefix, b""), None, recorded or named.encode())
    await world.stores.runs.create(opened, kind, world.clock.now())
    return f"{kind}-m0"


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        (ListMessage(), {"force": True}),
        (ListMessage(), {"until": b"k/001"}),
        (ListMessage(), {"keys": (b"k/000",)}),
        (ListMessage(prefix=b"k/", force=True), {"prefix": b"k/"}),
        (VerifyMessage(), {"repair": False}),
    ],
    ids=["force", "until", "keys", "no force", "no repair"],
)
async def test_a_message_that_wants_something_else_of_a_running_run_is_refused(
    message: ListMessage | VerifyMessage, typed: dict[str, Any]
) -> None:
    """Its range was worked on with what was typed: with `keys` the run finished when one of six had been listed."""
    world = filled(6)
    run = await begun(world, message)
    other, topic = type(message)(run=run, **typed), run.partition("-")[0]
    with pytest.raises(MalformedMessage, match=f'"{run}" was begun with other fields'):
        await world.handlers[topic](other, f"{topic}-m9", Budget(world.clock.monotonic(), 540.0))
    (held,) = world.stores.ranges.documents.values()
    assert held.owner == ""
    world.send(topic, message.named(run, message.prefix))
    await world.drain()
    assert (await world.stores.runs.summary(run)).listed_keys == 6


@pytest.mark.parametrize(
    "recorded",
    [
        b'{"run": "list-m0", "prefix": "k/", "generation": 3}',
        b'{"run": "list-m0", "prefix": "k/", "scheduled": true}',
        b'{"run": "list-m0", "prefix": "k/", "redrive": true}',
        b'{"run": "list-m0", "prefix": "k/", "of a later version": 1}',
    ],
)
async def test_what_another_version_has_put_on_record_is_worked_on(recorded: bytes) -> None:
    world = filled(6)
    run = await begun(world, ListMessage(prefix=b"k/"), recorded)
    world.send("list", ListMessage(run=run, prefix=b"k/"))
    await world.drain()
    assert (await world.stores.runs.summary(run)).listed_keys == 6


async def test_a_message_that_begins_a_run_goes_on_whatever_is_on_record() -> None:
    """It comes again to an instance of another version, which may fill in otherwise what the first one recorded."""
    world = filled(6)
    run = await begun(world, ListMessage(), b'{"run": "list-m0", "force": true}')
    assert world.send("list", ListMessage()) == run
    await world.drain()
    assert (await world.stores.runs.summary(run)).listed_keys == 6


@pytest.mark.parametrize("message", [ListMessage(scheduled=True), VerifyMessage()])
async def test_a_run_that_has_lost_a_range_proves_nothing(message: ListMessage | VerifyMessage) -> None:
    """The message of such a range was put aside, and the run ended as finished with what the others had found."""
    world = filled(9)
    await world.run()
    topic = "verify" if isinstance(message, VerifyMessage) else "list"
    run, acquire = world.send(topic, message), world.stores.ranges.acquire

    async def loses(range_id: RangeId, *rest: Any) -> HeldRange | Refusal:
        world.stores.ranges.documents.pop(range_id, None)
        return await acquire(range_id, *rest)

    world.stores.ranges.acquire = loses  # type: ignore[method-assign, assignment]
    await world.drain()
    world.stores.ranges.acquire = acquire  # type: ignore[method-assign]
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == RunState.STOPPED
    assert said(world, "a range is not on record, so its run cannot say what lies in it")
    again = await world.run(message)
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[again].state == RunState.FINISHED


@pytest.mark.parametrize("message", [ListMessage(scheduled=True), VerifyMessage()])
async def test_a_run_of_which_a_range_is_lost_once_it_is_done_proves_nothing(
    message: ListMessage | VerifyMessage,
) -> None:
    """It ended as finished, and the verifier said that all keys agree, without those of that range."""
    world = filled(9)
    await world.run()
    run = await world.run(message)
    (lost,) = [range_id for range_id in world.stores.ranges.documents if range_id.run == run]
    del world.stores.ranges.documents[lost]
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == RunState.STOPPED
    assert said(world, "a range has stopped")
    flow = FLOWS[RunKind.VERIFY if isinstance(message, VerifyMessage) else RunKind.LIST]
    noted = (await world.stores.prefixes.get(b""))[flow]
    assert noted["run"] == run
    assert noted["error"] == "ranges of the run are not on record any more, so it cannot say what lies in them"
    again = await world.run(message)
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[again].state == RunState.FINISHED


async def test_a_message_that_comes_again_of_a_run_that_ended_without_its_range_is_no_dead_letter() -> None:
    world = filled(3)
    run = await world.run()
    world.stores.ranges.documents.clear()
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == RunState.STOPPED
    await world.handlers["list"](ListMessage(), run, Budget(world.clock.monotonic(), 540.0))
    assert said(world, "a message comes again of a run that has lost its range, and has ended")
    assert not world.stores.ranges.documents


async def test_a_run_of_events_whose_range_is_lost_ends_as_stopped() -> None:
    world = filled(1)
    run = OpenRange(RangeId("events-1", b"", b""), None, ListMessage(events=True).encode())
    await world.stores.runs.create(run, RunKind.EVENTS, world.clock.now())
    world.stores.ranges.documents.clear()
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents["events-1"].state == RunState.STOPPED
    assert said(world, "a range has stopped")


async def test_a_run_goes_on_only_with_the_ranges_that_it_has() -> None:
    """Keys that a person adds to a run by a cursor of his own were counted twice."""
    world = filled(6)
    run = await world.run()
    listed = (await world.stores.runs.summary(run)).listed_keys
    await world.handlers["list"](ListMessage(run=run, cursor=b"k/002"), "list-m9", Budget(0, 10**9))
    world.send("list", ListMessage(run=run))
    await world.drain()
    assert (await world.stores.runs.summary(run)).listed_keys == listed == 6
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == RunState.STOPPED, "by its message it has lost a range"
    with pytest.raises(MalformedMessage, match="on record"):
        await world.handlers["list"](ListMessage(run=run, cursor=b"k/003"), "list-m9", Budget(0, 10**9))


@pytest.mark.parametrize(
    "message",
    [ListMessage(scheduled=True), ListMessage(), VerifyMessage(), ListMessage(events=True, scheduled=True)],
    ids=["scheduled", "a person's", "comparison", "events"],
)
async def test_a_message_that_comes_again_after_the_job_s_prefix_was_changed_begins_nothing(
    message: ListMessage | VerifyMessage,
) -> None:
    """It says no prefix, and the run that it has begun is of the one before: nothing is wrong with it, and no dead
    letter is to say so.
    """
    before = World(mapping=KeyMapping(b"a/"))
    topic = "verify" if isinstance(message, VerifyMessage) else "list"
    before.bucket.put("a/1", b"body")
    before.events.send(ObjectEvent(b"a/1", False, "1", before.clock.now(), "etag", 4))
    acquire = before.stores.ranges.acquire

    async def dies(*_: object) -> HeldRange:
        raise Crash

    before.stores.ranges.acquire = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        await before.handlers[topic](message, f"{topic}-m1", Budget(before.clock.monotonic(), 540.0))
    before.stores.ranges.acquire = acquire  # type: ignore[method-assign]
    now = World(mapping=KeyMapping(b"b/"), stores=before.stores, clock=before.clock)
    await now.handlers[topic](message, f"{topic}-m1", Budget(now.clock.monotonic(), 540.0))
    assert not now.queue.sent
    assert len(before.stores.ranges.documents) == 1
    assert [told["prefix"] for _, said, told in now.log.lines if "another prefix" in said] == ["a/"]
