"""A ceiling holds, and is used up, however many ranges share it; a pause of any length loses nothing."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.domain.counts import Outcome
from shared.domain.errors import StateConflict
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.spending import Amount
from shared.ledger.record import BatchRecord
from shared.ports.control_store import Control
from shared.ports.range_store import HeldRange
from shared.pricing.ahead import PriceAhead
from shared.pricing.catalog import published as published_prices
from shared.ranges.send_again import SentAgain
from shared.runs.ceilings import CeilingGuard, Stopped
from shared.runs.job_control import JobControl
from shared.runs.portions import Batch, Portions
from tests.fakes import FakeClock, FakeControl
from tests.world import LEASE, LIFE, Steps, counts, filled


class CountedControl(FakeControl):
    asked = 0

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        self.asked += 1
        return await super().reserve(run, owner, amount, control, now)


def on_instances(
    job_control: JobControl, ranges: int, each: int = 1, ahead: PriceAhead | None = None
) -> list[CeilingGuard]:
    """The guards of ranges that run side by side, so many on each instance."""
    made: list[CeilingGuard] = []
    for number in range(ranges):
        if number % each == 0:
            portions = Portions(job_control.control, job_control.clock, f"instance {number // each}", ahead)
        made.append(CeilingGuard(job_control, portions, "run"))
    return made


@pytest.mark.parametrize("seconds", [0.01, 1.0, 40.0])
@pytest.mark.parametrize(("ranges", "each"), [(1, 1), (50, 1), (300, 1), (300, 8)])
async def test_parallel_ranges_use_a_ceiling_up(ranges: int, each: int, seconds: float) -> None:
    """Fifty portions were all there were: the 51st range stopped with next to nothing published."""
    ceiling, batch = 1_000_000, 500
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, ceiling, None))
    guards = on_instances(job_control, ranges, each)
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
    assert (await store.spent("run")).objects == ceiling


async def test_a_range_that_publishes_little_holds_little() -> None:
    store, clock = CountedControl(), FakeClock()
    [guard] = on_instances(JobControl(store, clock, Control(False, 5_000_000, None)), 1)
    for _ in range(10):
        await guard.reserve(50, 50)
        clock.pass_time(100)
    assert (await store.spent("run")).objects <= 10 * 50 + 4 * 50


async def test_a_range_that_publishes_much_writes_seldom() -> None:
    store, clock = CountedControl(), FakeClock()
    [guard] = on_instances(JobControl(store, clock, Control(False, 100_000_000, None)), 1)
    for _ in range(6000):
        await guard.reserve(50, 50)
        clock.pass_time(0.1)
    assert store.asked <= 30, "in ten minutes"


BATCH, PAGES_A_SECOND, SECONDS = 100, 2, 90


@pytest.mark.parametrize("each", [1, 8])
@pytest.mark.parametrize("ceiling", [10_000_000, 10**10])
async def test_no_document_takes_more_than_a_write_a_second(ceiling: int, each: int) -> None:
    """Three hundred ranges that all begin at once and list as fast as S3 answers, until they stop at the ceiling: a
    run's spending took many writes a second.
    """
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, ceiling, None))
    guards = on_instances(job_control, 300, each)
    published, seconds = 0, 0
    while guards and seconds < SECONDS:
        clock.pass_time(1)
        seconds += 1
        for guard in list(guards):
            try:
                for _ in range(PAGES_A_SECOND * 1000 // BATCH):
                    await guard.reserve(BATCH, BATCH * 1000)
                    published += BATCH
            except Stopped:
                await guard.release()
                guards.remove(guard)
    for guard in guards:
        await guard.release()
    assert (await store.spent("run")).objects == published <= ceiling
    assert published == ceiling or seconds == SECONDS
    assert max(most_in_a_minute(times) for times in store.written.values()) <= 60


def most_in_a_minute(times: list[float]) -> int:
    """Firestore takes a write a second of one document in the long run, and a burst now and then.
    https://firebase.google.com/docs/firestore/best-practices#updates_to_a_single_document
    """
    return max(sum(at <= time < at + 60 for time in times) for at in times)


async def until_stopped(most_dollars: float, ahead: PriceAhead, size: int, ranges: int = 5) -> int:
    """How many objects of a size ranges side by side publish, in batches of a hundred."""
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(most_dollars=most_dollars))
    guards = on_instances(job_control, ranges, 1, ahead)
    published, held, reasons = 0, 0, set[str]()
    while guards:
        clock.pass_time(1)
        held = max(held, (await store.spent("run")).objects - published)
        for guard in list(guards):
            try:
                await guard.reserve(100, 100 * size)
                published += 100
            except Stopped as stop:
                reasons.add(str(stop))
                await guard.release()
                guards.remove(guard)
    assert held <= published / 10, "what a portion has of objects is what its dollars are for"
    (reason,) = reasons
    assert reason.endswith(f"and would exceed the ceiling of {most_dollars:,} dollars a run")
    assert reason.startswith("the next batch has 100 objects and ")
    return published


async def test_a_ceiling_in_dollars_stops_a_run() -> None:
    """A hundred thousand objects of a MB are about nine dollars; half of it is published for half the money."""
    ahead = PriceAhead.of(published_prices().at("us-east-1"), "cloudfront", 100)
    whole = ahead((0, 0), 100_000, 10**11)
    assert 5 < whole < 20
    assert 48_000 <= await until_stopped(whole / 2, ahead, 10**6) <= 50_000


async def test_what_a_month_has_for_nothing_is_not_counted_on() -> None:
    """A terabyte that leaves CloudFront is free, for all jobs of an account together."""
    ahead = PriceAhead.of(published_prices().at("us-east-1"), "cloudfront", 100)
    published = await until_stopped(30.0, ahead, 10**8)
    assert 2.5e11 < published * 10**8 < 5e11


async def test_a_large_run_is_priced_by_the_tiers_that_it_reaches() -> None:
    """A petabyte at the first tier's price would stop at two thirds of the money."""
    ahead = PriceAhead.of(published_prices().at("us-east-1"), "cloudfront", 100)
    whole = ahead((0, 0), 10**6, 10**15)
    assert whole < 10**6 * ahead((0, 0), 1, 10**9) * 0.8
    published = await until_stopped(whole, ahead, 10**9, ranges=2)
    assert 0.9e6 < published <= 1e6


