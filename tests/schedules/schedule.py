"""One seed's history: messages, changes, pauses and faults until an hour, then deltas, then the last laws."""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from shared.ports.control_store import Control
from shared.runs.expire_uploads import UPLOAD_LIFE_SECONDS
from tests.schedules.chance import Chance
from tests.schedules.following import EventsWorld
from tests.schedules.laws import Violation
from tests.schedules.loop import WORLD, Stuck
from tests.schedules.mutations import NONE, Mutation
from tests.schedules.scale import small
from tests.schedules.scanning import DAY, ScanWorld
from tests.schedules.world import World

HOUR = 3600.0
PATIENCE_SECONDS = 24 * HOUR
"""After the last delta everything must have come to rest by then."""


CLOSE = b'{"close": true}'
"""What Terraform's scheduler sends (terraform/modules/job/scheduler.tf)."""

LAST_WRITE_SECONDS = 31.0
"""What is written several times, or for a while only, is written for the last time so long after it was begun."""


@dataclass(frozen=True, slots=True)
class Told:
    """violations: none if every law held. lines: what happened, if it was asked for."""

    seed: int
    violations: list[Violation]
    lines: list[str] = field(default_factory=list)


WORLDS: dict[str, tuple[type[World], str]] = {
    "transfer": (World, "transfer"),
    "lister": (ScanWorld, "list"),
    "verifier": (ScanWorld, "verify"),
    "events": (EventsWorld, "list"),
}
"""What ONLY may say, and what the function whose calls are disturbed is called among the messages."""


