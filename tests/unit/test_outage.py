"""Faults of everybody: they cost no key an attempt, a person is told once, and copying goes on by itself."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shared.copying.breaker import DOWN_KEYS, MOST_DOWN_SECONDS, MOST_SECONDS, Breaker
from shared.copying.transfer_batch import CLEAN_UP_SECONDS, END_SECONDS, GRACE_SECONDS, LAST_LOOK_SECONDS
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import (
    BadKeys,
    BucketError,
    NoSuchBucket,
    ObjectError,
    OutOfService,
    Postponed,
    Throttled,
    Transient,
    Unreachable,
)
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, ObjectEntry, PartReference, TransferMessage
from shared.domain.reasons import Party, Reason
from shared.http.classification import Classifier
from tests.fakes import FakeClock, FakeDownload, FakeLog
from tests.world import PART, World, counts, filled

HOUR = 3600.0
FAULTS: list[Callable[[], ObjectError]] = [
    lambda: Unreachable("d111.cloudfront.net cannot be reached"),
    lambda: BadKeys("HTTP 403 InvalidAccessKeyId", party=Party.EDGE),
    lambda: NoSuchBucket("HTTP 404 NoSuchBucket", party=Party.EDGE),
    lambda: Throttled("HTTP 503 SlowDown", party=Party.EDGE, retry_after=20.0),
]


def fails_for(world: World, seconds: float, fault: Callable[[], ObjectError]) -> None:
    """Downloads fail so long."""
    until = world.clock.time + seconds

    async def opened(source: Any, span: Any = None) -> Any:
        if world.clock.time < until:
            world.bucket.requests.append(("failed", source.key))
            raise fault()
        return await FakeDownload.open(world.cdn, source, span)

    world.cdn.open = opened  # type: ignore[method-assign]


def errors(world: World) -> list[str]:
    return [message for severity, message, _ in world.log.lines if severity == "ERROR"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_an_outage_of_an_hour_every_key_is_copied(fault: Callable[[], ObjectError]) -> None:
    world = filled(24, max_attempts=2, keys_per_message=12)
    fails_for(world, HOUR, fault)
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 24}
    assert not [line for line in world.log.lines if line[1] == "requeued"], "no attempt was spent"
    assert len(errors(world)) <= 1, "a person is told once"
    assert [line for line in world.log.lines if line[1] == "copying goes on"]


@pytest.mark.parametrize("status", [500, 503])
async def test_an_outage_that_answers_with_a_5xx_fails_no_key_either(status: int) -> None:
    """Most do: a service whose front end is up and whose back end is not."""
    world = filled(100, max_attempts=5, keys_per_message=25)
    until, write = world.clock.time + HOUR, world.destination.write

    async def written(upload: Any, chunks: Any) -> Any:
        world.clock.pass_time(0.05)
        if world.clock.time < until:
            raise Transient(f"HTTP {status} backendError", party=Party.DESTINATION, status=status)
        return await write(upload, chunks)

    world.destination.write = written  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 100}
    assert len(errors(world)) <= 1
    assert [line for line in world.log.lines if line[1] == "copying goes on"]


@pytest.mark.parametrize("others", [1, 2, 5])
async def test_a_service_that_fails_some_keys_and_serves_others_is_not_down(others: int) -> None:
    """One of so many writes gets through."""
    world = filled(200, max_attempts=50, keys_per_message=25)
    write, asked = world.destination.write, 0

    async def written(upload: Any, chunks: Any) -> Any:
        nonlocal asked
        asked += 1
        world.clock.pass_time(0.05)
        if asked % (others + 1):
            raise Transient("HTTP 503 backendError", party=Party.DESTINATION, status=503)
        return await write(upload, chunks)

    world.destination.write = written  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 200}
    assert not errors(world)


async def test_a_few_keys_that_fail_alone_pay_for_themselves() -> None:
    world = filled(DOWN_KEYS - 1, max_attempts=3, keys_per_message=2)

    async def written(upload: Any, chunks: Any) -> Any:
        world.clock.pass_time(0.5)
        raise Transient("HTTP 500 backendError", party=Party.DESTINATION, status=500)

    world.destination.write = written  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.FAILED: DOWN_KEYS - 1}


async def test_keys_that_are_never_served_and_are_all_that_is_left_end_their_run() -> None:
    """They look like an outage, which keeps a run alive: no scheduled run would begin any more."""
    world = filled(DOWN_KEYS, max_attempts=5, keys_per_message=4)

    async def written(upload: Any, chunks: Any) -> Any:
        world.clock.pass_time(0.5)
        raise Transient("HTTP 500 backendError", party=Party.DESTINATION, status=500)

    world.destination.write = written  # type: ignore[method-assign]
    for _ in range(2):
        began = world.clock.time
        run = await world.run()
        assert await counts(world, run) == {Outcome.FAILED: DOWN_KEYS}
        assert world.clock.time - began < 5 * HOUR


async def test_no_number_of_keys_that_are_never_served_keeps_a_run_for_more_than_a_day() -> None:
    """Nor the next one at all: that they fail again says nothing of others."""
    world = filled(60, max_attempts=5, keys_per_message=20)
    never, write = set(sorted(world.bucket.objects)[:50]), world.destination.write

    async def written(upload: Any, chunks: Any) -> Any:
        world.clock.pass_time(0.05)
        if upload.name in never:
            raise Transient("HTTP 500 backendError", party=Party.DESTINATION, status=500)
        return await write(upload, chunks)

    world.destination.write = written  # type: ignore[method-assign]
    for most, unchanged in ((MOST_DOWN_SECONDS + 4 * HOUR, 0), (0.5 * HOUR, 10)):
        began, run = world.clock.time, world.send("list", ListMessage(scheduled=True))
        await world.drain(most=20_000)
        found = await counts(world, run)
        assert (found[Outcome.FAILED], found.get(Outcome.UNCHANGED, 0)) == (50, unchanged)
        assert world.clock.time - began < most


async def test_a_key_that_is_tried_for_all_and_breaks_off_each_time_pays_for_that() -> None:
    """Somebody's fault was everybody's once; since then nobody else was left to try."""
    world = filled(1, max_attempts=3)
    faults = [Unreachable("no host")]

    async def opened(source: Any, span: Any = None) -> Any:
        raise faults.pop() if faults else Transient("the connection broke off", party=Party.S3)

    world.cdn.open = opened  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.FAILED: 1}


@pytest.mark.parametrize(
    ("party", "route", "large"),
    [
        (Party.UPLOAD_SESSION, "direct", False),
        (Party.S3, "cloudfront", False),
        (Party.STAGING, "direct", True),
    ],
)
async def test_whoever_serves_most_keys_is_not_down(party: Party, route: str, large: bool) -> None:
    """Most keys, or parts, come through: what a copy has passed on its way is up."""
    world = filled(100, max_attempts=50, keys_per_message=25)
    if large:
        world = World(large_bytes=PART, max_attempts=50)
        for number in range(10):
            world.bucket.put(f"k/{number}", bytes(2 * PART))
    world.cdn.name, asked = route, 0

    async def opened(source: Any, span: Any = None) -> Any:
        nonlocal asked
        asked += 1
        world.clock.pass_time(0.2)
        if asked % (3 if large else 8) == 0:
            raise Transient("HTTP 503", party=party, status=503)
        return await FakeDownload.open(world.cdn, source, span)

    world.cdn.open = opened  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 10 if large else 100}
    assert not errors(world)


async def test_it_is_tried_seldom_by_one_key_at_a_time() -> None:
    world = filled(24, keys_per_message=12)
    fails_for(world, HOUR, FAULTS[0])
    await world.run()
    assert world.bucket.requests.count(("failed", b"k/000")) < HOUR / MOST_SECONDS + 15
    assert sum(name == "failed" for name, _ in world.bucket.requests) < 40


async def test_a_key_that_a_service_refuses_while_it_serves_others_pays_for_itself() -> None:
    world = filled(12, max_attempts=2, keys_per_message=5)
    world.bucket.put("k/003-odd", b"odd")

    world.cdn.name = "cloudfront"

    async def opened(source: Any, span: Any = None) -> Any:
        world.clock.pass_time(0.01)
        if source.key == b"k/003-odd":
            raise BadKeys("HTTP 403 SignatureDoesNotMatch", party=Party.EDGE)
        return await FakeDownload.open(world.cdn, source, span)

    world.cdn.open = opened  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 12, Outcome.FAILED: 1}


async def test_a_name_that_is_written_too_often_holds_no_other_key() -> None:
    """Cloud Storage takes one write a second of a name: https://cloud.google.com/storage/quotas#objects"""
    world = filled(12, keys_per_message=12)
    world.bucket.put("hot", b"hot")
    said, write = (
        "The object b/hot exceeded the rate limit for object mutation operations (create, update, and delete).",
        world.destination.write,
    )
    refused = Classifier(Party.DESTINATION, writes=True)(
        "gcs write hot", 429, {}, f"<Error><Message>{said}</Message></Error>".encode()
    )
    faults = [refused] * 4

    async def written(upload: Any, chunks: Any) -> Any:
        if upload.name == b"hot" and faults:
            raise faults.pop()
        return await write(upload, chunks)

    world.destination.write = written  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 13}
    assert "copying slows down" not in [message for _, message, _ in world.log.lines]
    assert not faults


