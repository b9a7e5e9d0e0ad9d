"""Events are followed: copied once, counted once, whatever comes twice, late, in disorder, or dies in between."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.domain.budget import Budget
from shared.domain.counts import RangeCounts
from shared.domain.errors import Forbidden, MalformedMessage, OutOfService, StateConflict, Transient
from shared.domain.events import ObjectEvent
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, VerifyMessage, decode
from shared.domain.objects import SourceObject
from shared.domain.reasons import Party, Reason
from shared.domain.runs import RunKind
from shared.ledger.record import BatchRecord
from shared.listing.seen_events import SeenEvents
from shared.ports.control_store import Control
from shared.ports.event_queue import EventMessage
from shared.ports.range_store import HeldRange, OpenRange, RangeId
from tests.fakes import FakeEvents
from tests.world import LIFE, World, counts

FOLLOW = ListMessage(events=True, scheduled=True)


def written(world: World, key: str, body: bytes, number: int) -> ObjectEvent:
    """Write an object; the event that tells of it."""
    world.bucket.put(key, body)
    found = world.bucket.listed(key.encode())
    return ObjectEvent(key.encode(), False, f"{number:04X}", world.clock.now(), found.etag, found.size)


async def follow(world: World) -> str:
    """The run of events that a message of the scheduler's starts, seen through to its end."""
    run = world.send("list", FOLLOW).replace("list-", "events-", 1)
    await world.drain()
    return run


def reads(world: World, kind: str) -> int:
    return sum(name == kind for name, _ in world.bucket.requests)


async def test_what_events_name_is_copied_without_a_listing() -> None:
    world = World()
    for number in range(25):
        world.events.send(written(world, f"k/{number:02d}", b"x" * number, number))
    run = await follow(world)
    assert world.same()
    assert await counts(world, run) == {"copied": 25}
    assert not world.events.messages
    assert reads(world, "list") == 0


def test_a_run_of_events_is_called_so() -> None:
    with pytest.raises(MalformedMessage, match="events-"):
        decode(ListMessage, b'{"events": true, "run": "nightly"}')


async def test_a_run_of_events_that_is_called_otherwise_ends_nevertheless() -> None:
    """By `starts`: its batches stay as they are, and the ends of other runs are seen to."""
    world = World()
    world.events.send(written(world, "k", b"x", 1))
    await world.handlers["list"](FOLLOW, "nightly", Budget(world.clock.monotonic(), world.budget_seconds))
    await world.drain()
    assert [run.name for run in await world.stores.runs.running()] == ["nightly"]
    world.clock.pass_time(LIFE + 1)
    await world.run(VerifyMessage(close=True))
    assert await counts(world, "nightly") == {"copied": 1}
    assert not await world.stores.runs.running()


async def test_a_thousand_events_cost_no_two_writes_a_hundred() -> None:
    world = World()
    for number in range(1000):
        world.events.send(written(world, f"{number % 7}/{number:04d}", b"x", number))
    run = await follow(world)
    assert await counts(world, run) == {"copied": 1000}
    assert world.stores.ledger.writes <= 20
    assert world.events.deletes <= 10


async def test_what_waits_when_the_budget_ends_is_published() -> None:
    """The poll has come back at once, and the time is over before the next batch is due."""
    world = World(budgets={"list": 5.0})
    for number in range(100):
        world.events.send(written(world, f"{number:03d}", b"x", number))
    run = world.send("list", FOLLOW).replace("list-", "events-", 1)
    await world.drain(most=1, finish=False)
    assert world.stores.runs.documents[run].kind is RunKind.EVENTS
    assert (await world.stores.runs.summary(run)).listed_keys == 20
    await world.drain()
    assert world.same()


async def test_a_pause_ends_the_run_and_begins_no_other() -> None:
    world = World()
    queue = Pausing(world)
    world.handlers["list"].events.queue = queue
    world.events.send(written(world, "k", b"body", 1))
    run = await follow(world)
    summary = await world.stores.runs.summary(run)
    assert (summary.open_ranges, summary.stopped_ranges) == (0, 0)
    assert ("list", FOLLOW) not in world.queue.sent
    assert not await world.stores.runs.exists(await follow(world))