def run(seed: int, only: str = "transfer", tracing: bool = False, mutation: Mutation = NONE) -> Told:
    """Run a schedule. only: the function whose calls are disturbed."""
    chance = Chance(seed)
    with small(chance.of("ids")):
        kind, disturbed = WORLDS[only]
        world = kind(chance, frozenset({disturbed}), tracing, mutation)
        loop = world.loop
        asyncio.set_event_loop(loop)
        world.trace(
            f"seed {seed}: {world.swarm.told()}; {world.shape}; route {world.settings.route}, edge {world.settings.stale_edge}, {world.settings.objects_in_flight} in flight, {world.settings.keys_per_message} keys a message, budget {world.settings.budget_seconds}"
        )
        try:
            history = WORLD.run(loop.create_task, _begun(world))
            loop.run_until_complete(history)
        except Stuck as stuck:
            world.laws.broken("every wait ends", str(stuck))
        finally:
            for task in asyncio.all_tasks(loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
            asyncio.set_event_loop(None)
            loop.close()
        return Told(seed, list(world.laws.violations), list(world.lines))


def _begun(world: World) -> Coroutine[None, None, None]:
    if isinstance(world, EventsWorld):
        return _events_history(world)
    return _scan_history(world) if isinstance(world, ScanWorld) else _history(world)


async def _history(world: World) -> None:
    loop, draw = world.loop, world.chance.of("history")
    world.queue.send("list", b"{}")
    if world.swarm.changes:
        for _ in range(draw.choice((1, 3, 10))):
            loop.later(_soon(draw, world.weather.ends), world.change, draw.choice(sorted(world.s3.history)))
    if world.swarm.lost_sessions:
        for _ in range(3):
            loop.later(_soon(draw, world.weather.ends), world.vanish)
    if world.swarm.pauses:
        loop.later(_soon(draw, world.weather.ends / 2), world.pause)
    _cancel(world)
    await asyncio.sleep(world.weather.ends)
    if world.swarm.pauses:
        await asyncio.sleep(1)
        await world.resume()
    for _ in range(3):
        await asyncio.sleep(HOUR - loop.time() % HOUR)
        world.queue.send("list", b"{}")
    if await _rests(world) and await _outlived(world):
        world.laws.at_the_end()


def _cancel(world: World) -> None:
    draw = world.chance.of("cancels")
    for _ in range(draw.choice((1, 2, 4)) if world.swarm.cancels else 0):
        world.loop.later(_soon(draw, world.weather.ends), world.cancel)


async def _outlived(world: World) -> bool:
    """Whether everything comes to rest once what a killed instance left has had its time. Where nothing is killed or
    lost, nothing is left in the first place.
    """
    if not world.stores.uploads.opened or not world.laws.excuses_leavings:
        return True
    await asyncio.sleep(UPLOAD_LIFE_SECONDS)
    world.queue.send("list", b"{}")
    return await _rests(world)


async def _scan_history(world: ScanWorld) -> None:
    """Listings and comparisons while everything goes on, until an hour; then deltas and comparisons, some days apart if
    copies are to be deleted; then all ends are written down.
    """
    loop, draw, scan, ends = world.loop, world.chance.of("history"), world.scan, world.weather.ends
    world.queue.send("list", b"{}")
    asked = {"list": draw.choice((1, 2)), "verify": draw.choice((1, 2))}
    for topic, count in asked.items():
        for _ in range(count):
            loop.later(_soon(draw, ends), world.queue.send, topic, b"{}")
    often: list[tuple[bool, Callable[[], object]]] = [
        (world.swarm.changes, world.write),
        (scan.damage, world.damage),
        (scan.people, world.ask),
        (scan.losses, world.lose),
    ]
    for happens, what in often:
        for _ in range(draw.choice((1, 3, 8)) if happens else 0):
            loop.later(_soon(draw, ends), what)
    if world.swarm.pauses:
        loop.later(_soon(draw, ends / 2), world.pause)
    _cancel(world)
    await asyncio.sleep(ends)
    if world.swarm.pauses:
        await asyncio.sleep(1)
        await world.resume()
    world.stores.control.said = Control(cancelled=world.stores.control.said.cancelled)
    for _ in range(2):
        for topic in ("list", "verify"):
            await asyncio.sleep(2 * HOUR - loop.time() % HOUR)
            world.queue.send(topic, b"{}")
    for _ in range(3 if scan.deletion else 0):
        await asyncio.sleep(DAY / 2)
        world.queue.send("verify", b"{}")
    for _ in range(2):
        await asyncio.sleep(3 * HOUR)
        world.queue.send("verify", CLOSE)
    if await _rests(world):
        world.laws.at_the_end()
        world.truth.at_the_end()


async def _events_history(world: EventsWorld) -> None:
    """A first listing, and events of what is written meanwhile, until the weather is good and the queue empty: what came
    is copied. One delta, and both sides agree. Then come the events that were on their way for hours.
    """
    loop, draw, ends = world.loop, world.chance.of("history"), world.weather.ends
    world.trace(f"events: {world.events_swarm.told()}, of {world.emitter}")
    world.queue.send("list", b"{}")
    loop.later(draw.choice((0.0, 5.0, 30.0)), world.tick)
    for _ in range(draw.choice((3, 10, 30))):
        loop.later(_soon(draw, ends), world.write)
    for _ in range(draw.choice((0, 1, 2))):
        loop.later(_soon(draw, ends), world.queue.send, "list", b"{}")
    if world.swarm.pauses:
        loop.later(_soon(draw, ends / 2), world.pause)
    _cancel(world)
    await asyncio.sleep(ends + LAST_WRITE_SECONDS)
    if world.swarm.pauses:
        await asyncio.sleep(1)
        await world.resume()
    world.stores.control.said = Control(cancelled=world.stores.control.said.cancelled)
    if not await _drained(world):
        return
    world.told.at_rest()
    expected = world.told.came_to_nothing()
    delta = world.delta()
    if not await _rests(world):
        return
    world.told.judge_missed(delta, *expected)
    world.laws._nothing_lost()
    await world.all_told()
    world.following = True
    world.tick()
    if not await _drained(world):
        return
    for message in ("{}", "{}"):
        await asyncio.sleep(HOUR)
        world.queue.send("list", message.encode())
    await asyncio.sleep(HOUR)
    world.queue.send("verify", CLOSE)
    if await _rests(world):
        world.laws.at_the_end()
        world.truth.at_the_end()


async def _drained(world: EventsWorld) -> bool:
    """Whether the queue of events gets empty; nobody follows from then on, and what was named is copied."""
    until = world.loop.time() + PATIENCE_SECONDS
    while world.sqs.messages or world.somebody_follows:
        if world.loop.time() > until:
            world.laws.broken("every wait ends", f"{list(world.sqs.messages.values())[:3]} stay, or a run of events")
            return False
        await asyncio.sleep(7)
    world.following = False
    return await _rests(world)


async def _rests(world: World) -> bool:
    """Whether everything comes to rest. The sorting of a run's batches waits for its end: whoever was writing it down
    may have died, and Terraform's scheduler has it written down within two minutes.
    """
    until = world.loop.time() + PATIENCE_SECONDS
    while world.queue.waiting or world.queue.repeats or world.fleet.busy:
        if any(b'"sort"' in sent.data for sent in world.queue.waiting.values()):
            world.queue.send("verify", CLOSE)
        if world.loop.time() > until:
            still = [sent.data[:200] for sent in world.queue.waiting.values()]
            world.laws.broken("every wait ends", f"{still} still go round")
            return False
        await asyncio.sleep(60)
    return True


def _soon(draw: random.Random, ends: float) -> float:
    """A moment until `ends`, as likely in the first seconds, when most is under way, as in the hour after."""
    return 10 ** draw.uniform(-0.7, math.log10(ends))