async def test_what_a_key_fails_with_costs_three_tries_a_message_and_as_many_messages_as_allowed() -> None:
    world = World(max_attempts=5)
    world.bucket.put("k", b"body")
    world.cdn.faults[b"k"] = [Transient("HTTP 500") for _ in range(100)]
    run = await world.run()
    assert await counts(world, run) == {Outcome.FAILED: 1}
    assert world.bucket.requests.count(("cdn", b"k")) == 15


async def test_a_fault_of_the_memory_is_no_key_s() -> None:
    world = World(large_bytes=PART, max_attempts=2)
    world.bucket.put("large", bytes(2 * PART))
    got, faults = (
        world.stores.uploads.get,
        [OutOfService("firestore: unavailable", Party.FIRESTORE, Reason.UNREACHABLE)],
    )
    faults *= 20

    async def get(number: str) -> Any:
        if faults:
            raise faults.pop()
        return await got(number)

    world.stores.uploads.get = get  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1}
    assert not errors(world)


async def test_what_ended_is_settled_though_the_rest_must_wait() -> None:
    world = filled(3)
    world.cdn.faults[b"k/002"] = [Unreachable("gone") for _ in range(10)]
    sources = tuple(ObjectEntry.of(world.bucket.listed(key)) for key in sorted(world.bucket.objects))
    message = TransferMessage(run="r", batch="b", objects=sources)
    with pytest.raises(Postponed, match="gone"):
        await world.handlers["transfer"](message, "", Budget(world.clock.monotonic(), 540))
    record, _ = world.stores.ledger.documents["b"]
    assert [entry.outcome for entry in record.entries] == [Outcome.COPIED, Outcome.COPIED, None]
    assert not world.queue.sent


