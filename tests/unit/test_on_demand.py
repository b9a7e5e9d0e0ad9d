"""`/v1/replicate` and the transfer's door, without a server."""

import asyncio
import dataclasses
import gc
import importlib
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import flask
import pytest

from shared.copying.replicate_object import YOUNG_SECONDS, ReplicateObject
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, Gone, OutOfService, Retained, Transient
from shared.domain.messages import ListMessage, Message
from shared.domain.objects import SourceObject
from shared.domain.reasons import Party, Reason
from shared.entrypoints import runtime
from shared.entrypoints.replicate import OnDemand
from shared.ledger.entry import Entry
from tests.fakes import FakeDestination
from tests.world import LEASE, PART, SETTINGS, Crash, World, counts


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Coroutines that a test has left half done are closed here. Collected in the middle of `flask.Flask(…)`, whose
    routes are compiled from syntax trees, they made CPython 3.11 raise SystemError there.
    """
    gc.collect()
    yield
    gc.collect()


def replicate(world: World) -> ReplicateObject:
    copier = world.handlers["transfer"]
    source = copier.try_key
    return ReplicateObject(
        source=world.bucket,
        copy=source.copy,
        large=source.large,
        ledger=copier.ledger,
        clock=world.clock,
        in_flight=source.in_flight,
        large_bytes=source.large_bytes,
        weight=1,
        seconds=0.2,
    )


def outcome(ended: Entry | None) -> Outcome | None:
    return ended.outcome if ended is not None else None


async def test_who_asks_at_once_gets_one_copy() -> None:
    world = World()
    world.bucket.put("k", b"body")
    work = replicate(world)
    ended = await asyncio.gather(*(work(b"k") for _ in range(5)))
    assert {outcome(item) for item in ended} == {Outcome.COPIED}
    assert world.destination.writes == [b"k"]
    assert outcome(await work(b"k")) is Outcome.UNCHANGED


@pytest.mark.parametrize("large", [False, True])
async def test_a_pause_does_not_hold_what_somebody_asks_for(large: bool) -> None:
    """A single wish, and its parts; all that goes on by itself waits (docs/cli.md)."""
    world = World(large_bytes=PART) if large else World()
    world.bucket.put("k", bytes(3 * PART) if large else b"body")
    world.stores.control.said = dataclasses.replace(world.stores.control.said, paused=True)
    ended = await replicate(world)(b"k")
    assert outcome(ended) is (None if large else Outcome.COPIED)
    await world.drain()
    assert world.same()


async def test_what_replaces_a_copy_is_on_record_no_earlier_than_its_record() -> None:
    """Though the destination's clock is behind ours: else a batch from just before would be believed."""
    world = World()
    world.bucket.put("k", b"body")
    work = replicate(world)
    await work(b"k")
    world.bucket.put("k", b"another")
    world.destination.now = lambda: world.clock.now() - 5
    ended = await work(b"k")
    ledger = world.handlers["transfer"].ledger
    records = [item.record async for item in ledger.scan(b"", b"")]
    (at,) = [item.at or record.published_at for record in records for item in record.entries if item.generation == 2]
    assert outcome(ended) is Outcome.COPIED
    assert at == world.clock.now()


async def test_what_was_copied_unheard_is_on_record_as_what_is_there() -> None:
    """The source has the version before it again, which a listing would take for copied."""
    world = World()
    world.bucket.put("k", b"body")
    await world.run()
    before, write = world.bucket.objects[b"k"], world.destination.write

    async def loses_its_answer(*given: Any) -> Any:
        world.destination.write = write  # type: ignore[method-assign]
        await write(*given)
        raise Transient("no answer")

    world.destination.write = loses_its_answer  # type: ignore[assignment,method-assign]
    world.bucket.put("k", b"another")
    world.clock.pass_time(60)
    assert outcome(await replicate(world)(b"k")) is Outcome.UNCHANGED
    world.bucket.objects[b"k"] = before
    await world.run()
    assert world.same()


async def test_who_stands_still_before_the_record_does_not_outrank_what_was_copied_meanwhile() -> None:
    """The source has the version again that was asked for, and a listing would take it for what is there."""
    world = World()
    world.bucket.put("k", b"body")
    await world.run()
    world.clock.pass_time(60)
    world.bucket.put("k", b"asked for")
    asked, write = world.bucket.objects[b"k"], world.destination.write

    async def stands_still(*given: Any) -> Any:
        world.destination.write = write  # type: ignore[method-assign]
        written = await write(*given)
        world.clock.pass_time(10)
        world.bucket.put("k", b"another")
        await world.run()
        world.clock.pass_time(300)
        return written

    world.destination.write = stands_still  # type: ignore[assignment,method-assign]
    assert outcome(await replicate(world)(b"k")) is Outcome.COPIED
    assert world.same()
    world.bucket.objects[b"k"] = asked
    await world.run()
    assert world.same()


