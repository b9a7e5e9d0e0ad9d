"""How late copies are: counted once, added up without loss, and never told to be less than it was."""

import json
from dataclasses import replace
from random import Random

import pytest

from shared.domain.counts import Outcome
from shared.domain.lag import Lag
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage, VerifyMessage, decode
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ledger.table import Table, pack
from tests.unit.test_follow_events import follow, written
from tests.world import World

EARLIER = {"key": "k", "etag": "etag", "size": 3, "modified": 1_000}
"""All that version 0.1.0 reads of an object that is to be copied."""


def test_a_share_came_within_what_is_told_and_not_much_more() -> None:
    draw = Random(7)
    lags = sorted(draw.lognormvariate(0, 2) for _ in range(5000))
    found = Lag.of(lags)
    assert found.counted == 5000
    assert found.worst == lags[-1]
    for share in (0.0, 0.5, 0.9, 0.99, 1.0):
        told = found.within(share)
        real = lags[max(round(share * 5000), 1) - 1]
        assert told is not None
        assert real <= told <= max(real * 2**0.25, 1 / 16) * 1.0001


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 1e-300, 1 / 16, 1.0, 900.0, 1e12])
def test_any_number_has_its_class(seconds: float) -> None:
    found = Lag.of([seconds])
    assert found.counted == 1
    assert found.within(0.5) == found.worst == max(seconds, 0.0)


def test_parts_add_up_to_the_whole_and_survive_their_document() -> None:
    lags = [0.3, 0.3, 2.0, 50.0, 51.0, 1e9]
    whole, parts = Lag.of(lags), Lag()
    for part in (lags[:2], [], lags[2:]):
        parts.merge(Lag.read(Lag.of(part).table()))
    assert parts == whole
    assert Lag.read(None) == Lag()
    assert Lag().within(0.5) is None


def test_a_record_keeps_the_time_of_the_event_and_no_message_says_it() -> None:
    """An instance of an earlier version, as there are some while this one is deployed, would put the message aside."""
    source = SourceObject(b"k", "etag", 3, 1_000, event_at=1_000.25)
    (entry,) = Table(pack([Entry.of(source)]))
    assert entry.source().event_at == 1_000.25
    message = TransferMessage(run="events-1", batch="b", objects=(ObjectEntry.of(source),))
    fields = json.loads(message.encode())
    assert fields == {"run": "events-1", "batch": "b", "objects": [EARLIER]}
    fields["objects"][0] |= {"event_at": 1_000.25, "storage_class": "GLACIER"}
    assert decode(TransferMessage, json.dumps(fields).encode()).encode() == message.encode()


def test_a_record_without_events_is_packed_as_before() -> None:
    plain = Entry(b"k", "etag", 3, 1_000)
    assert pack([plain]).detail != pack([replace(plain, event_at=1.0)]).detail
    assert Table(pack([plain]))[0] == plain


def test_a_key_is_counted_when_it_ends_and_not_when_it_is_delivered_again() -> None:
    record = BatchRecord("b", "events-1", 0.0, (Entry(b"a", "1", 1, 0), Entry(b"b", "1", 1, 0)))
    copied = Entry(b"a", "1", 1, 0, Outcome.COPIED, lag=2.0)
    once = record.with_results([copied], 1)
    twice = once.with_results([replace(copied, lag=90.0), replace(copied, key=b"b", lag=3.0)], 1)
    assert (twice.lag.counted, twice.lag.worst) == (2, 3.0)


async def test_a_run_of_events_tells_how_late_its_copies_were() -> None:
    world = World()
    for number in range(10):
        world.events.send(written(world, f"k/{number}", b"x", number))
    world.clock.time += 40
    run = await follow(world)
    assert (await world.stores.runs.summary(run)).lag.counted == 10, "as far as it has come"
    world.send("verify", VerifyMessage(close=True))
    await world.drain()
    lag = (await world.stores.runs.summary(run)).lag
    assert lag.counted == 10
    assert 40 <= lag.worst < 75
    (line,) = [fields for _, said, fields in world.log.lines if said == "from event to copy"]
    assert (line["run"], line["copies"], line["worst"]) == (run, 10, round(lag.worst, 2))
    assert line["median"] == line["p99"] == line["worst"], "all were written at once"
    batches = [fields for _, said, fields in world.log.lines if said == "batch" and fields["run"] == run]
    assert {fields["lag_seconds"] for fields in batches} == {round(lag.worst, 3)}


async def test_what_is_there_already_is_no_copy_and_has_no_lag() -> None:
    world = World()
    event = written(world, "k", b"body", 1)
    world.send("list", ListMessage())
    await world.drain()
    world.events.send(event)
    summary = await world.stores.runs.summary(await follow(world))
    assert (summary.listed_keys, summary.lag.counted) == (1, 0)


@pytest.mark.parametrize("step", range(0, 60, 3))
async def test_killed_anywhere_no_copy_is_counted_twice_and_none_as_faster(step: int) -> None:
    """What is not counted is what the next delivery found at the destination: nobody saw it arrive."""
    world = World()
    began = world.clock.now()
    for number in range(5):
        world.events.send(written(world, f"k/{number}", b"x" * number, number))
    world.steps.crash_at = step
    await follow(world)
    world.clock.time += 120
    await follow(world)
    runs = [run for run, stored in world.stores.runs.documents.items() if stored.kind == "events"]
    summaries = [await world.stores.runs.summary(run) for run in runs]
    copied = sum(summary.outcomes.keys.get(Outcome.COPIED, 0) for summary in summaries)
    counted = sum(summary.lag.counted for summary in summaries)
    assert counted == copied
    assert all(summary.lag.worst <= world.clock.now() - began for summary in summaries)
