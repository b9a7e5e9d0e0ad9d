"""A run that a person ends: nothing more is listed or copied for it, it balances, and the next one takes its keys up."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, Message, VerifyMessage
from shared.domain.runs import RunKind, RunState
from shared.ports.control_store import Control
from shared.reporting.sentence import Ended, verdict
from shared.runs.job_control import FRESH_SECONDS
from shared.runs.lifecycle import CLOSING_SECONDS, MESSAGE_LIFE_SECONDS
from tests.fakes.bucket import FakeBucket
from tests.unit.test_job_control import SlowControl
from tests.world import LEASE, LIFE, PART, Steps, World, counts, filled


async def begun(world: World, message: ListMessage | VerifyMessage, deliveries: int) -> str:
    """A run of which so many messages were delivered."""
    run = world.send("verify" if isinstance(message, VerifyMessage) else "list", message)
    await world.drain(most=deliveries, finish=False)
    return run


async def cancel(world: World, run: str) -> None:
    (known,) = [item for item in await world.stores.runs.running() if item.name == run]
    await world.admin.cancel(known)
    world.clock.pass_time(FRESH_SECONDS)


async def ended(world: World, run: str) -> dict[str, int]:
    """Its outcomes, once everything is delivered and its end is written down; it is off the list then."""
    await world.drain()
    for _ in range(3):
        await world.run(VerifyMessage(close=True))
        world.clock.time += CLOSING_SECONDS + 1
    assert world.stores.runs.documents[run].state == RunState.CANCELLED
    assert world.stores.control.said.cancelled == frozenset()
    return await counts(world, run)


async def test_what_has_not_begun_is_left_out_and_copied_by_the_next_run() -> None:
    world = filled(12)
    run = await begun(world, ListMessage(), 2)
    await cancel(world, run)
    assert await ended(world, run) == {Outcome.COPIED: 3, Outcome.FAILED: 9}
    assert len(world.destination.objects) == 3
    assert {entry.reason async for entry in world.stores.ledger.failed(run)} == {"cancelled: the run was cancelled"}
    assert not [line for line in world.log.lines if line[0] == "ERROR"], "a person's wish is no error"
    after = await world.run(ListMessage(scheduled=True))
    assert await counts(world, after) == {Outcome.UNCHANGED: 3, Outcome.COPIED: 9}
    assert world.same()


async def test_what_waits_in_the_queue_is_taken_up_by_a_run_that_begins_at_once() -> None:
    """Its batches are open and young, and it is still running: without more ado they would count as being copied."""
    world = filled(12)
    run = await begun(world, ListMessage(), 1)
    await cancel(world, run)
    after = world.send("list", ListMessage())
    world.inbox.rotate(1)
    await world.drain()
    assert await counts(world, after) == {Outcome.COPIED: 12}
    assert await ended(world, run) == {Outcome.FAILED: 12}
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 12}


async def test_nothing_is_listed_any_more_and_open_ranges_are_closed() -> None:
    world = filled(60, bucket=FakeBucket(page_size=2), budgets={"list": 3.0}, seconds_a_page=1.0)
    run = await begun(world, ListMessage(), 1)
    assert await world.stores.ranges.is_open(run)
    await cancel(world, run)
    asked = Counter(world.bucket.requests)
    await ended(world, run)
    assert Counter(world.bucket.requests)["list", b""] == asked["list", b""]
    summary = await world.stores.runs.summary(run)
    assert 0 < summary.listed_keys < 60
    assert (summary.open_ranges, summary.stopped_ranges) == (0, 1)
    world.budgets.clear()
    await world.run()
    assert world.same()


@pytest.mark.parametrize("message", [ListMessage(), VerifyMessage()])
async def test_a_scan_that_publishes_nothing_hears_of_it_when_its_lease_is_renewed(
    message: ListMessage | VerifyMessage,
) -> None:
    world = filled(60, bucket=FakeBucket(page_size=2))
    await world.run()
    pages = 0

    def listed() -> None:
        nonlocal pages
        pages += 1
        world.clock.pass_time(LEASE / 9)
        if pages == 4:
            names = frozenset(name for name, run in world.stores.runs.documents.items() if run.state == "going")
            world.stores.control.said = Control(cancelled=names)

    world.bucket.listed_page = listed
    run = await world.run(message)
    assert pages <= 4 + 3
    assert await ended(world, run) == {Outcome.UNCHANGED: 2 * (pages - 1)}, "what was listed last is not looked at"


@pytest.mark.parametrize("crash_at", range(0, 120, 3))
@pytest.mark.parametrize("deliveries", [1, 2, 3])
async def test_killed_at_any_step_it_balances_and_nothing_is_lost(crash_at: int, deliveries: int) -> None:
    """What a killed invocation has recorded and not counted is counted by whoever takes its range over."""
    world = filled(9, steps=Steps(crash_at), bucket=FakeBucket(page_size=4))
    run = await begun(world, ListMessage(), deliveries)
    if run not in world.stores.runs.documents:
        await world.drain(most=1, finish=False)
    if (await world.stores.runs.summary(run)).finished:
        return
    await cancel(world, run)
    outcomes = await ended(world, run)
    assert outcomes.get(Outcome.COPIED, 0) <= len(world.destination.objects), "a killed transfer may have copied more"
    await world.run()
    assert world.same()


@pytest.mark.parametrize("crash_at", range(0, 120, 3))
async def test_a_comparison_that_is_killed_and_cancelled_balances(crash_at: int) -> None:
    world = filled(9)
    await world.run()
    world.destination.objects.clear()
    world.steps.crash_at, world.steps.taken = crash_at, 0
    run = await begun(world, VerifyMessage(), 2)
    if (await world.stores.runs.summary(run)).finished:
        return
    await cancel(world, run)
    await ended(world, run)
    await world.run(VerifyMessage())
    assert world.same()


@pytest.mark.parametrize("crash_at", range(0, 90, 3))
async def test_named_keys_are_ended_likewise(crash_at: int) -> None:
    world = filled(9, steps=Steps(crash_at))
    run = await begun(world, ListMessage(keys=tuple(sorted(world.bucket.objects))), 3)
    if (await world.stores.runs.summary(run)).finished:
        return
    await cancel(world, run)
    await ended(world, run)
    await world.run()
    assert world.same()


async def test_a_budget_that_ends_while_what_is_queued_is_counted_hands_on_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.ranges.ledger_scan._STEP_RECORDS", 2)
    world = filled(30, steps=Steps(28), bucket=FakeBucket(page_size=9))
    run = await begun(world, ListMessage(), 1)
    queued = sum(len(record.entries) for record, _ in world.stores.ledger.documents.values())
    assert (queued, world.steps.crash_at) == (18, None), "it was killed with batches on record, and nothing counted"
    world.budgets["list"] = 0.0
    await cancel(world, run)
    outcomes = await ended(world, run)
    assert sum(outcomes.values()) == queued
    assert len([name for name in world.stores.ranges.documents if name.run == run]) > 1


async def test_a_paused_run_is_ended_without_being_resumed() -> None:
    """Neither its ranges nor its batches have messages: these are sent again, and a pause holds none of them."""
    world = filled(12, bucket=FakeBucket(page_size=3))
    run = await begun(world, ListMessage(), 1)
    world.stores.control.said = Control(paused=True)
    world.clock.pass_time(FRESH_SECONDS)
    await world.drain()
    assert not world.inbox
    await cancel(world, run)
    world.clock.time += LIFE
    assert await ended(world, run) == {Outcome.FAILED: 12}
    assert world.stores.control.said.paused
    assert not world.destination.objects
    await world.admin.resume()
    world.clock.pass_time(FRESH_SECONDS)
    await world.run()
    assert world.same()


async def test_a_pause_and_an_end_within_a_second_copy_nothing() -> None:
    """An instance that believes neither asks afresh whether the job is paused, and hears of both."""
    world = filled(12)
    run = await begun(world, ListMessage(), 1)
    await world.job_control.read()
    world.stores.control.said = Control(paused=True)
    world.clock.pass_time(FRESH_SECONDS)
    assert (await world.job_control.read()).paused
    await world.admin.cancel((await world.stores.runs.running())[0])
    assert await ended(world, run) == {Outcome.FAILED: 12}


async def test_what_resuming_sends_of_it_copies_nothing() -> None:
    world = filled(12)
    run = await begun(world, ListMessage(), 1)
    world.stores.control.said = Control(paused=True)
    await cancel(world, run)
    await world.admin.resume()
    assert await ended(world, run) == {Outcome.FAILED: 12}


async def test_parts_that_have_not_begun_are_left_out_and_nothing_of_the_object_stays() -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", b"x" * (2 * PART + 1))
    run = await begun(world, ListMessage(), 3)
    assert world.stores.uploads.opened
    await cancel(world, run)
    assert await ended(world, run) == {Outcome.FAILED: 1}
    assert not world.stores.uploads.opened
    await world.run()
    assert world.same()


async def test_ending_it_again_changes_nothing_and_others_go_on() -> None:
    world = filled(12)
    run = await begun(world, ListMessage(), 2)
    other = world.send("list", ListMessage(prefix=b"k/00", force=True))
    await cancel(world, run)
    await cancel(world, run)
    assert await ended(world, run) == {Outcome.COPIED: 3, Outcome.FAILED: 9}
    assert set(await counts(world, other)) == {Outcome.COPIED}


async def test_it_costs_no_read_that_was_not_there_before() -> None:
    """The mark lies in the document that every instance reads at most once a second."""
    store = SlowControl()
    world = filled(300, keys_per_message=3)
    world.stores.control = store
    world.__post_init__()
    await world.run()
    assert store.reads <= 4, "the clock stands still: once for each start and end of a run"


@pytest.mark.parametrize("kind", RunKind)
def test_its_report_is_never_green(kind: RunKind) -> None:
    whole = Ended(kind, RunState.CANCELLED, 10, 0, {"copied": 10}, {"same": 10}, {"md5": 10})
    tone, sentence = verdict(whole)
    assert (tone, sentence.startswith("The run was cancelled: ")) == ("bad", True)
    some = replace(whole, kind=RunKind.LIST, outcomes={"copied": 4, "failed": 6})
    assert "4 of 10 listed keys are copied; 6 failed or not begun" in verdict(some)[1]


def test_a_run_that_was_cancelled_when_all_had_begun_says_that_all_has_ended() -> None:
    run = Ended(RunKind.LIST, RunState.CANCELLED, 6000, 0, {"copied": 6000}, {}, {}, whole=True)
    assert verdict(run) == (
        "warning",
        "The run was cancelled when every key had begun, and all have ended; 6,000 of 6,000 listed keys are copied.",
    )
    some = replace(run, outcomes={"copied": 5000, "failed": 1000})
    assert verdict(some) == (
        "bad",
        "The run was cancelled when all was listed: the next run takes up what had not begun; "
        "5,000 of 6,000 listed keys are copied; 1,000 failed or not begun.",
    )
    for short in (replace(run, pending=1, outcomes={"copied": 5999}), replace(run, kind=RunKind.VERIFY)):
        assert verdict(short)[0] == "bad", "not ended, or not compared"


@pytest.mark.parametrize(("batches", "tone"), [(0, "bad"), (2, "warning")])
async def test_only_one_that_has_listed_and_ended_all_is_told_so(batches: int, tone: str) -> None:
    """batches: that had begun when the run was cancelled, of two, after its listing had ended."""
    world = filled(6)
    run = world.send("list", ListMessage())
    await world.drain(most=1 + batches, finish=False)
    await cancel(world, run)
    world.clock.time += 2
    await world.drain()
    await world.run(VerifyMessage(close=True))
    found = json.loads(world.reports.files[f"job/{run}/report.json"][0])
    assert (found["state"], found["tone"]) == ("cancelled", tone)


async def timed_out(world: World, run: str) -> list[tuple[str, Message, str]]:
    """The end of a cancelled run is written down before its messages come, which are returned."""
    await cancel(world, run)
    late = [*world.inbox, *((topic, message, f"late{n}") for n, (topic, message) in enumerate(world.queue.sent))]
    world.inbox.clear()
    world.queue.sent.clear()
    world.clock.pass_time(LIFE + 1)
    for _ in range(3):
        await world.run(VerifyMessage(close=True))
        world.clock.pass_time(CLOSING_SECONDS + 1)
    assert world.stores.runs.documents[run].state == RunState.CANCELLED
    return late


@pytest.mark.parametrize("deliveries", [1, 2], ids=["a range and batches", "batches"])
async def test_messages_that_come_after_its_end_copy_nothing(deliveries: int) -> None:
    """A function that was out of order for hours gets them all at once, when the run's end is long written down."""
    options = {"bucket": FakeBucket(page_size=2), "budgets": {"list": 3.0}, "seconds_a_page": 1.0}
    world = filled(12, **(options if deliveries == 1 else {}))
    run = await begun(world, ListMessage(), deliveries)
    late = await timed_out(world, run)
    there = dict(world.destination.objects)
    world.inbox.extend(late)
    await world.drain()
    assert world.destination.objects == there
    await world.run(ListMessage(scheduled=True))
    assert world.same()


async def test_its_name_is_taken_off_once_no_message_of_it_can_come() -> None:
    world = filled(12)
    run = await begun(world, ListMessage(), 1)
    await timed_out(world, run)
    assert world.stores.control.said.cancelled == {run}
    world.clock.pass_time(MESSAGE_LIFE_SECONDS)
    await world.run(VerifyMessage(close=True))
    assert world.stores.control.said.cancelled == frozenset()


async def test_a_batch_of_it_that_comes_when_its_record_is_gone_makes_nothing_failed() -> None:
    """The next run has copied its keys, and merged its records away."""
    world = filled(12)
    run = await begun(world, ListMessage(), 1)
    late = await timed_out(world, run)
    await world.run(ListMessage(scheduled=True))
    for batch in [name for name, (record, _) in world.stores.ledger.documents.items() if record.run == run]:
        del world.stores.ledger.documents[batch]
    world.inbox.extend(late)
    await world.drain()
    after = await world.run()
    assert await counts(world, after) == {Outcome.UNCHANGED: 12}
    assert after not in {record.run for record, _ in world.stores.ledger.documents.values()}, "nothing is published"