@pytest.mark.parametrize("cut_off", [True, False], ids=["by the deadline", "by the store"])
async def test_who_asks_again_has_on_record_what_was_copied_and_not_written_down(cut_off: bool) -> None:
    world = World()
    world.bucket.put("k", b"body")
    await world.run()
    before, write, ledger = world.bucket.objects[b"k"], world.destination.write, world.stores.ledger
    world.clock.pass_time(60)
    world.bucket.put("k", b"another")

    async def answers_too_late(*given: Any) -> Any:
        await write(*given)
        await asyncio.sleep(5)

    async def is_down(*_: Any) -> None:
        raise OutOfService("firestore", Party.FIRESTORE, Reason.UNREACHABLE)

    work = replicate(world)
    with pytest.MonkeyPatch.context() as patched:
        if cut_off:
            patched.setattr(world.destination, "write", answers_too_late)
        else:
            patched.setattr(ledger, "commit_results", is_down)
        with pytest.raises((Transient, OutOfService)):
            await work(b"k")
    records = len(ledger.documents)
    assert [outcome(await work(b"k")) for _ in range(3)] == [Outcome.UNCHANGED] * 3
    assert len(ledger.documents) == records + 1, "a record, however often somebody asks"
    world.bucket.objects[b"k"] = before
    await world.run()
    assert world.same()


async def test_a_copy_of_long_ago_is_put_on_record_by_nobody_who_asks() -> None:
    world = World()
    world.bucket.put("k", b"body")
    await world.run()
    records = len(world.stores.ledger.documents)
    world.clock.pass_time(YOUNG_SECONDS + 1)
    assert outcome(await replicate(world)(b"k")) is Outcome.UNCHANGED
    assert len(world.stores.ledger.documents) == records


@pytest.mark.parametrize("first", [b"body", None], ids=["an older version", "no object"])
async def test_who_asks_while_an_older_version_is_copied_gets_his_own(first: bytes | None) -> None:
    world, reached, go = World(), asyncio.Event(), asyncio.Event()
    if first is not None:
        world.bucket.put("k", first)
    port, name = (world.destination, "write") if first else (world.bucket, "head")
    call, calls = getattr(port, name), count()

    async def held(*given: Any) -> Any:
        """The first call has seen what was there, and takes a while."""
        if next(calls):
            return await call(*given)
        try:
            return await call(*given)
        finally:
            reached.set()
            await go.wait()

    setattr(port, name, held)
    work = dataclasses.replace(replicate(world), seconds=5)
    earlier = asyncio.create_task(work(b"k"))
    await reached.wait()
    world.bucket.put("k", b"another")
    later = [asyncio.create_task(work(b"k")) for _ in range(3)]
    await asyncio.sleep(0)
    go.set()
    ended = await asyncio.gather(*later)
    await asyncio.wait([earlier])
    assert {item.etag for item in ended if item is not None} == {world.bucket.objects[b"k"].etag}
    assert len(world.destination.writes) <= 2
    assert world.same()
    if first is None:
        assert isinstance(earlier.exception(), Gone)


async def test_who_goes_away_does_not_stop_the_others_copy() -> None:
    world = World()
    world.bucket.put("k", b"body")
    work = replicate(world)
    first, second = asyncio.create_task(work(b"k")), asyncio.create_task(work(b"k"))
    await asyncio.sleep(0)
    first.cancel()
    assert outcome(await second) is Outcome.COPIED


async def test_a_caller_waits_no_longer_than_the_deadline_though_the_copy_does_not_leave() -> None:
    world = World()
    world.bucket.put("k", b"body")
    never = asyncio.Event()

    async def stubborn(*_: Any) -> Any:
        while not never.is_set():
            try:
                await never.wait()
            except asyncio.CancelledError:
                continue

    world.destination.write = stubborn  # type: ignore[method-assign, assignment]
    work = replicate(world)
    async with asyncio.timeout(2):
        with pytest.raises(Transient, match="not copied within"):
            await work(b"k")
    never.set()
    world.destination.write = lambda *given: FakeDestination.write(world.destination, *given)  # type: ignore[method-assign]
    assert outcome(await work(b"k")) is Outcome.COPIED


