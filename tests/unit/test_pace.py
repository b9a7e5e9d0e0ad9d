"""The queue of events is asked so that a request brings many, and no event waits for that. In virtual time."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.events import ObjectEvent
from shared.domain.messages import ListMessage
from shared.listing.pace import BEHIND_SECONDS, POLLS, REST_SECONDS, WINDOW_SECONDS, Pace
from shared.ports.event_queue import EventMessage
from shared.pricing.following import REQUESTS_AN_EVENT
from tests.fakes.clock import FakeClock
from tests.schedules.loop import VirtualLoop
from tests.world import World, counts

FOLLOW = ListMessage(events=True, scheduled=True)


class LoopClock(FakeClock):
    """Of the loop: it moves while somebody waits, for all alike."""

    def now(self) -> float:
        return self.time + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Trickling:
    """A queue into which an event comes every so often, and whose answers take a while. It answers a long poll as soon
    as there is a message. sampled: the most that it gives at a time. receives, deletes: requests. late: seconds from
    each event's coming to its deletion.
    """

    def __init__(self, world: World, a_second: float, answer_seconds: float, sampled: int = 10) -> None:
        self.world, self.a_second, self.answer_seconds, self.sampled = world, a_second, answer_seconds, sampled
        self.came = asyncio.Event()
        self.at: dict[str, float] = {}
        self.late: list[float] = []
        self.receives = self.deletes = 0

    async def come(self, events: Sequence[ObjectEvent]) -> None:
        began = self.world.clock.now()
        for number, event in enumerate(events):
            await asyncio.sleep(began + number / self.a_second - self.world.clock.now())
            self.at[self.world.events.send(replace(event, at=self.world.clock.now()))] = self.world.clock.now()
            self.came.set()

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        self.receives += 1
        until = self.world.clock.now() + wait_seconds
        await asyncio.sleep(self.answer_seconds / 2)
        while not (found := self.world.events.hand_out(self.sampled)) and self.world.clock.now() < until:
            self.came.clear()
            waiting = asyncio.create_task(self.came.wait())
            await asyncio.wait({waiting}, timeout=until - self.world.clock.now())
            waiting.cancel()
        await asyncio.sleep(self.answer_seconds / 2)
        return found

    async def delete(self, handles: Sequence[str]) -> int:
        self.deletes += -(-len(handles) // 10)
        self.late += [self.world.clock.now() - self.at[handle] for handle in handles]
        await asyncio.sleep(self.answer_seconds)
        return await self.world.events.delete(handles)


def virtually(test: Coroutine[Any, Any, Any]) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(test)
    finally:
        loop.close()


async def followed(events: int, a_second: float, answer_seconds: float, sampled: int = 10) -> tuple[World, Trickling]:
    """So many events, come and copied."""
    world = World(clock=LoopClock())
    queue = Trickling(world, a_second, answer_seconds, sampled)
    following = world.handlers["list"].events
    following.queue = queue
    told = []
    for number in range(events):
        key = f"{number % 7}/{number:05d}"
        world.bucket.put(key, b"x")
        found = world.bucket.listed(key.encode())
        told.append(ObjectEvent(key.encode(), False, f"{number:04X}", world.clock.now(), found.etag, found.size))
    run = world.send("list", FOLLOW).replace("list-", "events-", 1)
    await asyncio.gather(queue.come(told), world.drain())
    assert await counts(world, run) == {"copied": events}
    assert world.same()
    return world, queue


@pytest.mark.parametrize("answer_seconds", [0.01, 0.03, 0.06])
def test_at_200_a_second_a_request_brings_many_and_no_event_waits_long(answer_seconds: float) -> None:
    async def test() -> None:
        world, queue = await followed(2000, 200, answer_seconds)
        idle = 10
        assert queue.receives + queue.deletes - idle <= 2000 * (REQUESTS_AN_EVENT + 0.03)
        assert world.stores.ledger.writes <= 40, "two a hundred"
        assert max(queue.late) <= WINDOW_SECONDS + 0.3

    virtually(test())


@pytest.mark.parametrize(("a_second", "answer_seconds", "sampled"), [(300, 0.1, 10), (100, 0.03, 3), (40, 0.1, 2)])
def test_a_slow_queue_is_asked_more_often_rather_than_left_behind(
    a_second: float, answer_seconds: float, sampled: int
) -> None:
    """Far away, or one that gives few at a time although there are more."""

    async def test() -> None:
        _, queue = await followed(1500, a_second, answer_seconds, sampled)
        assert max(queue.late) <= BEHIND_SECONDS + 1.5

    virtually(test())


def test_an_event_that_comes_alone_is_published_at_once() -> None:
    async def test() -> None:
        _, queue = await followed(5, 0.5, 0.03)
        assert max(queue.late) <= 0.05

    virtually(test())


def test_after_a_batch_the_queue_is_left_alone_unless_it_brings_much() -> None:
    pace = Pace()
    assert (pace.rest(100.0), pace.due_in(100.0)) == (0.0, 0.0), "nothing is known of it"
    pace.sent(100.0)
    pace.brought(4, 0.1, 100.1)
    assert pace.rest(100.1) == pytest.approx(REST_SECONDS - 0.1)
    assert pace.rest(100.0 + REST_SECONDS) == 0.0
    pace.brought(4, 0.1, 100.5)
    assert pace.rest(100.5) == pace.due_in(100.5) == pytest.approx(WINDOW_SECONDS - 0.5), "it has been emptied"
    pace.brought(5, 0.1, 100.5)
    assert pace.rest(100.5) == 0.0
    pace.brought(1, BEHIND_SECONDS + 0.1, 100.5)
    assert (pace.rest(100.5), pace.polls) == (0.0, POLLS)
    pace.sent(101.0)
    assert pace.rest(101.0) == 0.0


def test_polls_are_more_while_each_brings_much() -> None:
    pace, seen = Pace(), []
    for messages in (10, 10, 9, 10, 10, 3, 0, 5, 1, 0):
        pace.brought(messages, 0.1, 100.0)
        seen.append(pace.polls)
    assert seen == [2, 3, 4, 4, 4, 1, 1, 2, 1, 1]
