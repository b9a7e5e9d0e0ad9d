"""A ceiling holds, and is used up, however many ranges share it; a pause of any length loses nothing."""

import pytest

from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, VerifyMessage
from shared.ports.control_store import Control
from shared.ranges.resume import Resume, Resumed
from shared.runs.quota import JobControl, QuotaGuard, Stopped
from tests.fakes import FakeClock, FakeControl
from tests.world import LIFE, filled


class CountedControl(FakeControl):
    asked = 0

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        self.asked += 1
        return await super().reserve(run, objects, size, control)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("ranges", [1, 50, 300])
async def test_parallel_ranges_use_a_ceiling_up(ranges: int, seconds: float) -> None:
    """Fifty portions were all there were: the 51st range stopped with next to nothing published."""
    ceiling, batch = 1_000_000, 500
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, ceiling, None))
    guards = [QuotaGuard(job_control, store, "run") for _ in range(ranges)]
    published = 0
    while guards:
        clock.pass_time(seconds)
        for guard in list(guards):
            try:
                await guard.reserve(batch, batch * 1000)
                published += batch
            except Stopped:
                await guard.release()
                guards.remove(guard)
    assert published == ceiling
    assert store.spent["run"][0] == ceiling


async def test_a_range_that_publishes_little_holds_little() -> None:
    store, clock = CountedControl(), FakeClock()
    guard = QuotaGuard(JobControl(store, clock, Control(False, 5_000_000, None)), store, "run")
    for _ in range(10):
        await guard.reserve(50, 50)
        clock.pass_time(100)
    assert store.spent["run"][0] <= 10 * 50 + 4 * 50


async def test_a_range_that_publishes_much_writes_seldom() -> None:
    store, clock = CountedControl(), FakeClock()
    guard = QuotaGuard(JobControl(store, clock, Control(False, 100_000_000, None)), store, "run")
    for _ in range(6000):
        await guard.reserve(50, 50)
        clock.pass_time(0.1)
    assert store.asked <= 30, "in ten minutes"


async def test_a_pause_longer_than_the_life_of_a_batch_loses_no_run() -> None:
    world = filled(8)
    await world.run()
    await world.run(VerifyMessage(close=True))
    writes = len(world.destination.writes)
    world.stores.control.said = Control(paused=True)
    world.clock.time += 2
    run = await world.run(ListMessage(prefix=b"k/", force=True))
    world.clock.time += LIFE + 1
    await world.run(VerifyMessage(close=True))
    assert world.stores.runs.documents[run].state == "going"
    app = world.handlers["list"]
    stores = world.stores
    resume = Resume(
        stores.control,
        stores.runs,
        stores.ranges,
        stores.ledger,
        world.queue,
        app.work.publish,
        {"list": "list", "keys": "list", "verify": "verify"},  # type: ignore[dict-item]
    )
    assert await resume() == Resumed(ranges=1, batches=0)
    world.clock.time += 2
    await world.run(VerifyMessage(close=True))
    await world.drain()
    assert len(world.destination.writes) == writes + 8
    assert (await stores.runs.summary(run)).outcomes.keys == {Outcome.COPIED: 8}