async def test_who_only_waited_for_room_was_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.copying.transfer_batch.GRACE_SECONDS", 0.02)
    world = World(max_attempts=1)
    world.bucket.put("tiny", b"x")
    work = world.handlers["transfer"]
    message = TransferMessage(run="r", batch="b", objects=(ObjectEntry.of(world.bucket.listed(b"tiny")),))
    async with work.try_key.in_flight.slot(10**9):
        for _ in range(3):
            await work(message, "", Budget(world.clock.monotonic(), 0.0))
            ((_, again),) = world.queue.sent
            assert isinstance(again, TransferMessage)
            message = again
            assert message.attempt == 1
            world.queue.sent.clear()
    await work(message, "", Budget(world.clock.monotonic(), 540.0))
    assert world.same()


def test_an_invocation_with_the_usual_budget_ends_before_pubsub_delivers_again() -> None:
    assert 540 + END_SECONDS < 600
    assert GRACE_SECONDS + CLEAN_UP_SECONDS + LAST_LOOK_SECONDS < END_SECONDS


@pytest.mark.parametrize("hangs", ["copy", "ledger"])
async def test_an_invocation_s_end_bounds_its_clean_up(monkeypatch: pytest.MonkeyPatch, hangs: str) -> None:
    for name, seconds in (("GRACE_SECONDS", 0.02), ("CLEAN_UP_SECONDS", 0.05), ("END_SECONDS", 0.3)):
        monkeypatch.setattr(f"shared.copying.transfer_batch.{name}", seconds)
    world = filled(2)
    never = asyncio.Event()

    async def stubborn(*_: Any) -> Any:
        while not never.is_set():
            try:
                await never.wait()
            except asyncio.CancelledError:
                if hangs == "ledger":
                    raise

    if hangs == "copy":
        world.destination.write = stubborn  # type: ignore[method-assign, assignment]
    else:
        world.stores.ledger.commit_results = stubborn  # type: ignore[method-assign, assignment]
    sources = tuple(ObjectEntry.of(world.bucket.listed(key)) for key in sorted(world.bucket.objects))
    work = world.handlers["transfer"](
        TransferMessage(run="r", batch="b", objects=sources), "", Budget(world.clock.monotonic(), 0.05)
    )
    async with asyncio.timeout(2):
        if hangs == "copy":
            await work
            assert {message.attempt for _, message in world.queue.sent} == {2}  # type: ignore[attr-defined]
        else:
            with pytest.raises(Postponed, match="in time"):
                await work
    never.set()


async def test_a_key_outside_the_root_harms_no_other() -> None:
    world = World(mapping=KeyMapping(b"a/", b"x/"))
    world.bucket.put("a/1", b"body")
    outside = ObjectEntry(key=b"b/1", etag="0" * 32, size=1)
    message = TransferMessage(run="r", batch="b", objects=(ObjectEntry.of(world.bucket.listed(b"a/1")), outside))
    await world.handlers["transfer"](message, "", Budget(world.clock.monotonic(), 540))
    record, _ = world.stores.ledger.documents["b"]
    assert [entry.outcome for entry in record.entries] == [Outcome.COPIED, Outcome.FAILED]
    assert "SOURCE_PREFIX" in record.entries[1].reason


