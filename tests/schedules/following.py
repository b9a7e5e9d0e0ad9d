"""The world of events: a few keys that change often, a queue that hears of it, and a lister that follows.

What differs from the world of listings is drawn from streams of their own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from shared.bootstrap import JobConfig
from shared.domain.messages import Message, TransferMessage
from shared.domain.runs import RunState
from shared.ledger.record import BatchRecord
from shared.listing import seen_events
from shared.ports.control_store import Control
from shared.settings import Settings, VerifyAfter
from tests.schedules.chance import Chance, Swarm
from tests.schedules.emitting import Emitter
from tests.schedules.instance import Instance
from tests.schedules.network import Server
from tests.schedules.pubsub import PubSub
from tests.schedules.scanning import ScanSwarm, ScanWorld
from tests.schedules.sqs import QUEUE_URL, Sqs
from tests.schedules.told import Told
from tests.schedules.world import Shape

TICK_SECONDS = 60.0
"""As often the scheduler asks whether there are events."""

FOLLOW = b'{"events": true, "scheduled": true}'


@dataclass(frozen=True, slots=True)
class EventsSwarm:
    """What may happen to events on their way to the queue, and besides."""

    dropped: bool
    delayed: bool
    swapped: bool
    repeated: bool
    nonsense: bool
    """Events of something else, and what is no event."""
    bursts: bool
    """One key is written many times within a second."""
    back: bool
    """Objects get bytes again that they had before."""
    uncovered: bool
    """The newest version is removed, and the one before is there again, which no event tells."""
    ceilings: bool
    short_budget: bool
    transfer: bool
    """The transfer's calls are disturbed, too."""
    forgetful: bool
    """An instance remembers three keys only."""

    @classmethod
    def of(cls, chance: Chance) -> "EventsSwarm":
        draw = chance.of("events swarm")
        return cls(**{item.name: draw.random() < 0.4 for item in fields(cls)})

    def told(self) -> str:
        return " ".join(item.name for item in fields(self) if getattr(self, item.name)) or "nothing more"