async def test_who_joins_a_copy_waits_no_longer_than_the_deadline_though_s3_does_not_answer() -> None:
    world, reached, go, never = World(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    world.bucket.put("k", b"body")
    write = world.destination.write

    async def held(*given: Any) -> Any:
        reached.set()
        await go.wait()
        return await write(*given)

    async def hangs(_key: bytes) -> Any:
        await never.wait()

    world.destination.write = held  # type: ignore[method-assign, assignment]
    work = replicate(world)
    first = asyncio.create_task(work(b"k"))
    await reached.wait()
    second = asyncio.create_task(work(b"k"))
    await asyncio.sleep(0)
    world.bucket.head = hangs  # type: ignore[method-assign, assignment]
    go.set()
    assert outcome(await first) is Outcome.COPIED
    async with asyncio.timeout(2):
        with pytest.raises(Transient, match="not copied within"):
            await second


@pytest.mark.parametrize("who", ["what leaves late", "what nobody waits for any more"])
async def test_what_ends_when_nobody_waits_is_no_error_of_the_loop(who: str) -> None:
    """asyncio says on standard error, with a traceback, which exception of a task nobody has asked for."""
    world, reached, go, never, said = World(), asyncio.Event(), asyncio.Event(), asyncio.Event(), list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told))
    world.bucket.put("k", b"body")
    write = world.destination.write

    async def refuses_to_leave(*_: Any) -> Any:
        try:
            await never.wait()
        finally:
            await asyncio.sleep(0.01)
            raise Forbidden("denied")

    async def held(*given: Any) -> Any:
        world.destination.write = refuses_to_leave  # type: ignore[method-assign, assignment]
        reached.set()
        await go.wait()
        return await write(*given)

    async def two_ask() -> None:
        first = asyncio.create_task(work(b"k"))
        await reached.wait()
        second = asyncio.create_task(work(b"k"))
        await asyncio.sleep(0.1)
        world.bucket.put("k", b"another")
        go.set()
        await first
        with pytest.raises(Transient, match="not copied within"):
            await second

    work = replicate(world)
    if who == "what leaves late":
        world.destination.write = refuses_to_leave  # type: ignore[method-assign, assignment]
        with pytest.raises(Transient, match="not copied within"):
            await work(b"k")
    else:
        world.destination.write = held  # type: ignore[method-assign, assignment]
        await two_ask()
    await asyncio.sleep(0.3)
    gc.collect()
    await asyncio.sleep(0)
    assert not said


async def test_who_asks_behind_two_copies_of_an_older_version_gets_his_own() -> None:
    """One of them is done but for its record, the other was forced."""
    world, written, forcing, go = World(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    world.bucket.put("k", b"body")
    ledger, destination = world.stores.ledger, world.destination
    commit, write = ledger.commit_results, destination.write

    async def records_late(*given: Any) -> Any:
        ledger.commit_results = commit  # type: ignore[method-assign]
        written.set()
        await go.wait()
        return await commit(*given)

    async def writes_late(*given: Any) -> Any:
        destination.write = write  # type: ignore[method-assign]
        forcing.set()
        await asyncio.sleep(0.01)
        return await write(*given)

    work = dataclasses.replace(replicate(world), seconds=5)
    ledger.commit_results = records_late  # type: ignore[method-assign, assignment]
    plain = asyncio.create_task(work(b"k"))
    await written.wait()
    destination.write = writes_late  # type: ignore[method-assign, assignment]
    forced = asyncio.create_task(work(b"k", True))
    await forcing.wait()
    world.bucket.put("k", b"another")
    asked = asyncio.create_task(work(b"k"))
    await forced
    await asyncio.sleep(0.01)
    go.set()
    await plain
    ended = await asked
    assert ended is not None
    assert ended.etag == world.bucket.objects[b"k"].etag
    assert world.same()


async def test_a_start_that_fails_leaves_no_key_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", bytes(3 * PART))

    async def refused(_name: bytes) -> str:
        raise Retained("STAGING_BUCKET has a retention policy")

    with monkeypatch.context() as patched:
        patched.setattr(world.staging, "begin", refused)
        with pytest.raises(Retained):
            await replicate(world)(b"large")
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1}


async def test_a_large_object_is_in_flight_until_its_parts_are_there() -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", bytes(3 * PART))
    assert await replicate(world)(b"large") is None
    run = world.send("list", ListMessage())
    sent, world.queue.sent[:] = list(world.queue.sent), []
    await world.drain()
    assert await counts(world, run) == {Outcome.IN_FLIGHT: 1}
    world.queue.sent.extend(sent)
    await world.drain()
    assert world.same()


async def test_who_asks_until_a_large_object_is_there_has_its_parts_published_once_an_hour() -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", bytes(3 * PART))
    work = replicate(world)
    for _ in range(10):
        assert await work(b"large") is None
        world.clock.pass_time(5)
    assert len(world.queue.sent) == 3
    assert len(world.stores.ledger.documents) == 1
    world.bucket.put("large", b"other" + bytes(3 * PART))
    assert await work(b"large") is None
    assert len(world.queue.sent) > 3, "another version"
    asked = len(world.queue.sent)
    world.clock.pass_time(YOUNG_SECONDS)
    assert await work(b"large") is None
    assert len(world.queue.sent) > asked, "nobody knows whether the messages were lost"
    await world.drain()
    assert world.same()
    assert outcome(await work(b"large")) is Outcome.UNCHANGED


