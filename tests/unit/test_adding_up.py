"""The counts of a run of any size: added up in stretches, by as many invocations as that takes, and right."""

from dataclasses import replace

import pytest

from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, VerifyMessage
from shared.ports.control_store import Control
from shared.ports.run_store import OpenRun, PartialSummary
from shared.runs.lifecycle import BEGIN_SECONDS, CLOSING_SECONDS, KEEPING_SECONDS
from tests.fakes import FakeRuns
from tests.world import LIFE, Crash, World, filled

KEYS = 60
STRETCH_SECONDS = 25.0


class SlowRuns(FakeRuns):
    """A stretch has two documents, and takes time."""

    stretches = 0
    dies_in: int | None = None

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        self.stretches += 1
        if self.stretches == self.dies_in:
            raise Crash
        self.world.clock.pass_time(STRETCH_SECONDS)
        return await super().add_up(run, partial)

    world: World


async def copied() -> tuple[World, SlowRuns, str]:
    """A run all of whose keys have ended, in 20 records and a range."""
    world = filled(KEYS)
    runs = SlowRuns(world.stores.ranges, world.stores.ledger, most_summed=2)
    runs.world = world
    world.stores.runs = runs
    again = World(bucket=world.bucket, destination=world.destination, stores=world.stores, clock=world.clock)
    runs.world = again
    run = again.send("list", ListMessage(scheduled=True))
    await again.drain()
    assert len(again.stores.ledger.documents) == KEYS // 3
    return again, runs, run


async def test_a_run_is_added_up_by_as_many_invocations_as_that_takes() -> None:
    """One message of the scheduler's is enough: whoever has no more time sends another."""
    world, runs, run = await copied()
    invocations = 0
    world.send("verify", VerifyMessage(close=True))
    while runs.documents[run].state == "going":
        began, before = world.clock.monotonic(), runs.stretches
        await world.drain(most=1, finish=False)
        invocations += 1
        assert world.clock.monotonic() - began <= BEGIN_SECONDS + STRETCH_SECONDS
        assert runs.stretches > before
    assert invocations == 3
    assert runs.stretches == (KEYS // 3 + 1 + 1) // 2, "nothing is added up twice"
    assert not world.queue.sent
    summary = await runs.summary(run)
    assert summary.balanced
    assert summary.outcomes.keys == {Outcome.COPIED: KEYS}


async def test_a_run_that_cannot_be_added_up_is_closed_as_timed_out() -> None:
    """An earlier version began it: what it listed and copied is not known, so it is not said to be finished."""

    class Earlier(SlowRuns):
        async def running(self) -> list[OpenRun]:
            return [replace(run, summable=False) for run in await super().running()]

    world, runs, run = await copied()
    earlier = Earlier(runs.ranges, runs.ledger, runs.documents)
    earlier.world = world
    world.stores.runs = earlier
    again = World(bucket=world.bucket, destination=world.destination, stores=world.stores, clock=world.clock)
    earlier.world = again
    again.send("verify", VerifyMessage(close=True))
    await again.drain()
    assert runs.documents[run].state == "stalled"


async def test_no_run_is_started_on_top_of_one_that_is_being_added_up() -> None:
    world, runs, run = await copied()
    started = world.send("list", ListMessage(scheduled=True))
    await world.drain(most=1, finish=False)
    assert started not in runs.documents
    assert runs.documents[run].state == "going"
    await world.drain()
    assert runs.documents[run].state == "finished"
    assert await world.run() in runs.documents


async def test_several_who_look_at_a_run_at_once_add_it_up_once() -> None:
    world, runs, run = await copied()
    world.send("verify", VerifyMessage(close=True), times=3)
    await world.drain()
    assert runs.documents[run].state == "finished"
    assert runs.stretches == (KEYS // 3 + 1 + 1) // 2


async def test_an_invocation_that_dies_loses_little_of_what_was_added_up() -> None:
    world, runs, run = await copied()
    runs.dies_in = 4
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    assert runs.documents[run].state == "going"
    kept = await runs.partial_summary(run)
    assert kept is not None
    assert kept.position >= 2 * (3 - KEEPING_SECONDS // STRETCH_SECONDS)
    while runs.documents[run].state == "going":
        world.clock.pass_time(CLOSING_SECONDS)
        await world.run(VerifyMessage(close=True))
    assert (await runs.summary(run)).outcomes.keys == {Outcome.COPIED: KEYS}


async def test_what_was_added_up_before_a_run_went_on_is_dropped() -> None:
    """A run that seemed to have timed out is worked on again while it is being added up."""
    world, runs, run = await copied()
    open_record = min(world.stores.ledger.documents)
    record, version = world.stores.ledger.documents[open_record]
    stuck = replace(record, entries=[replace(entry, outcome=None) for entry in record.entries])
    world.stores.ledger.documents[open_record] = stuck, version
    world.clock.time += LIFE + 1
    world.send("verify", VerifyMessage(close=True))
    await world.drain(most=1, finish=False)
    assert runs.documents[run].state == "going"
    read = await world.stores.ledger.get(open_record)
    assert read is not None
    await world.stores.ledger.commit_results(record, read.version)
    while runs.documents[run].state == "going":
        await world.run(VerifyMessage(close=True))
    assert runs.documents[run].state == "finished"
    assert (await runs.summary(run)).outcomes.keys == {Outcome.COPIED: KEYS}


@pytest.mark.parametrize("paused", [True, False])
async def test_a_run_that_timed_out_waits_for_the_end_of_a_pause(paused: bool) -> None:
    world, runs, run = await copied()
    del world.stores.ledger.documents[next(iter(world.stores.ledger.documents))]
    if paused:
        world.stores.control.said = Control(paused=True)
        world.clock.pass_time(2)
    for _ in range(5):
        await world.run(VerifyMessage(close=True))
    assert runs.documents[run].state == ("going" if paused else "stalled")