def test_a_storage_class_that_costs_more_to_read_uses_up_more() -> None:
    ahead = PriceAhead.of(published_prices().at("us-east-1"), "direct", 100)
    plain = ahead((10**6, 10**13), 100, 10**9)
    assert ahead((10**6, 10**13), 100, 10**9, {"STANDARD_IA": (100, 10**9)}) > plain > 0
    assert ahead((0, 0), 0, 0) == 0


@pytest.mark.parametrize("batches", [1, 2, 10])
async def test_a_short_range_writes_once_what_it_spends(batches: int) -> None:
    store, clock = CountedControl(), FakeClock()
    [guard] = on_instances(JobControl(store, clock, Control(False, 5_000_000, None)), 1)
    sizes: list[Batch] = [(100, 1_000 + number, {}) for number in range(batches)]
    await guard.begin_with(sizes)
    for objects, size, classes in sizes:
        await guard.reserve(objects, size, classes)
    await guard.release()
    assert (await store.spent("run")).objects == 100 * batches
    assert sum(map(len, store.written.values())) == 1


async def test_hundreds_of_short_ranges_a_minute_write_seldom_on_one_instance() -> None:
    """Each wrote what it had spent by itself, so that a run of short ranges wrote two thousand times a second."""
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, 10**10, None))
    portions = Portions(store, clock, "instance")
    working: list[CeilingGuard] = []
    for _ in range(60):
        clock.pass_time(1)
        working += (CeilingGuard(job_control, portions, "run") for _ in range(4))
        for guard in working:
            await guard.begin_with([(100, 1_000, {})] * 10)
            for _ in range(10):
                await guard.reserve(100, 1_000)
        for guard in working[:-4]:
            await guard.release()
        working = working[-4:]
    published = 100 * 10 * (4 + 59 * 8)
    assert store.asked <= 8
    assert (await store.spent("run")).objects >= published
    for guard in working:
        await guard.release()
    assert (await store.spent("run")).objects == published, "the last one gives back what is left"


async def test_what_an_instance_holds_and_does_not_use_is_given_back_while_it_works_on() -> None:
    """A range that finds nothing to publish for hours kept others from what a neighbour had reserved."""
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, 100_000, None))
    long, short, other = on_instances(job_control, 3, 2)
    await long.reserve(100, 100)
    await short.reserve(100, 100)
    assert (await store.spent("run")).objects == 300, "no more than a 256th of the ceiling"
    await short.release()
    assert (await store.spent("run")).objects == 300
    clock.pass_time(31)
    late = CeilingGuard(job_control, short.portions, "run")
    await late.reserve(50, 50)
    await late.release()
    assert (await store.spent("run")).objects == 250
    await other.reserve(100, 100)
    for guard in (long, other):
        await guard.release()
    assert (await store.spent("run")).objects == 350


async def test_an_answer_that_is_lost_gives_nothing_back_twice() -> None:
    """The store has done it and says that it does not answer: with what is left an instance publishes no more."""

    class Mute(CountedControl):
        mute = False

        async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
            done = await super().reserve(run, owner, amount, control, now)
            if self.mute:
                raise StateConflict("no answer")
            return done

    store, clock = Mute(), FakeClock()
    guard, other = on_instances(JobControl(store, clock, Control(False, 10**6, None)), 2, 2)
    await guard.reserve(100, 100)
    await other.reserve(100, 100)
    store.mute = True
    clock.pass_time(31)
    with pytest.raises(StateConflict):
        await guard.release()
    store.mute = False
    await other.release()
    assert (await store.spent("run")).objects == 200


