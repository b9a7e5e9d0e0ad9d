"""One instance of a function: its own object graph, clock, connections and memory. It may die in the middle of a line."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.bootstrap import App, bootstrap
from shared.domain.errors import BucketError, Busy, Postponed
from shared.domain.messages import ListMessage, TransferMessage, VerifyMessage
from shared.entrypoints.push import Handler
from tests.schedules.loop import EPOCH, OWNER
from tests.schedules.pubsub import ACK_SECONDS, Sent
from tests.schedules.wiring import adapters

if TYPE_CHECKING:
    from tests.schedules.world import World

IDLE_SECONDS = 120.0
"""After so long without a message an instance is taken away."""

HANDLERS: dict[str, tuple[Any, Callable[[App], Any]]] = {
    "list": (ListMessage, lambda app: app.lister),
    "transfer": (TransferMessage, lambda app: app.copier),
    "verify": (VerifyMessage, lambda app: app.verifier),
}


class SkewedClock:
    """`shared.ports.clock.Clock` of one instance, some seconds off."""

    def __init__(self, world: "World", skew: float) -> None:
        self._world, self._skew = world, skew

    def now(self) -> float:
        return EPOCH + self._world.loop.time() + self._skew

    def monotonic(self) -> float:
        return self._world.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def draw(self) -> float:
        return self._world.chance.of("jitter").random()


class TracedLog:
    """`shared.ports.log.Log` into the schedule's trace; what production code did not expect breaks a law."""

    def __init__(self, instance: "Instance") -> None:
        self._instance = instance

    def info(self, message: str, **fields: object) -> None:
        self._told(message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._told(f"WARNING {message}", fields)

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        self._told(f"ERROR {message} {error or ''!r}", fields)
        if error is not None and not isinstance(error, BucketError):
            self._instance.world.laws.broken("no bug", f"{message}: {error!r} {fields}", error)

    def _told(self, message: str, fields: dict[str, object]) -> None:
        world = self._instance.world
        if world.tracing:
            world.trace(f"{self._instance.name} log: {message} {' '.join(f'{k}={v}' for k, v in fields.items())}")


class Instance:
    """function: "list", "transfer" or "verify". Handles up to `room` messages at a time."""

    def __init__(self, world: "World", function: str, number: int) -> None:
        self.world, self.function, self.name = world, function, f"{function}-{number}"
        self.alive, self.frozen_until = True, 0.0
        self.disturbed = function in world.disturbed
        self.room = world.shape.concurrency
        self.under_way: dict[int, Sent] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._served = 0
        self._last = world.loop.time()
        self._context = contextvars.Context()
        self._context.run(OWNER.set, self)
        self.log = TracedLog(self)
        self.settings = world.settings
        skew = world.chance.of("skew").uniform(-5, 5) if world.swarm.skew and self.disturbed else 0.0
        self.app = self._context.run(lambda: bootstrap(adapters(self, SkewedClock(world, skew)), world.config))
        model, start = HANDLERS[function]
        world.started(self)
        self._handler = Handler(function, model, start, self)  # type: ignore[arg-type]
        self._work = start(self.app)
        self._context.run(world.loop.call_later, IDLE_SECONDS, self._idle)

    def take(self, sent: Sent) -> None:
        """A message is pushed here."""
        self._served += 1
        number = self._served
        self.under_way[number] = sent
        self.world.trace(f"{self.name} takes {sent.name} (delivery {sent.deliveries}) {sent.data.decode()}")
        task = self.world.loop.create_task(
            self._serve(number, sent), name=f"{self.name}/{sent.name}", context=self._context.copy()
        )
        self._tasks.append(task)
        self.world.loop.later(ACK_SECONDS, self._deadline, number, sent)

    async def _serve(self, number: int, sent: Sent) -> None:
        ok, why = False, ""
        try:
            await self._handler._handle(self.app, self._work, sent.body())
            ok = True
        except BucketError as error:
            why = repr(error)
            if not isinstance(error, Busy | Postponed) and not self.disturbed:
                self.world.laws.broken("no bug", f"{self.name} nacks {sent.name}: {error!r}", error)
        except Exception as error:
            why = repr(error)
            self.world.laws.broken("no bug", f"{self.name} nacks {sent.name}: {error!r}", error)
        self._last = self.world.loop.time()
        if self.under_way.pop(number, None) is not None:
            self.world.trace(f"{self.name} {'acks' if ok else 'nacks'} {sent.name} {why}")
            self.world.queue.answered(sent, ok)

    def _deadline(self, number: int, sent: Sent) -> None:
        if not self.alive or self.under_way.pop(number, None) is None:
            return
        if self.frozen_until < self.world.loop.time() - ACK_SECONDS:  # who stood still cannot be in time
            told = f"{self.name} has not answered {sent.name} within {ACK_SECONDS:.0f} s"
            self.world.laws.broken("bounded time", told)
        self.world.queue.answered(sent, False)

    def _idle(self) -> None:
        if not self.under_way and self.world.loop.time() - self._last >= IDLE_SECONDS:
            self._end()
        else:
            self.world.loop.call_later(IDLE_SECONDS, self._idle)

    def freeze(self, where: str) -> None:
        """The process stands still: a machine is moved, a CPU is taken away. Leases run on, and so do deadlines."""
        seconds = self.world.chance.of("freezes").choice((2.0, 20.0, 70.0, 300.0))
        self.world.trace(f"{self.name} stands still for {seconds:.0f} s after {where}")
        self.frozen_until = max(self.frozen_until, self.world.loop.time() + seconds)

    def crash(self, where: str) -> None:
        """The process is gone, with its tasks, connections and memory; nothing of it runs again."""
        if self.alive:
            self.world.trace(f"{self.name} DIES at {where}")
            self._end()
            for sent in self.under_way.values():
                self.world.loop.later(1.0, self.world.queue.answered, sent, False)

    def _end(self) -> None:
        self.alive = False
        self.world.fleet.gone(self)
        self.world.network.forget(self.name)
