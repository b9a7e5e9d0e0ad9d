"""The laws, on the whole pipeline in memory: killed anywhere, delivered twice, out of order, forgotten."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage, VerifyMessage
from tests.world import Steps, counts, filled


async def test_a_first_run_copies_and_a_second_finds_nothing_to_do() -> None:
    world = filled()
    assert await counts(world, await world.run()) == {Outcome.COPIED: 8}
    assert world.same()
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 8}
    assert len(world.destination.writes) == 8


async def test_state_is_packed() -> None:
    world = filled(100, keys_per_message=50)
    await world.run()
    assert len(world.stores.ledger.documents) == 2
    assert world.stores.ledger.writes == 4
    await world.run()
    assert len(world.stores.ledger.documents) == 1, "merged by the scan that read them"
    writes = world.stores.ledger.writes
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 100}
    assert world.stores.ledger.writes == writes, "an idle scan writes nothing into the ledger"


async def test_a_delta_copies_what_changed_and_what_is_new() -> None:
    world = filled()
    await world.run()
    world.bucket.put("k/003", b"changed")
    world.bucket.put("new", b"new")
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2, Outcome.UNCHANGED: 7}
    assert world.same()


async def test_losing_the_memory_costs_a_scan_and_no_copy() -> None:
    world = filled()
    await world.run()
    world.stores.ledger.documents.clear()
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 8}
    assert len(world.destination.writes) == 8


async def test_force_copies_what_is_unchanged() -> None:
    world = filled()
    await world.run()
    assert await counts(world, await world.run(ListMessage(prefix=b"k/00", force=True))) == {Outcome.COPIED: 8}


async def test_single_keys() -> None:
    world = filled()
    run = await world.run(ListMessage(keys=(b"k/001", b"nowhere")))
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}


@pytest.mark.parametrize("crash_at", range(80))
@pytest.mark.parametrize("memory_is_lost", [False, True])
async def test_killed_at_any_step_the_end_is_the_same(crash_at: int, memory_is_lost: bool) -> None:
    """Law 4: every step of listing and copying, before and after each call to the outside."""
    world = filled(7, steps=Steps(crash_at))
    world.bucket.page_size = 4
    run = world.send("list", ListMessage())
    await world.drain()
    assert world.same()
    if memory_is_lost:
        world.stores.ledger.documents.clear()
        run = await world.run()
    outcomes = await counts(world, run)
    assert sum(outcomes.values()) == 7
    assert set(outcomes) <= {Outcome.COPIED, Outcome.UNCHANGED}
    assert len(world.destination.writes) == 7, "nothing is copied twice"


async def test_the_crash_test_reaches_every_step() -> None:
    world = filled(7)
    world.bucket.page_size = 4
    await world.run()
    assert 60 < world.steps.taken <= 80


@pytest.mark.parametrize("crash_at", range(80))
async def test_a_verifier_killed_at_any_step_repairs_all_the_same(crash_at: int) -> None:
    world = filled(7)
    await world.run()
    world.destination.install(b"k/002", b"rotten")
    del world.destination.objects[b"k/005"]
    world.steps.crash_at, world.steps.taken = crash_at, 0
    run = world.send("verify", VerifyMessage())
    await world.drain()
    assert world.same()
    assert sum((await counts(world, run)).values()) == 7
    assert (await world.stores.runs.summary(await world.run(VerifyMessage()))).verdicts.keys == {"same": 7}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.lists(st.integers(0, 9), max_size=3))
async def test_duplicates_out_of_order_with_changes_in_between(seed: int, times: int, changed: list[int]) -> None:
    """Law 3: whatever comes late, the destination ends with the source's current bytes."""
    world = filled(10)
    chance = random.Random(seed)

    def pick(length: int) -> int:
        return chance.randrange(length)

    world.send("list", ListMessage(), times=times)
    await world.drain(pick)
    late = [TransferMessage(run="late", batch=f"late-{n}", objects=(ObjectEntry.of(world.bucket.listed(key)),), force=True)
            for n, key in enumerate(sorted(world.bucket.objects))]  # fmt: skip
    for number in changed:
        world.bucket.put(f"k/{number:03d}", b"newer" * (number + 1))
    world.send("list", ListMessage(), times=times)
    for message in late:
        world.send("transfer", message)
    await world.drain(pick)
    assert world.same()


async def test_a_budget_that_ends_hands_on_and_loses_nothing() -> None:
    world = filled(20, budget_seconds=5, seconds_a_page=6)
    world.bucket.page_size = 4
    run = await world.run()
    assert world.same()
    assert await counts(world, run) == {Outcome.COPIED: 20}
    assert sum(piece.run == run for piece in world.stores.ranges.documents) == 6, "one a page, and the empty end"


async def test_a_transfer_without_time_left_hands_its_keys_on_with_the_same_attempt() -> None:
    world = filled(3)
    world.send("list", ListMessage())
    await world._deliver(world.inbox.popleft())
    ((topic, message),) = world.queue.sent
    world.queue.sent = []
    await world.handlers[topic](message, "", Budget(started=0, seconds=1))
    assert world.queue.sent == [(topic, message)]
    assert not world.destination.writes


async def test_a_key_twice_in_a_message_that_comes_thrice_at_once() -> None:
    world = filled(5)
    entries = tuple(ObjectEntry.of(world.bucket.listed(key)) for key in sorted(world.bucket.objects))
    message = TransferMessage(run="r", batch="b", objects=entries + entries)
    budget = Budget(world.clock.monotonic(), 540)
    await asyncio.gather(*(world.handlers["transfer"](message, "", budget) for _ in range(3)))
    (record,) = (record for record, _ in world.stores.ledger.documents.values())
    assert {entry.key for entry in record.entries} == set(world.bucket.objects)
    assert {entry.outcome for entry in record.entries} <= {Outcome.COPIED, Outcome.UNCHANGED}
    assert world.same()