async def test_a_burst_on_one_key_becomes_one_copy_of_the_newest() -> None:
    world = World()
    events = [written(world, "k", b"x" * size, size) for size in range(1, 6)]
    for event in reversed(events):
        world.events.send(event)
    world.events.send(events[-1])
    run = await follow(world)
    assert world.same()
    assert await counts(world, run) == {"copied": 1}


async def test_what_gets_earlier_bytes_again_within_a_run_is_published_again() -> None:
    """The batch has the same key and the same ETag as one that has ended, and is another one."""
    world = World()
    following = world.handlers["list"].events
    following.queue, following.quiet_seconds = Changing(world, [b"one", b"other", b"one"]), 60
    run = await follow(world)
    assert (await world.stores.runs.summary(run)).listed_keys == 3
    assert not world.events.messages
    assert world.same()


async def test_what_comes_again_later_is_dropped_or_costs_no_copy() -> None:
    world = World()
    old, new = written(world, "k", b"old", 1), written(world, "k", b"new", 2)
    world.events.send(new)
    await follow(world)
    copied = world.destination.objects[b"k"]
    world.events.send(old)
    world.events.send(new)
    again = await follow(world)
    assert await counts(world, again) == {}
    elsewhere = World(bucket=world.bucket, destination=world.destination, stores=world.stores, clock=world.clock)
    elsewhere._numbers = iter(range(100, 10**6))
    elsewhere.events.send(old)
    assert await counts(elsewhere, await follow(elsewhere)) == {"unchanged": 1}
    assert world.destination.objects[b"k"] == copied


def test_who_stood_still_does_not_make_what_is_remembered_older() -> None:
    """Two invocations of one instance: the earlier one lost its lease, and says late what it had followed."""
    seen, bucket = SeenEvents(), World()
    old, newer = written(bucket, "k", b"old", 1), written(bucket, "k", b"newer", 3)
    seen.add([newer])
    seen.add([old])
    assert not seen.is_new(written(bucket, "k", b"between", 2))


async def test_a_removal_leaves_the_copy_to_comparisons_and_drops_the_older_creation() -> None:
    world = World()
    created = written(world, "k", b"body", 1)
    del world.bucket.objects[b"k"]
    world.events.send(ObjectEvent(b"k", True, "0002", world.clock.now()))
    world.events.send(created)
    assert await counts(world, await follow(world)) == {}
    assert not world.destination.objects


async def test_filters_and_the_root_hold_for_events() -> None:
    world = World(filters=Filters(exclude=("*.tmp",)))
    world.events.send(written(world, "a.tmp", b"12", 1), written(world, "b", b"1", 2))
    assert await counts(world, await follow(world)) == {"copied": 1, "filtered": 1}


async def test_a_storage_class_that_is_filtered_is_asked_for() -> None:
    world = World(filters=Filters(storage_classes=frozenset({"STANDARD_IA"})))
    event = written(world, "k", b"body", 1)
    world.events.send(event)
    assert await counts(world, await follow(world)) == {"filtered": 1}


async def test_storage_classes_are_asked_for_side_by_side() -> None:
    """One after the other, no more events a second would be followed than S3 gives answers one after the other."""
    world = World(filters=Filters(storage_classes=frozenset({"STANDARD"})))
    for number in range(100):
        world.events.send(written(world, f"k/{number:03d}", b"x", number))
    head, at_once, most = world.bucket.head, 0, 0

    async def slow(key: bytes) -> SourceObject:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return await head(key)

    world.bucket.head = slow  # type: ignore[method-assign]
    assert await counts(world, await follow(world)) == {"copied": 100}
    assert 8 <= most <= 32
    assert world.same()


async def test_what_nobody_can_read_is_left_and_the_rest_deleted() -> None:
    world = World()
    world.events.send(others=1)
    world.events.send(unreadable="no event")
    world.events.send(written(world, "k", b"body", 1))
    assert await counts(world, await follow(world)) == {"copied": 1}
    (left,) = world.events.messages.values()
    assert left[0].unreadable == "no event"


@pytest.mark.parametrize("step", range(50))
async def test_killed_at_any_step_everything_is_copied_and_counted_once(step: int) -> None:
    world = World()
    for number in range(5):
        world.events.send(written(world, f"k/{number}", b"x" * number, number))
    world.steps.crash_at = step
    await follow(world)
    world.clock.time += 120
    await follow(world)
    assert world.same()
    assert not world.events.messages
    assert world.steps.crash_at is None, "it was killed"
    for run in world.stores.runs.documents:
        await counts(world, run)