class HeardQueue(PubSub):
    """What runs of events send is told of."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        await super().publish(topic, messages)
        told = getattr(self.world, "told", None)
        for message in messages:
            if told is not None and isinstance(message, TransferMessage) and message.run.startswith("events-"):
                told.published(message)


class EventsWorld(ScanWorld):
    """What `ONLY=events` runs in."""

    hosts = ("s3", "gcs", "sqs", "sqs")
    copies_once = True

    def __init__(self, chance: Chance, disturbed: frozenset[str], *more: object) -> None:
        self.events_swarm = EventsSwarm.of(chance)
        self.sqs, self.told = Sqs(self), Told(self)
        self.emitter: Emitter | None = None
        self.following = True
        draw = chance.of("events shape")
        self.most_seen = 3 if self.events_swarm.forgetful else seen_events.MOST_SEEN
        also = frozenset({"transfer"}) if self.events_swarm.transfer else frozenset[str]()
        super().__init__(chance, disturbed | also, *more)  # type: ignore[arg-type]
        self.stores.ledger.heard = self.heard
        self.emitter = Emitter(self, draw.choice((0.1, 0.3)), bridged=draw.random() < 0.5)

    def drawn_swarm(self) -> Swarm:
        found = super().drawn_swarm()
        self.scan = ScanSwarm(**{item.name: False for item in fields(ScanSwarm)})
        return found

    def drawn_shape(self) -> Shape:
        return replace(super().drawn_shape(), ends=self.chance.of("events ends").choice((60.0, 300.0, 900.0)))

    def drawn_settings(self) -> Settings:
        draw, given = self.chance.of("events settings"), super().drawn_settings()
        if draw.random() < 0.8:
            self.reports = None
        return given.model_copy(
            update={
                "events_queue_url": QUEUE_URL,
                "events_late_seconds": draw.choice((1.0, 1.0, 900.0)),
                "events_quiet_seconds": draw.choice((1.0, 10.0, 60.0)),
                "budget_seconds": draw.choice((7.0, 20.0)) if self.events_swarm.short_budget else 540,
                "compare_metadata": False,
                "reread_unproven": False,
                "verify_after": VerifyAfter.NEVER,
                "sum_depth": 0,
            }
        )

    def drawn_config(self) -> JobConfig:
        return replace(super().drawn_config(), range_keys=500_000)

    def further_servers(self) -> dict[str, Server]:
        return {"sqs": self.sqs}

    def made_queue(self) -> PubSub:
        return HeardQueue(self)

    def _drawn_keys(self) -> int:
        return self.chance.of("keys of a source").choice((1, 3, 6, 12))

    def _drawn_page(self, purpose: str) -> int:
        return self.chance.of(purpose).choice((20, 1000))

    def fill(self) -> None:
        super().fill()
        if self.events_swarm.ceilings:
            most = self.chance.of("events ceilings").choice((5, 20, 60))
            self.stores.control.said = Control(most_objects=most)

    def started(self, instance: Instance) -> None:
        following = instance.app.lister.events
        assert following is not None
        following.publish.seen.most = self.most_seen

    @property
    def may_put_aside(self) -> bool:
        """Whether what happens to receivers may happen five times to one message."""
        swarm, events = self.swarm, self.events_swarm
        disturbed = swarm.broken or swarm.crashes or swarm.freezes or swarm.slow or swarm.state_errors
        held_up = swarm.outage or swarm.throttling or swarm.pauses or swarm.cancels or swarm.expiry
        return disturbed or held_up or events.ceilings or events.short_budget or swarm.duplicates

    @property
    def somebody_follows(self) -> bool:
        """Whether a run of events is not over, be there somebody at work on it or not."""
        going = {name for name, run in self.stores.runs.documents.items() if run.state is RunState.RUNNING}
        found = self.stores.ranges.documents.items()
        return any(
            item.state == "open" and range_id.run in going
            for range_id, item in found
            if range_id.run.startswith("events-")
        )

    async def all_told(self) -> None:
        """Until no event is on its way to the queue any more."""
        assert self.emitter is not None
        for _ in range(1000):
            if not self.emitter.pending:
                return
            await asyncio.sleep(60)

    def heard(self, record: BatchRecord) -> None:
        """A batch was created."""
        if record.run.startswith("events-"):
            self.told.recorded(record)

    def put(self, key: bytes) -> None:
        super().put(key)
        self._tell(key)

    def delete(self, key: bytes) -> None:
        super().delete(key)
        self._tell(key)

    def write_again(self, key: bytes) -> None:
        super().write_again(key)
        self._tell(key)

    def _tell(self, key: bytes, uncovered: bool = False) -> None:
        if self.emitter is not None:
            self.emitter.tell(key, self.s3.current(key), uncovered)

    def write(self) -> None:
        draw, swarm = self.chance.of("kinds of writes"), self.events_swarm
        kinds = [super().write] * 3
        if swarm.nonsense and self.emitter is not None:
            kinds.append(self.emitter.nonsense)
        if swarm.bursts:
            kinds.append(self.burst)
        if swarm.back:
            kinds += [self.back] * 2
        if swarm.uncovered:
            kinds.append(self.uncover)
        draw.choice(kinds)()

    def burst(self) -> None:
        """One key is written again and again."""
        draw = self.chance.of("bursts")
        key = draw.choice(sorted(self.s3.history))
        for number in range(draw.choice((3, 12))):
            self.loop.later(number * draw.choice((0.01, 0.3)), self.put, key)

    def back(self) -> None:
        """An object gets the bytes that it had before, sometimes after others for a second or two."""
        draw = self.chance.of("back")
        keys = self.s3.living()
        if not keys:
            return
        key = draw.choice(keys)
        held = self.s3.current(key)
        assert held is not None
        self.put(key)
        self.loop.later(draw.choice((0.5, 2.0, 5.0, 30.0)), self._again, key, held.body)

    def _again(self, key: bytes, body: bytes) -> None:
        version = replace(self.new_version(key), body=body, parts=(), hidden=False)
        self.s3.write(key, version)
        self.truth.held(key, version)
        self.trace(f"source: {key!r} version {version.number} has the bytes of an earlier one")
        self._tell(key)

    def uncover(self) -> None:
        """Somebody deletes the newest version of an object, for good."""
        draw = self.chance.of("uncovered")
        keys = [key for key in self.s3.living() if any(item is not None for item in self.s3.history[key][:-1])]
        if not keys:
            return
        key = draw.choice(keys)
        before = [item for item in self.s3.history[key][:-1] if item is not None][-1]
        version = replace(before, number=len(self.s3.history[key]) + 1)
        self.s3.write(key, version)
        self.truth.held(key, version)
        self.trace(f"source: {key!r}: its newest version is removed, and version {before.number} is there again")
        self._tell(key, uncovered=True)

    def delta(self) -> str:
        """Have a listing begin; how its run's name ends."""
        self.queue.send("list", b"{}")
        return f"-{self.queue._numbers}"

    def tick(self) -> None:
        """The scheduler's message, each minute."""
        if self.following:
            self.queue.send("list", FOLLOW)
            self.loop.later(TICK_SECONDS, self.tick)
