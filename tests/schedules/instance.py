"""One instance of a function: its own object graph, clock, connections and memory. It may die in the middle of a line."""

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials
from google.api_core.exceptions import ServiceUnavailable

from shared.aws.address import S3Address
from shared.aws.cloudfront import CdnAddress, SignedForS3
from shared.aws.s3 import S3Source
from shared.bootstrap import Container
from shared.copying.in_flight import InFlight
from shared.domain.backoff import ONCE
from shared.domain.errors import BucketError, Busy
from shared.domain.messages import ListMessage, TransferMessage, VerifyMessage
from shared.entrypoints.push import Handler
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.ports.stores import Stores
from shared.runs.heartbeat import Heartbeat
from shared.runs.quota import JobControl
from shared.settings import Route
from tests.schedules.gcs import DESTINATION, STAGING
from tests.schedules.loop import EPOCH, OWNER
from tests.schedules.pubsub import ACK_SECONDS, Sent
from tests.schedules.remote import Remote
from tests.schedules.s3 import BUCKET
from tests.schedules.watch import WatchedHttp

if TYPE_CHECKING:
    from tests.schedules.world import World

IDLE_SECONDS = 120.0
"""After so long without a message an instance is taken away."""

HANDLERS: dict[str, tuple[Any, Callable[[Container], Any]]] = {
    "list": (ListMessage, lambda parts: parts.lister()),
    "transfer": (TransferMessage, lambda parts: parts.transfer()),
    "verify": (VerifyMessage, lambda parts: parts.verifier()),
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

    def debug(self, message: str, **fields: object) -> None: ...

    def info(self, message: str, **fields: object) -> None:
        self._told(message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._told(f"WARNING {message}", fields)

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        self._told(f"ERROR {message} {error or ''!r}", fields)
        if error is not None and not isinstance(error, BucketError | ServiceUnavailable):
            self._instance.world.laws.broken("no bug", f"{message}: {error!r} {fields}", error)

    def _told(self, message: str, fields: dict[str, object]) -> None:
        world = self._instance.world
        if world.tracing:
            world.trace(f"{self._instance.name} log: {message} {' '.join(f'{k}={v}' for k, v in fields.items())}")


class Instance:
    """function: "list", "transfer" or "verify". Handles up to `room` messages at a time."""

    def __init__(self, world: "World", function: str, number: int) -> None:
        self.world, self.function, self.name = world, function, f"{function}-{number}"
        self.alive = True
        self.disturbed = function in world.disturbed
        self.room = world.shape.concurrency
        self.under_way: dict[int, Sent] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._served = 0
        self._last = world.loop.time()
        self._context = contextvars.Context()
        self._context.run(OWNER.set, self)
        self.log = TracedLog(self)
        self.parts = self._context.run(self._build)
        model, start = HANDLERS[function]
        self._handler = Handler(function, model, start, self)  # type: ignore[arg-type]
        self._work = self._context.run(start, self.parts)
        self._context.run(world.loop.call_later, IDLE_SECONDS, self._idle)

    def _build(self) -> Container:
        world, settings = self.world, self.world.settings
        skew = world.chance.of("skew").uniform(-5, 5) if world.swarm.skew and self.disturbed else 0.0
        clock: Any = SkewedClock(world, skew)
        http = WatchedHttp(settings.objects_in_flight, clock)
        http.instance = self
        address = S3Address.of(BUCKET, settings.aws_region, "http://s3.test", Credentials("AKIA", "secret"), clock)
        token = Token(world.tokens.credentials() if world.swarm.expiry else None)
        ports: dict[str, Any] = {
            item.name: Remote(item.name, getattr(world.stores, item.name), self, ServiceUnavailable)
            for item in fields(Stores)
        }
        stores = Stores(**ports)
        cdn = None if settings.route is Route.DIRECT else SignedForS3(address, CdnAddress(f"http://edge.test/{BUCKET}"))
        return Container(
            settings=settings,
            log=self.log,
            clock=clock,
            http=http,
            direct=SignedForS3(address),
            cdn=cdn,
            source=S3Source(address, http),
            copy_source=S3Source(address, http, ONCE),
            destination=GcsDestination(DESTINATION, "http://gcs.test", http, token),
            copy_destination=GcsDestination(DESTINATION, "http://gcs.test", http, token, ONCE),
            staging=GcsStaging(STAGING, DESTINATION, "http://gcs.test", http, token, self.log),
            queue=Remote("pubsub", world.queue, self, BucketError),  # type: ignore[arg-type]
            stores=stores,
            reports=None,
            switch=JobControl(stores.control, clock),
            pulse=Heartbeat(stores.runs, clock, settings.pulse_seconds, self.name),
            in_flight=InFlight(settings.objects_in_flight, settings.bytes_in_flight),
        )

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
            await self._handler._handle(self.parts, self._work, sent.body())
            ok = True
        except (BucketError, ServiceUnavailable) as error:
            why = repr(error)
            if not isinstance(error, Busy) and not self.disturbed:
                self.world.laws.broken("no bug", f"{self.name} nacks {sent.name}: {error!r}", error)
        except Exception as error:
            why = repr(error)
            self.world.laws.broken("no bug", f"{self.name} nacks {sent.name}: {error!r}", error)
        self._last = self.world.loop.time()
        if self.under_way.pop(number, None) is not None:
            self.world.trace(f"{self.name} {'acks' if ok else 'nacks'} {sent.name} {why}")
            self.world.queue.answered(sent, ok)

    def _deadline(self, number: int, sent: Sent) -> None:
        if self.alive and self.under_way.pop(number, None) is not None:
            self.world.laws.broken(
                "bounded time", f"{self.name} has not answered {sent.name} within {ACK_SECONDS:.0f} s"
            )
            self.world.queue.answered(sent, False)

    def _idle(self) -> None:
        if not self.under_way and self.world.loop.time() - self._last >= IDLE_SECONDS:
            self._end()
        else:
            self.world.loop.call_later(IDLE_SECONDS, self._idle)

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
