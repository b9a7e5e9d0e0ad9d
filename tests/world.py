"""The whole pipeline on the in-memory ports, with a queue that delivers, repeats and survives crashes."""

import inspect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from shared.bootstrap import Adapters, JobConfig, bootstrap
from shared.bootstrap.admin import admin
from shared.domain.archive import Tier
from shared.domain.budget import Budget
from shared.domain.errors import BucketError, Busy
from shared.domain.extraneous import DeleteExtras
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, Message, TransferMessage, VerifyMessage
from shared.domain.parts import LEAST_PART_BYTES
from shared.ports.control_store import Control
from shared.ports.stores import Stores
from shared.settings import Settings
from tests.fakes import (
    FakeBucket,
    FakeClock,
    FakeDestination,
    FakeDownload,
    FakeEvents,
    FakeLog,
    FakeQueue,
    FakeReports,
    FakeStaging,
    FakeStores,
)

LEASE = 60.0
LIFE = 3600.0
GRACE = 86_400.0
PART = LEAST_PART_BYTES


SETTINGS: dict[str, Any] = {
    "google_cloud_project": "project",
    "job": "job",
    "source_bucket": "source",
    "destination_bucket": "destination",
    "staging_bucket": "staging",
    "list_topic": "list",
    "transfer_topic": "transfer",
    "verify_topic": "verify",
    "dead_letter_topic": "dead-letters",
    "route": "direct",
}


class Crash(BaseException):
    """The instance is gone, in the middle of a line."""


