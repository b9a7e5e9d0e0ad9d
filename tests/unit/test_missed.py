"""What a listing says of the changes that events had not told of."""

from collections.abc import AsyncIterator

import pytest

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.missed import Change, Followed
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ledger.table import Table, pack
from shared.ports.ledger_store import Versioned
from shared.runs.lifecycle import CLOSING_SECONDS
from tests.unit.test_follow_events import follow, written
from tests.world import World

MISSED, UNSURE = Change.MISSED, Change.UNSURE


@pytest.mark.parametrize(
    ("since", "modified", "change"),
    [
        (None, 500, UNSURE),
        (400, 399, UNSURE),
        (400, 400, MISSED),
        (400, 900, MISSED),
        (400, 901, UNSURE),
        (400, 2000, UNSURE),
    ],
)
def test_a_change_is_missed_only_if_an_event_should_have_told(
    since: float | None, modified: float, change: Change
) -> None:
    assert Followed(since, 100.0, 1000.0).change(modified) is change


async def followed_since_an_hour() -> World:
    """A job that follows events, an hour after the first one."""
    world = World()
    world.events.send(written(world, "first", b"1", 1))
    await follow(world)
    world.clock.time += 3600
    return world


def put(world: World, key: str, body: bytes, seconds_ago: float) -> None:
    world.bucket.put(key, body)
    world.bucket.objects[key.encode()].modified = int(world.clock.now() - seconds_ago)


async def listed(world: World, message: ListMessage | None = None) -> dict[str, int]:
    run = world.send("list", message or ListMessage())
    await world.drain()
    return (await world.stores.runs.summary(run)).changes.keys


async def test_what_no_event_told_of_is_counted_once() -> None:
    world = await followed_since_an_hour()
    put(world, "new", b"new", 2000)
    put(world, "first", b"changed", 1800)
    put(world, "young", b"young", 10)
    put(world, "old", b"from before", 86_400)
    world.events.send(written(world, "told", b"told", 2))
    await follow(world)
    assert await listed(world) == {MISSED: 2, UNSURE: 2}
    assert await listed(world) == {}
    (line,) = [fields for _, said, fields in world.log.lines if said == "changes counted"]
    assert (line["missed"], line["unsure"]) == (2, 2)


async def test_where_none_was_ever_followed_nothing_is_called_missed() -> None:
    world = World()
    put(world, "k", b"body", 5000)
    assert await listed(world) == {UNSURE: 1}


async def test_what_is_on_its_way_and_what_failed_and_is_tried_again_is_no_change() -> None:
    world = await followed_since_an_hour()
    event = written(world, "k", b"body", 2)
    world.bucket.objects[b"k"].modified = int(world.clock.now() - 2000)
    world.events.send(event)
    world.send("list", ListMessage(events=True, scheduled=True))
    await world.drain(most=1, finish=False)
    assert await listed(world) == {}
    assert world.same()


async def test_what_is_recorded_while_a_listing_goes_on_is_not_called_missed() -> None:
    """Its record may begin before where the listing reads by then: between the change and the look lies the listing."""
    world = await followed_since_an_hour()
    world.handlers["list"].events.late_seconds = 60.0
    world.bucket.page_size, world.seconds_a_page = 1, 100.0
    for number in range(4):
        put(world, f"k/{number}", b"x", 50)
    assert await listed(world) == {UNSURE: 4}


async def test_what_is_sorted_while_a_listing_reads_on_is_not_called_missed() -> None:
    """A sorted record begins where the first of those did that it replaces, and a listing that reads page by page may
    be behind that, and not yet at the others.
    """
    world = await followed_since_an_hour()
    world.bucket.page_size = 5
    spans = {"b1": range(4), "b2": range(4, 8), "b3": range(20, 45)}
    for name, numbers in spans.items():
        entries = []
        for number in numbers:
            put(world, f"k/{number:02d}", b"x", 2000)
            found = world.bucket.listed(b"k/%02d" % number)
            entries.append(Entry(found.key, found.etag, 1, found.modified, Outcome.COPIED))
        at = world.clock.now() - 1900
        await world.stores.ledger.create([BatchRecord(name, "events-before", at, Table(pack(entries)))])
    put(world, "k/50", b"nobody told", 2000)
    read = world.stores.ledger.scan

    async def by_page(prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        """As Firestore has it: each record is looked for behind the one before."""
        last = (b"", "")
        while True:
            ahead = [item async for item in read(prefix, after, until) if (item.first, item.record.batch) > last]
            if not ahead:
                return
            last = (ahead[0].first, ahead[0].record.batch)
            yield ahead[0]
            if ahead[0].record.batch == "b2":
                await world.handlers["list"].sort_events("events-before", Budget(world.clock.monotonic(), 540))

    world.stores.ledger.scan = by_page  # type: ignore[method-assign]
    assert await listed(world) == {MISSED: 1}
    assert len(world.stores.ledger.documents) < 5, "they were sorted"


async def test_to_copy_all_anew_says_nothing_of_events() -> None:
    world = await followed_since_an_hour()
    put(world, "new", b"new", 2000)
    assert await listed(world, ListMessage(force=True)) == {}


@pytest.mark.parametrize("step", range(0, 90, 2))
async def test_killed_at_any_step_the_count_is_the_same(step: int) -> None:
    world = await followed_since_an_hour()
    for number in range(7):
        put(world, f"k/{number}", b"x", 2000)
    put(world, "young", b"x", 5)
    world.steps.taken, world.steps.crash_at = 0, step
    run = world.send("list", ListMessage())
    await world.drain(most=100, finish=False)  # a sorting waits for an end that was not written down: the tick does
    world.clock.time += CLOSING_SECONDS
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    found = (await world.stores.runs.summary(run)).changes.keys
    assert found.get(MISSED) == 7
    assert sum(found.values()) == 8
    assert world.steps.crash_at is None, "it was killed"
