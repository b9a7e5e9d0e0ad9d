"""The whole pipeline on the in-memory ports, with a queue that delivers, repeats and survives crashes."""

import inspect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.in_flight import InFlight
from shared.copying.transfer_batch import TransferBatch
from shared.domain.archive import Tier
from shared.domain.budget import Budget
from shared.domain.errors import BucketError, Busy
from shared.domain.extraneous import DeleteExtras
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, Message, VerifyMessage
from shared.domain.parts import LEAST_PART_BYTES
from shared.listing.list_range import ListRange
from shared.ports.control_store import Control
from shared.ports.stores import Stores
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.range_work import RangeWork
from shared.ranges.ranges import Ranges
from shared.ranges.split_range import SplitRange
from shared.reporting.report_run import ReportRun
from shared.runs.follow_up import FollowUp
from shared.runs.heartbeat import Heartbeat
from shared.runs.lifecycle import RunLifecycle
from shared.runs.quota import JobControl
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.request_restores import RequestRestores
from shared.verifying.verify_range import VerifyRange
from tests.fakes import (
    FakeBucket,
    FakeClock,
    FakeDestination,
    FakeDownload,
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
    """budgets: of single topics, in the place of `budget_seconds`. seconds_a_page: how much time passes while a page is listed."""

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
    delete_extras: DeleteExtras = DeleteExtras.OFF
    restore_tier: Tier | None = None
    standing: Control = field(default_factory=Control)
    extra_share: float = 0.5
    verify_initial: bool = False
    verify_always: bool = False
    filters: Filters = field(default_factory=Filters)
    storage_classes: dict[str, str] = field(default_factory=dict)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    destination: FakeDestination = field(default_factory=FakeDestination)
    reports: FakeReports = field(default_factory=FakeReports)
    queue: FakeQueue = field(default_factory=FakeQueue)
    stores: FakeStores = field(default_factory=FakeStores)
    clock: FakeClock = field(default_factory=FakeClock)
    log: FakeLog = field(default_factory=FakeLog)
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        self.bucket.listed_page = lambda: self.clock.pass_time(self.seconds_a_page)
        self.cdn = FakeDownload(self.bucket)
        self.direct = FakeDownload(self.bucket, "direct")
        self.inbox: deque[tuple[str, Message, str]] = deque()
        self._numbers = iter(range(10**6))
        source, destination = self.bucket, Port(self.destination, self.steps)
        self.stores.stamp_by(self.clock.now)
        queue = Port(self.queue, self.steps)
        stores = Stores(**{item.name: Port(getattr(self.stores, item.name), self.steps) for item in fields(Stores)})
        publish = PublishBatches(stores.ledger, queue, self.clock, "transfer", self.keys_per_message, 10**9)
        root = self.mapping.source_prefix.decode()
        self.switch, pulse = (
            JobControl(stores.control, self.clock, self.standing),
            Heartbeat(stores.runs, self.clock, instance="instance"),
        )
        follow_up = FollowUp(queue, "verify", self.repair_passes, self.verify_initial, self.verify_always)
        sweep = DeleteExtraneous(
            source, destination, stores.extras, self.clock, self.log, self.delete_extras, root, self.extra_share, GRACE
        )
        report = ReportRun(
            self.reports, stores.ledger, stores.runs, self.clock, "job", "s3://source", "gs://destination"
        )
        runs = RunLifecycle(
            stores.runs, stores.ranges, stores.prefixes, self.switch, follow_up, report, sweep, self.clock, self.log, LIFE
        )  # fmt: skip
        split = SplitRange(source, stores.ledger, self.bucket.page_size, self.range_keys)
        work = {
            topic: RangeWork(
                source, stores.control, self.clock, split,
                Ranges(stores.runs, stores.ranges, queue, self.clock, pulse, topic, root, LEASE), runs, publish, self.switch, self.log,
            )
            for topic in ("list", "verify")
        }  # fmt: skip
        common: dict[str, Any] = {
            "source": source, "ledger": stores.ledger, "runs": stores.runs, "ranges": stores.ranges,
            "prefixes": stores.prefixes, "clock": self.clock, "log": self.log, "life_seconds": LIFE,
            "filters": self.filters,
        }  # fmt: skip
        self.staging = FakeStaging(self.destination)
        staging = Port(self.staging, self.steps)
        direct = self.direct if self.direct_allowed else None
        copy = CopyObject(source, self.cdn, direct, destination, self.mapping, self.storage_classes)
        large = CopyLarge(
            copy, source, staging, stores.uploads, queue, self.clock, self.log, "transfer", PART, LEASE, LIFE, self.max_attempts
        )  # fmt: skip
        self.handlers: dict[str, Any] = {
            "list": ListRange(work=work["list"], **common),
            "transfer": TransferBatch(
                copy,
                large,
                stores.ledger,
                queue,
                self.clock,
                self.log,
                InFlight(64, 10**9),
                self.switch,
                pulse,
                "transfer",
                10**6,
                self.large_bytes,
                self.max_attempts,
            ),
            "verify": VerifyRange(
                destination=destination,
                work=work["verify"],
                reports=self.reports,
                sweep=sweep,
                restores=RequestRestores(source, self.log, self.restore_tier, 7),
                job="job",
                mapping=self.mapping,
                **common,
            ),
        }

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
        given = message or ListMessage()
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