async def test_parts_of_what_somebody_asks_for_wait_behind_no_run() -> None:
    world = World(large_bytes=PART, first_topic="first")
    world.bucket.put("large", bytes(3 * PART))
    assert await replicate(world)(b"large") is None
    assert {topic for topic, _ in world.queue.sent} == {"first"}
    await world.drain()
    assert world.same()


def test_who_asks_while_the_parts_are_being_published_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has begun the upload, and has not come to its parts yet, or was killed: nobody is at fault."""
    world = World(large_bytes=PART)
    world.bucket.put("large", bytes(3 * PART))
    work = replicate(world)

    async def killed(_topic: str, _messages: Sequence[Message]) -> None:
        raise Crash

    async def begun() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(world.queue, "publish", killed)
            with pytest.raises(Crash):
                await work._once(b"large", False)

    asyncio.run(begun())
    monkeypatch.setattr(runtime, "run", asyncio.run)
    instance = SimpleNamespace(
        settings=SimpleNamespace(source_prefix=""), log=world.log, app=lambda: SimpleNamespace(replicate=work)
    )
    door = OnDemand(instance)  # type: ignore[arg-type]
    said, status, headers = door("POST", b'{"key": "large"}')
    assert (status, said["error"]["reason"], headers) == (503, "busy", {"Retry-After": "5"})
    world.clock.time += LEASE
    assert door("POST", b'{"key": "large"}')[1] == 202


def test_what_to_do_is_said_once_and_about_a_key_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    work, gone = replicate(world), Gone(f"S3 has no such object; {Reason.GONE.advice}")
    monkeypatch.setattr(runtime, "run", asyncio.run)
    instance = SimpleNamespace(
        settings=SimpleNamespace(source_prefix=""), log=world.log, app=lambda: SimpleNamespace(replicate=work)
    )
    door = OnDemand(instance)  # type: ignore[arg-type]
    monkeypatch.setattr(world.bucket, "head", fails(gone))
    said, status, _ = door("POST", b'{"key": "nowhere"}')
    assert (status, said["error"]["message"]) == (404, "S3 has no such object")
    assert "check how the key is written" in said["error"]["advice"]
    denied = Forbidden(f"S3 denies it; {Reason.FORBIDDEN.advice}")
    monkeypatch.setattr(world.bucket, "head", fails(denied))
    said, status, _ = door("POST", b'{"key": "k"}')
    told = {"reason": "forbidden", "message": "S3 denies it", "advice": Reason.FORBIDDEN.advice}
    assert (status, said["error"]) == (502, told)
    said, status, _ = door("POST", b'{"key": 7}')
    assert (status, said["error"]["message"]) == (400, 'want {"key": "a/b.jpg"}: "key" must be a text, got 7')


def fails(error: Exception) -> Callable[[bytes], Coroutine[Any, Any, SourceObject]]:
    async def head(_key: bytes) -> SourceObject:
        raise error

    return head


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/replicate/", 404),
        ("POST", "/v1/Replicate", 404),
        ("GET", "/anything", 404),
        ("GET", "/", 405),
        ("PUT", "/", 405),
        ("GET", "/v1/replicate", 405),
        ("POST", "/", 204),
    ],
)
def test_only_a_push_is_taken_for_a_push(monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name.upper(), str(value))
    sys.modules.pop("functions.transfer.main", None)
    door = importlib.import_module("functions.transfer.main")
    pushed: list[object] = []
    monkeypatch.setattr(door, "handle", pushed.append)
    app = flask.Flask("door")
    with app.test_request_context(path, method=method, data=b'{"key": "k"}'):
        answered = door.transfer(flask.request)
    assert answered[1] == status
    assert len(pushed) == (status == 204)
    if status == 405:
        assert answered[2]["Allow"] == "POST"


def test_who_may_ask_for_a_key_cannot_forge_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SETTINGS, "push_service_account": "invoker@p.iam.gserviceaccount.com"}.items():
        monkeypatch.setenv(name.upper(), str(value))
    sys.modules.pop("functions.transfer.main", None)
    door = importlib.import_module("functions.transfer.main")
    pushed: list[object] = []
    monkeypatch.setattr(door, "handle", pushed.append)
    with flask.Flask("door").test_request_context("/", method="POST", data=b"{}"):
        assert door.transfer(flask.request)[1] == 403
    assert not pushed
