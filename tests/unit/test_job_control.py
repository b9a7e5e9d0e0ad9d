"""Pause and ceilings hold for whoever asks, whoever asks first and whoever asks at once."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from shared.domain.messages import ObjectEntry, TransferMessage
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.control_store import Control
from shared.runs.ceilings import CeilingGuard, Stopped
from shared.runs.job_control import FRESH_SECONDS, JobControl
from shared.runs.portions import Portions
from tests.fakes import FakeClock
from tests.fakes.control import FakeControl
from tests.world import World


@dataclass
class SlowControl(FakeControl):
    """A read takes time."""

    reads: int = 0

    async def get(self) -> Control:
        self.reads += 1
        said = await super().get()
        await asyncio.sleep(0.01)
        return said


async def stored(control: Control) -> SlowControl:
    store = SlowControl()
    await store.update(lambda _: control)
    return store


async def test_the_first_readers_of_an_instance_all_hear_what_is_stored() -> None:
    store = await stored(Control(paused=True, most_objects=1))
    job_control = JobControl(store, FakeClock())
    heard = await asyncio.gather(*(job_control.read() for _ in range(3)))
    assert {(item.paused, item.most_objects) for item in heard} == {(True, 1)}
    assert store.reads == 1


async def test_a_ceiling_holds_for_two_who_publish_at_once_on_a_fresh_instance() -> None:
    store = await stored(Control(most_objects=1))
    job_control, portions = JobControl(store, FakeClock()), Portions(store, FakeClock())
    ends = await asyncio.gather(
        *(CeilingGuard(job_control, portions, "run").reserve(100, 100) for _ in range(2)), return_exceptions=True
    )
    assert [type(end) for end in ends] == [Stopped, Stopped]


async def test_a_reader_that_is_cancelled_takes_the_answer_from_nobody() -> None:
    job_control = JobControl(await stored(Control(paused=True)), FakeClock())
    first, second = asyncio.create_task(job_control.read()), asyncio.create_task(job_control.read())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).paused


async def test_an_older_answer_that_comes_late_replaces_no_newer_one() -> None:
    store, clock = await stored(Control(paused=True)), FakeClock()
    job_control = JobControl(store, clock)
    old = asyncio.create_task(job_control.read())
    await asyncio.sleep(0)
    clock.pass_time(0.1)
    await store.update(lambda control: replace(control, paused=False))
    assert not (await job_control.read(afresh=True)).paused
    await old
    assert not (await job_control.read()).paused


@pytest.mark.parametrize("resumed", [True, False])
async def test_a_message_is_left_only_if_the_job_is_paused_at_that_moment(resumed: bool) -> None:
    """Resume sends the messages of open batches again: a belief of a second ago must not acknowledge them."""
    world = World()
    world.bucket.put("k", b"body")
    await world.stores.control.update(lambda control: replace(control, paused=True))
    assert (await world.job_control.read()).paused
    if resumed:
        await world.stores.control.update(lambda control: replace(control, paused=False))
    source = world.bucket.listed(b"k")
    await world.stores.ledger.create([BatchRecord("b", "r", 1.0, (Entry.of(source),))])
    world.send("transfer", TransferMessage(run="r", batch="b", objects=(ObjectEntry.of(source),)))
    world.clock.pass_time(FRESH_SECONDS / 2)
    await world.drain()
    assert world.same() is resumed


async def test_a_batch_that_is_not_on_record_waits_for_the_end_of_a_pause() -> None:
    """Somebody typed it, or its record is lost: resuming sends only what is on record, so it was gone."""
    world = World()
    world.bucket.put("k", b"body")
    world.stores.control.said = Control(paused=True)
    entry = ObjectEntry.of(world.bucket.listed(b"k"))
    world.send("transfer", TransferMessage(run="r", batch="b", objects=(entry,)))
    await world.drain(most=3, finish=False)
    assert len(world.inbox) == 1
    await world.admin.resume()
    await world.drain()
    assert world.same()