class Port:
    """Calls through to a port; at the step it is told to, the instance dies before or after the call."""

    def __init__(self, port: Any, steps: "Steps") -> None:
        self._port, self._steps = port, steps

    def __getattr__(self, name: str) -> Any:
        method: Any = getattr(self._port, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._steps.before()
            result = await method(*args, **kwargs)
            self._steps.after()
            return result

        return call


@dataclass
class Steps:
    """Counts port calls; crash_at n dies before (even n) or after (odd n) call n // 2."""

    crash_at: int | None = None
    taken: int = 0

    def before(self) -> None:
        if self.crash_at == self.taken:
            raise Crash
        self.taken += 1

    def after(self) -> None:
        if self.crash_at == self.taken:
            raise Crash
        self.taken += 1


@dataclass
class World:
    """budgets: of single topics, in the place of `budget_seconds`. seconds_a_page: how much time passes while a page is
    listed.
    """

    job: str = "job"
    source: str = "source"
    target: str = "destination"
    first_topic: str | None = None
    keys_per_message: int = 3
    max_attempts: int = 3
    budget_seconds: float = 540.0
    budgets: dict[str, float] = field(default_factory=dict)
    seconds_a_page: float = 0.0
    mapping: KeyMapping = field(default_factory=KeyMapping)
    direct_allowed: bool = True
    large_bytes: int = 10**9
    range_keys: int = 500_000
    repair_passes: int = 1
    reread_unproven: bool = False
    compare_metadata: bool = False
    delete_extras: DeleteExtras = DeleteExtras.OFF
    restore_tier: Tier | None = None
    default_control: Control = field(default_factory=Control)
    extra_share: float = 0.5
    verify_initial: bool = False
    verify_always: bool = False
    filters: Filters = field(default_factory=Filters)
    storage_classes: dict[str, str] = field(default_factory=dict)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    destination: FakeDestination = field(default_factory=FakeDestination)
    reports: FakeReports = field(default_factory=FakeReports)
    queue: FakeQueue = field(default_factory=FakeQueue)
    events: FakeEvents = field(default_factory=FakeEvents)
    stores: FakeStores = field(default_factory=FakeStores)
    clock: FakeClock = field(default_factory=FakeClock)
    log: FakeLog = field(default_factory=FakeLog)
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        self.events.clock = self.clock
        self.destination.now = self.clock.now
        self.bucket.listed_page = lambda: self.clock.pass_time(self.seconds_a_page)
        self.cdn = FakeDownload(self.bucket)
        self.direct = FakeDownload(self.bucket, "direct")
        self.inbox: deque[tuple[str, Message, str]] = deque()
        self._numbers = iter(range(10**6))
        source, destination = self.bucket, Port(self.destination, self.steps)
        self.stores.stamp_by(self.clock.now)
        queue = Port(self.queue, self.steps)
        stores = Stores(**{item.name: Port(getattr(self.stores, item.name), self.steps) for item in fields(Stores)})
        self.staging = FakeStaging(self.destination)
        adapters = Adapters(
            log=self.log,
            clock=self.clock,
            source=source,
            copy_source=source,
            download=self.cdn,
            direct=self.direct if self.direct_allowed else None,
            destination=destination,
            copy_destination=destination,
            staging=Port(self.staging, self.steps),
            queue=queue,
            stores=stores,
            reports=self.reports,
            events=self.events,
            instance="instance",
        )
        app = bootstrap(adapters, self._limits())
        self.job_control = app.control
        self.admin = admin(self.stores.ports, self.queue, self.clock, self._limits())
        self.handlers: dict[str, Any] = {"list": app.lister, "transfer": app.copier, "verify": app.verifier}
        if self.first_topic is not None:
            self.handlers[self.first_topic] = app.copier

    def _limits(self) -> JobConfig:
        return replace(
            JobConfig.of(
                Settings(
                    **{**SETTINGS, "job": self.job, "source_bucket": self.source, "destination_bucket": self.target},
                    first_topic=self.first_topic,
                )
            ),
            mapping=self.mapping,
            filters=self.filters,
            storage_classes=self.storage_classes,
            keys_per_message=self.keys_per_message,
            default_control=self.default_control,
            lease_seconds=LEASE,
            life_seconds=LIFE,
            large_bytes=self.large_bytes,
            part_bytes=PART,
            max_attempts=self.max_attempts,
            objects_in_flight=64,
            bytes_in_flight=10**9,
            repair_passes=self.repair_passes,
            reread_unproven=self.reread_unproven,
            compare_metadata=self.compare_metadata,
            verify_initial=self.verify_initial,
            verify_always=self.verify_always,
            delete_extras=self.delete_extras,
            extra_share=self.extra_share,
            extra_grace_seconds=GRACE,
            restore_tier=self.restore_tier,
            restore_days=7,
            buffer_bytes=10**6,
            page_keys=self.bucket.page_size,
            range_keys=self.range_keys,
        )

    def send(self, topic: str, message: Message, times: int = 1) -> str:
        """Put a message on a topic; returns the run that it starts."""
        number = f"m{next(self._numbers)}"
        self.inbox.extend([(topic, message, number)] * times)
        return f"{topic}-{number}"

    async def drain(
        self, order: Callable[[int], int] = lambda length: 0, most: int = 10_000, finish: bool = True
    ) -> None:
        """Deliver until nothing is left, or, unless it must finish, `most` messages. order: which of the waiting ones
        comes next.
        """
        for _ in range(most):
            while self.queue.sent:
                topic, message = self.queue.sent.pop(0)
                self.inbox.append((topic, message, f"m{next(self._numbers)}"))
            if not self.inbox:
                return
            self.inbox.rotate(-order(len(self.inbox)))
            delivery = self.inbox.popleft()
            await self._deliver(delivery)
        if finish:
            raise AssertionError(f"messages go round for ever: {self.inbox}")

    async def _deliver(self, delivery: tuple[str, Message, str]) -> None:
        topic, message, number = delivery
        if isinstance(message, TransferMessage):
            message = message.model_copy(update={"first": topic == self.first_topic})
        budget = Budget(self.clock.monotonic(), self.budgets.get(topic, self.budget_seconds))
        try:
            await self.handlers[topic](message, f"{topic}-{number}", budget)
        except Crash:
            self.steps.crash_at = None
            self.clock.time += LEASE + 1
            self.inbox.append(delivery)
        except (Busy, BucketError):
            self.clock.time += 10
            self.inbox.append(delivery)

    async def run(self, message: ListMessage | VerifyMessage | None = None) -> str:
        """Start a run and see it through."""
        given = message or ListMessage(scheduled=True)
        run = self.send("verify" if isinstance(given, VerifyMessage) else "list", given)
        await self.drain()
        return run

    def same(self) -> bool:
        """Whether the destination holds exactly the source's bytes under the mapped names."""
        left = {self.mapping.name(key): stored.body for key, stored in self.bucket.objects.items()}
        return left == {name: body for name, (_, body) in self.destination.objects.items()}


def filled(count: int = 8, **options: object) -> World:
    """A world whose source holds k/000, k/001, … of as many bytes as their number."""
    world = World(**options)  # type: ignore[arg-type]
    for number in range(count):
        world.bucket.put(f"k/{number:03d}", b"x" * number)
    return world


async def counts(world: World, run: str) -> dict[str, int]:
    """The keys by outcome of a run whose books balance."""
    summary = await world.stores.runs.summary(run)
    assert summary.balanced, summary
    return summary.outcomes.keys
