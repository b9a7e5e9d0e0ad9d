"""The counts balance, whoever is refused, killed, or changes the source in between."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, Throttled, Transient
from shared.domain.messages import ListMessage, Message, VerifyMessage
from shared.domain.objects import SourceObject
from shared.ledger.record import BatchRecord
from shared.ledger.table import Packed, Table
from tests.world import LEASE, Crash, World, counts, filled


async def after_a_crash(
    world: World, crash_at: int, message: ListMessage | VerifyMessage, change: Callable[[World], None]
) -> str:
    """A run whose instance dies at a step, before the source changes."""
    world.steps.taken, world.steps.crash_at = 0, crash_at
    run = world.send("verify" if isinstance(message, VerifyMessage) else "list", message)
    deliver = world._deliver

    async def delivered(delivery: object) -> None:
        before = world.steps.crash_at
        await deliver(delivery)  # type: ignore[arg-type]
        if before is not None and world.steps.crash_at is None:
            change(world)

    world._deliver = delivered  # type: ignore[method-assign]
    await world.drain()
    return run


async def test_a_listing_refused_on_its_second_page() -> None:
    world = filled(20, keys_per_message=3)
    world.bucket.page_size, pages = 10, 0

    def page() -> None:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise Forbidden("ListBucket")

    world.bucket.listed_page = page
    run = await world.run(ListMessage(prefix=b"k/"))
    assert await counts(world, run) == {Outcome.COPIED: 9}
    assert (await world.stores.runs.summary(run)).stopped_ranges == 1


@pytest.mark.parametrize("crash_at", range(0, 48, 2))
async def test_single_keys_killed_before_one_of_them_changes(crash_at: int) -> None:
    def change(world: World) -> None:
        world.bucket.put("k/001", b"new bytes")

    world = filled(3)
    run = await after_a_crash(world, crash_at, ListMessage(keys=(b"k/001", b"k/002")), change)
    assert sum((await counts(world, run)).values()) == 2


@pytest.mark.parametrize("crash_at", range(0, 60, 2))
@pytest.mark.parametrize("key", ["k/001", "k/007"])
async def test_a_range_killed_before_one_of_its_keys_is_deleted_or_changes(crash_at: int, key: str) -> None:
    for change in (
        lambda w: w.bucket.objects.pop(key.encode(), None),
        lambda w: w.bucket.put(key, b"longer than before"),
    ):
        world = filled(8)
        world.bucket.page_size = 4
        run = await after_a_crash(world, crash_at, ListMessage(prefix=b"k/"), change)
        assert sum((await counts(world, run)).values()) in (7, 8)


@pytest.mark.parametrize("crash_at", range(0, 60, 2))
@pytest.mark.parametrize("key", ["k/001", "k/003", "k/007"])
async def test_a_comparison_killed_before_a_key_that_it_queued_is_deleted_or_changes(crash_at: int, key: str) -> None:
    """Its batch will say how the key ended, so it was listed once, as large as it was then, and it has a verdict."""
    for change in (
        lambda w: w.bucket.objects.pop(key.encode(), None),
        lambda w: w.bucket.put(key, b"longer than before"),
    ):
        world = filled(8)
        world.bucket.page_size = 4
        run = await after_a_crash(world, crash_at, VerifyMessage(prefix=b"k/"), change)
        ended = await counts(world, run)
        verdicts = (await world.stores.runs.summary(run)).verdicts.keys
        compared = sum(count for verdict, count in verdicts.items() if verdict != "extra")
        assert sum(ended.values()) == compared
        assert compared in (7, 8)


@pytest.mark.parametrize("crash_at", range(0, 60, 2))
async def test_a_range_taken_over_by_an_instance_whose_clock_is_behind(crash_at: int) -> None:
    """What another recorded is told by the ids of its batches: to the one that goes on, it seems recorded later."""

    def change(world: World) -> None:
        world.clock.time -= 10 * LEASE
        world.bucket.put("k/001", b"longer than before")

    world = filled(8)
    world.bucket.page_size = 4
    run = await after_a_crash(world, crash_at, ListMessage(prefix=b"k/"), change)
    assert sum((await counts(world, run)).values()) == 8


async def test_one_refused_head_fails_that_key_only() -> None:
    world = filled(8)
    head = world.bucket.head

    async def refused(key: bytes) -> SourceObject:
        if key == b"k/003":
            raise Forbidden("HEAD k/003")
        return await head(key)

    world.bucket.head = refused  # type: ignore[method-assign]
    run = await world.run(ListMessage(keys=tuple(f"k/{number:03d}".encode() for number in range(8))))
    assert await counts(world, run) == {Outcome.COPIED: 7, Outcome.FAILED: 1}
    assert (await world.stores.runs.summary(run)).stopped_ranges == 0


async def test_single_keys_whose_budget_ends_or_whose_source_throttles_go_on_where_they_were() -> None:
    world = filled(100)
    asked, head, lister = 0, world.bucket.head, world.handlers["list"]

    async def slow(key: bytes) -> SourceObject:
        nonlocal asked
        asked += 1
        if asked == 50:
            raise Throttled("SlowDown")
        return await head(key)

    async def without_time(message: ListMessage, run: str, budget: Budget) -> None:
        await lister(message, run, Budget(world.clock.monotonic(), 0))

    world.bucket.head = slow  # type: ignore[method-assign]
    world.handlers["list"] = without_time
    run = await world.run(ListMessage(keys=(*(f"k/{number:03d}".encode() for number in range(100)), b"k/gone")))
    assert await counts(world, run) == {Outcome.COPIED: 100, Outcome.FAILED: 1}
    assert world.same()


async def test_single_keys_that_lie_far_apart_are_no_record_between_them() -> None:
    """Every range between would read it, and none could merge it."""
    world = filled(100)
    await world.run(ListMessage(keys=(b"k/000", b"k/099")))
    read = [item async for item in world.stores.ledger.scan(b"k/", b"k/050", b"k/060")]
    assert read == []


async def test_records_of_far_apart_keys_that_an_earlier_version_wrote_are_made_narrow_and_merged() -> None:
    """They were read by every range between their keys, and no range held them whole."""
    world = World(keys_per_message=100)
    world.bucket.page_size = 10
    for number in range(100):
        world.bucket.put(f"k/{number:03d}", b"x")
    await world.run()
    known = {entry.key: entry for item in await all_records(world) for entry in item.entries}
    wide = (known[b"k/000"], known[b"k/099"])
    await world.stores.ledger.create([BatchRecord(f"wide{n}", "old", 2e6 + n, wide) for n in range(18)])
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 100}
    assert not [item for item in await all_records(world) if item.first == b"k/000" and item.last == b"k/099"]
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 100}
    assert len(await all_records(world)) <= 6
    assert {entry.key: entry.etag for item in await all_records(world) for entry in item.entries} == {
        key: entry.etag for key, entry in known.items()
    }


async def all_records(world: World) -> list[BatchRecord]:
    return [item.record async for item in world.stores.ledger.scan(b"", b"")]


async def test_a_record_whose_details_are_damaged_counts_as_forgotten() -> None:
    """The lister could never pass it: its first key was asked of the details."""
    world = filled(3)
    world.bucket.put("k/a\nb", b"unsupported: its record is read in detail")
    await world.run()
    await world.run(VerifyMessage(close=True))
    assert damage(world)
    run = await world.run(ListMessage(prefix=b"k/"))
    assert sum((await counts(world, run)).values()) == 4


def damage(world: World) -> int:
    """Damage the details of every record; how many there were."""
    stored = world.stores.ledger.documents
    for batch, (record, version) in list(stored.items()):
        stored[batch] = replace(record, entries=Table(Packed(record.table.packed.scan, b"damaged"))), version
    return len(stored)


@pytest.mark.parametrize("redone", [False, True], ids=["all", "what was requeued"])
async def test_a_batch_whose_record_is_damaged_is_copied_from_its_message(redone: bool) -> None:
    """Its message could never be carried, and came again for ever."""
    world = filled(3)
    run = world.send("list", ListMessage(prefix=b"k/"))
    if redone:
        world.cdn.faults[b"k/001"] = [Transient("500") for _ in range(3)]
    await world.drain(most=2 if redone else 1, finish=False)
    assert damage(world) == 1
    await world.drain(most=20)
    assert world.same()
    ((record, _),) = world.stores.ledger.documents.values()
    assert record.run == run
    assert all(entry.outcome is Outcome.COPIED for entry in record.entries)


@pytest.mark.parametrize("keys", [(), (b"k/000", b"k/001", b"k/002")], ids=["a range", "single keys"])
async def test_who_takes_over_a_damaged_record_publishes_its_keys_anew(keys: tuple[bytes, ...]) -> None:
    """What a killed invocation recorded is asked for in detail, and could never be passed."""
    world = filled(3)
    publish = world.queue.publish

    async def killed(topic: str, messages: Sequence[Message]) -> None:
        world.queue.publish = publish  # type: ignore[method-assign]
        raise Crash

    world.queue.publish = killed  # type: ignore[method-assign]
    run = world.send("list", ListMessage(keys=keys) if keys else ListMessage(prefix=b"k/"))
    await world.drain(most=1, finish=False)
    assert damage(world) == (3 if keys else 1)
    await world.drain(most=50)
    assert await counts(world, run) == {Outcome.COPIED: 3}
    assert world.same()


async def test_resuming_and_reporting_pass_over_a_damaged_record() -> None:
    world = filled(6)
    world.cdn.faults[b"k/004"] = [Forbidden("AccessDenied")]
    await world.run()
    world.bucket.put("new", b"x")
    run = world.send("list", ListMessage(prefix=b"n"))
    await world.drain(most=1, finish=False)
    assert damage(world) == 3
    assert [record.batch async for record in world.stores.ledger.unsettled(run)] == []
    assert [entry.key async for entry in world.stores.ledger.failed("list-m0")] == []
    await world.drain(most=20)
    assert world.bucket.objects.keys() - world.destination.objects.keys() == {b"k/004"}