async def test_one_follows_at_a_time() -> None:
    world = World()
    opened = await begun(world, "events-first")
    held = await world.stores.ranges.acquire(opened.range_id, "somebody", world.clock.now(), 60)
    assert isinstance(held, HeldRange)
    world.events.send(written(world, "k", b"body", 1))
    assert not await world.stores.runs.exists(await follow(world))
    await world.stores.ranges.complete(held, RangeCounts(), world.clock.now())
    assert await counts(world, await follow(world)) == {"copied": 1}


@pytest.mark.parametrize("by", [FOLLOW, ListMessage(events=True, force=True)], ids=["scheduled", "a person's"])
async def test_a_run_that_nobody_follows_any_more_is_taken_over(by: ListMessage) -> None:
    """The message that began it was acknowledged: it had come before, and then once more. Whoever began it, the next
    one is the scheduler's.
    """
    world = World()
    await begun(world, "events-first", by=by)
    world.events.send(written(world, "k", b"body", 1))
    assert not await world.stores.runs.exists(await follow(world))
    assert await counts(world, "events-first") == {"copied": 1}
    assert not await world.stores.ranges.is_open("events-first")


async def test_a_run_that_was_created_late_is_taken_over_though_another_was_scheduled_since() -> None:
    """Who began it stood still before, and so another one began; then it died. It was left to nobody."""
    world = World()
    await begun(world, "events-first")
    second = await begun(world, "events-second")
    held = await world.stores.ranges.acquire(second.range_id, "somebody", world.clock.now(), 60)
    assert isinstance(held, HeldRange)
    await world.stores.ranges.complete(held, RangeCounts(), world.clock.now())
    world.events.send(written(world, "k", b"body", 1))
    assert not await world.stores.runs.exists(await follow(world))
    assert await counts(world, "events-first") == {"copied": 1}
    assert not await world.stores.ranges.is_open("events-first")


async def test_a_run_of_another_root_is_not_gone_on_with() -> None:
    """The job's prefix was changed while it was open: its range is of other keys."""
    world = World(mapping=KeyMapping(b"k/"))
    await begun(world, "events-first", b"old/")
    world.events.send(written(world, "k/1", b"body", 1))
    assert await counts(world, await follow(world)) == {"copied": 1}


async def begun(world: World, run: str, prefix: bytes = b"", by: ListMessage = FOLLOW) -> OpenRange:
    """A run of events that is going, as far as its documents say. by: the message that began it."""
    opened = OpenRange(RangeId(run, prefix, b""), None, by.named(run, prefix).encode())
    runs = world.stores.runs
    await runs.create(opened, RunKind.EVENTS, world.clock.now())
    await runs.schedule(RunKind.EVENTS, run, (await runs.scheduled(RunKind.EVENTS))[1])
    return opened


async def test_a_budget_that_ends_has_the_next_run_begin_at_once() -> None:
    world = World(budgets={"list": 8.0})
    world.events.send(written(world, "k", b"body", 1))
    world.send("list", FOLLOW)
    await world.drain(most=1, finish=False)
    assert ("list", FOLLOW) in world.queue.sent


async def test_while_the_job_is_paused_events_stay_in_their_queue() -> None:
    world = World()
    world.stores.control.said = Control(paused=True)
    world.events.send(written(world, "k", b"body", 1))
    run = await follow(world)
    assert not await world.stores.runs.exists(run)
    assert len(world.events.messages) == 1


async def test_a_ceiling_ends_the_run_and_keeps_the_events() -> None:
    world = World(default_control=Control(most_objects=2))
    world.events.send(*(written(world, f"k/{number}", b"x", number) for number in range(3)))
    run = await follow(world)
    summary = await world.stores.runs.summary(run)
    assert (summary.listed_keys, summary.stopped_ranges) == (0, 1)
    assert len(world.events.messages) == 1