async def test_a_part_outside_the_root_is_not_delivered_for_ever() -> None:
    world = World(mapping=KeyMapping(b"a/", b"x/"))
    outside = ObjectEntry(key=b"b/1", etag="0" * 32, size=1)
    part = PartReference(number=1, version=outside)
    message = TransferMessage(run="r", batch="b", objects=(outside,), part=part)
    await world.handlers["transfer"](message, "", Budget(world.clock.monotonic(), 540))
    assert world.stores.ledger.documents["b"][0].entries[0].outcome is Outcome.FAILED


async def test_one_key_probes_and_the_others_wait_for_how_it_ends() -> None:
    clock, log = FakeClock(), FakeLog()
    breaker = Breaker(clock, log)
    first = await breaker.enter(large=False, deadline=clock.time + 540)
    assert breaker.failed(first, Unreachable("no host"))
    breaker.release(first)
    probe = await breaker.enter(large=False, deadline=clock.time + 540)
    assert probe.probe is not None
    waiting = [asyncio.create_task(breaker.enter(large=False, deadline=clock.time + 540)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    waiting[0].cancel()
    breaker.worked(probe)
    breaker.release(probe)
    leaves = await asyncio.gather(*waiting[1:])
    assert all(permit.probe is None for permit in leaves)
    assert [(severity, message) for severity, message, _ in log.lines] == [
        ("ERROR", "copying waits: this fails for every key"),
        ("INFO", "copying goes on"),
    ]
    assert "setting" in str(log.lines[0][2]["advice"])


async def test_a_probe_that_is_stopped_lets_another_go() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, FakeLog())
    first = await breaker.enter(large=False, deadline=clock.time + 540)
    breaker.failed(first, Unreachable("no host"))
    breaker.release(first)
    probe = await breaker.enter(large=False, deadline=clock.time + 540)
    waiting = asyncio.create_task(breaker.enter(large=False, deadline=clock.time + 540))
    await asyncio.sleep(0)
    breaker.release(probe)
    async with asyncio.timeout(1):
        assert (await waiting).probe is not None


async def test_of_all_who_have_waited_too_long_for_a_probe_one_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.copying.breaker.PATIENCE_SECONDS", 0.05)
    clock = FakeClock()
    breaker = Breaker(clock, FakeLog())
    first = await breaker.enter(large=False, deadline=clock.time + 540)
    breaker.failed(first, Unreachable("no host"))
    breaker.release(first)
    clock.pass_time(60)
    await breaker.enter(large=False, deadline=clock.time + 540)
    waiting = [asyncio.create_task(breaker.enter(large=False, deadline=clock.time + 540)) for _ in range(5)]
    done, still = await asyncio.wait(waiting, timeout=0.09)
    assert (len(done), len(still)) == (1, 4)
    for task in still:
        task.cancel()


async def test_a_missing_staging_bucket_stops_no_small_object() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, FakeLog())
    large = await breaker.enter(large=True, deadline=clock.time + 540)
    breaker.failed(large, NoSuchBucket("staging", party=Party.STAGING))
    breaker.release(large)
    before = clock.time
    small = await breaker.enter(large=False, deadline=clock.time + 540)
    assert (small.probe, clock.time) == (None, before)
    breaker.worked(small, frozenset({Party.DESTINATION, Party.EDGE}))
    breaker.release(small)
    assert (await breaker.enter(large=True, deadline=clock.time + 540)).probe is not None


async def test_waits_grow_and_are_bounded_and_soon_are_no_wait_of_an_invocation() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, FakeLog())
    waits = []
    while True:
        try:
            permit = await breaker.enter(large=False, deadline=clock.time + 540)
        except Postponed:
            break
        breaker.failed(permit, Unreachable("no host"))
        breaker.release(permit)
        waits.append(clock.slept[-1] if clock.slept else 0.0)
    assert waits[1:] == sorted(waits[1:])
    for _ in range(20):
        clock.pass_time(MOST_SECONDS)
        permit = await breaker.enter(large=False, deadline=clock.time + 540)
        breaker.failed(permit, Unreachable("no host"))
        breaker.release(permit)
    clock.pass_time(MOST_SECONDS)
    assert (await breaker.enter(large=False, deadline=clock.time + 540)).probe is not None


async def test_without_time_nobody_waits() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, FakeLog())
    permit = await breaker.enter(large=False, deadline=clock.time)
    breaker.failed(permit, Throttled("slow down", party=Party.S3, retry_after=20))
    breaker.release(permit)
    with pytest.raises(BucketError):
        await breaker.enter(large=False, deadline=clock.time + 10)
    began = clock.time
    await breaker.enter(large=False, deadline=clock.time + 30)
    assert clock.time == began + 20, "Retry-After is honoured"