async def test_who_is_cut_off_while_it_waits_to_leave_is_no_user_any_more() -> None:
    store, clock = CountedControl(), FakeClock()
    job_control = JobControl(store, clock, Control(False, 100_000, None))
    cut, other = on_instances(job_control, 2, 2)
    await cut.reserve(100, 100)
    await other.reserve(100, 100)
    portion = cut.portions.join("run")
    async with portion._turn:
        leaving = asyncio.create_task(cut.release())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
    await cut.portions.leave(portion)
    await other.release()
    assert (await store.spent("run")).objects == 200, "the last one gives back what is left"


async def test_a_range_that_is_cut_off_gives_back_what_it_holds() -> None:
    """The instance lives on after an invocation that took too long, and held its portion for ever."""
    world = filled(20, default_control=Control(most_objects=1_000_000), keys_per_message=1)
    world.bucket.page_size = 5
    listed = 0

    def page() -> None:
        nonlocal listed
        listed += 1
        if listed == 3:
            raise asyncio.CancelledError

    world.bucket.listed_page = page
    run = world.send("list", ListMessage())
    with pytest.raises(asyncio.CancelledError):
        await world.drain(most=1)
    published = len(world.stores.ledger.documents)
    assert (await world.stores.control.spent(run)).objects == published > 0


NAMED = ListMessage(keys=tuple(f"k/{number:03d}".encode() for number in range(8)))


@pytest.mark.parametrize("message", [ListMessage(), NAMED, VerifyMessage()], ids=["list", "keys", "verify"])
@pytest.mark.parametrize("crash_at", range(70))
async def test_what_was_recorded_before_a_kill_is_listed_where_a_ceiling_ends_the_run_sooner(
    message: ListMessage | VerifyMessage, crash_at: int
) -> None:
    """An object that has come since lies before what the killed invocation recorded, and the ceiling ends with it."""
    world = filled(8, default_control=Control(most_objects=4), keys_per_message=1, steps=Steps(crash_at))
    world.bucket.page_size = 3
    run = world.send("verify" if isinstance(message, VerifyMessage) else "list", message)
    await world.drain(most=1, finish=False)
    for name in ("k/0", "k/000a", "k/001a", "k/002a"):
        world.bucket.put(name, b"new")
    await world.drain()
    summary = await world.stores.runs.summary(run)
    assert summary.balanced
    assert summary.pending == 0
    assert len(world.destination.writes) <= 4


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
    assert await world.admin.resume() == SentAgain(ranges=1, batches=0)
    world.clock.time += 2
    await world.run(VerifyMessage(close=True))
    await world.drain()
    assert len(world.destination.writes) == writes + 8
    assert (await world.stores.runs.summary(run)).outcomes.keys == {Outcome.COPIED: 8}


async def test_who_looked_at_a_paused_run_just_before_it_was_resumed_does_not_end_it() -> None:
    world = filled(8, default_control=Control())
    world.stores.control.said = Control(paused=True)
    run = await world.run(ListMessage(prefix=b"k/"))
    world.clock.time += LIFE + 1
    look, looked = world.stores.runs.last_activity, 0

    async def slow(name: str) -> float | None:
        nonlocal looked
        looked += 1
        seen = await look(name)
        if looked == 1:
            await world.admin.resume()
            world.clock.time += 2
        return seen

    world.stores.runs.last_activity = slow  # type: ignore[assignment, method-assign]
    world.send("verify", VerifyMessage(close=True))
    await world.drain(most=1, finish=False)
    assert world.stores.runs.documents[run].state == "going"
    await world.drain()
    assert (await world.stores.runs.summary(run)).outcomes.keys == {Outcome.COPIED: 8}


@pytest.mark.parametrize("recorded", [False, True], ids=["refused", "recorded, and the answer lost"])
async def test_a_batch_counts_once_however_often_it_could_not_be_recorded(recorded: bool) -> None:
    """Each try reserves anew: only what is on record has used something of the ceiling."""
    world = filled(12, default_control=Control(most_objects=6))
    ledger, tries = world.stores.ledger, iter(range(4))
    create = ledger.create

    async def failing(records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        if next(tries, None) is None:
            await create(records, held)
            return
        if recorded:
            await create(records[:1], held)
        world.clock.pass_time(LEASE + 1)
        raise StateConflict("Firestore")

    ledger.create = failing  # type: ignore[method-assign]
    run = await world.run(ListMessage())
    assert await counts(world, run) == {Outcome.COPIED: 6}
    assert (await world.stores.control.spent(run)).objects == 6