@pytest.mark.parametrize(
    "failure", [OutOfService("firestore", Party.FIRESTORE, Reason.UNREACHABLE), StateConflict("x")]
)
async def test_what_was_reserved_is_given_back_whatever_keeps_it_from_being_recorded(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a ceiling's refusal gave it back: each failure took a batch's objects off the run's ceiling for good."""
    world = World(default_control=Control(most_objects=5))
    world.events.send(*(written(world, f"k/{number}", b"x", number) for number in range(5)))
    create, left = world.stores.ledger.create, 1

    async def failing(records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        nonlocal left
        if left:
            left -= 1
            raise failure
        await create(records, held)

    monkeypatch.setattr(world.stores.ledger, "create", failing)
    run = await follow(world)
    world.clock.time += 120
    again = await follow(world)
    assert left == 0, "it has failed"
    assert world.same()
    assert [(await world.stores.control.spent(name)).objects for name in (run, again)] in ([5, 0], [0, 5])


async def test_what_a_ceiling_allows_of_a_portion_is_sent_and_counted() -> None:
    """The rest comes again, and what was sent is found copied."""
    world = World(default_control=Control(most_objects=1200))
    for half in range(2):
        world.events.send(*(written(world, f"{half}/{number:04d}", b"x", number) for number in range(800)))
    run = await follow(world)
    summary = await world.stores.runs.summary(run)
    assert (summary.listed_keys, summary.stopped_ranges) == (1000, 1)
    assert summary.balanced
    world.stores.control.said = Control(most_objects=10_000)
    world.clock.time += 120
    await follow(world)
    assert world.same()


class Pausing:
    """A queue beside which a person pauses the job."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        found = await self.world.events.receive(wait_seconds)
        if not found:
            self.world.stores.control.said = Control(paused=True)
        return found

    async def delete(self, handles: Sequence[str]) -> int:
        return await self.world.events.delete(handles)


class Changing:
    """A queue of an object that is written again whenever nothing is left to be told."""

    def __init__(self, world: World, bodies: list[bytes]) -> None:
        self.world, self.left, self.number = world, bodies, 0

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        if self.left and not self.world.events.messages:
            self.number += 1
            self.world.events.send(written(self.world, "k", self.left.pop(0), self.number))
        return await self.world.events.receive(wait_seconds)

    async def delete(self, handles: Sequence[str]) -> int:
        return await self.world.events.delete(handles)


class Refusing:
    """A queue that answers nothing but refusals."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        raise self.failure


async def test_where_nothing_comes_there_is_no_run_and_no_write() -> None:
    world = World()
    run = await follow(world)
    assert not await world.stores.runs.exists(run)
    assert world.stores.ranges.writes == world.stores.ledger.writes == 0
    assert world.events.receives == 2


async def test_a_queue_that_refuses_is_told_of_and_begins_no_run() -> None:
    world = World()
    world.handlers["list"].events.queue = Refusing(Forbidden("sqs ReceiveMessage: HTTP 403", party=Party.SQS))
    run = await follow(world)
    assert not await world.stores.runs.exists(run)
    assert [line[:2] for line in world.log.lines if line[0] == "ERROR"] == [("ERROR", "events cannot be followed")]


@pytest.mark.parametrize(
    ("failure", "stopped"),
    [
        (Transient("sqs ReceiveMessage: HTTP 500", party=Party.SQS), 0),
        (Forbidden("sqs ReceiveMessage: HTTP 403", party=Party.SQS), 1),
    ],
)
async def test_a_queue_that_fails_midway_ends_the_run_with_what_was_published(failure: Exception, stopped: int) -> None:
    world = World()
    for number in range(12):
        world.events.send(written(world, f"k/{number:02d}", b"body", number))
    world.handlers["list"].events.queue = Failing(world.events, failure)
    run = await follow(world)
    summary = await world.stores.runs.summary(run)
    assert summary.stopped_ranges == stopped
    assert summary.balanced
    world.handlers["list"].events.queue = world.events
    world.clock.time += 120
    await follow(world)
    assert world.same()


class Failing(Refusing):
    """A queue that answers twice, and then no more."""

    def __init__(self, queue: FakeEvents, failure: Exception) -> None:
        super().__init__(failure)
        self.queue, self.left = queue, 2

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        self.left -= 1
        return await (super().receive(wait_seconds) if self.left < 0 else self.queue.receive(wait_seconds))

    async def delete(self, handles: Sequence[str]) -> int:
        return await self.queue.delete(handles)


def test_events_are_of_the_whole_job() -> None:
    for body in (b'{"events": true, "prefix": "a/"}', b'{"events": true, "keys": ["a"]}'):
        with pytest.raises(Exception, match="whole job"):
            decode(ListMessage, body)
    assert decode(ListMessage, b'{"events": true}').events
