"""One scenario, from the scheduler's message to the last copy."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.canned import SETTINGS
from benchmarks.simulation import limits
from benchmarks.simulation.documents import Documents
from benchmarks.simulation.model import PAGE_KEYS, Bill, Instances, ModelBucket, ModelQueue
from benchmarks.simulation.runs import ModelRuns
from benchmarks.simulation.stores import ModelRanges, model_stores
from benchmarks.simulation.transfer import Transfer
from benchmarks.simulation.virtual_time import Ramp, VirtualClock, VirtualLoop
from shared.bootstrap import Adapters, App, JobConfig, bootstrap
from shared.domain.budget import Budget
from shared.domain.instance import KEYS_PER_MESSAGE
from shared.domain.messages import ListMessage, VerifyMessage
from shared.listing.list_range import ListRange
from shared.ports.stores import Stores
from shared.pricing.catalog import published
from shared.pricing.estimate import Item, Use, bill, split
from shared.reporting.model import INSTANCE_GIB
from shared.settings import Settings

STEP_SECONDS = 10.0
DONE = 0.5
"""Objects of the backlog, in which nothing is left: it is a flow."""
DEADLINE_SECONDS = 14 * 24 * limits.HOUR


@dataclass(frozen=True, slots=True)
class Scenario:
    """objects of mean_bytes each, in folders of folder_objects (0: one flat prefix)."""

    name: str
    objects: int
    mean_bytes: float
    folder_objects: int

    def keys(self) -> Iterator[bytes]:
        """Every PAGE_KEYS-th key, in order."""
        for number in range(PAGE_KEYS - 1, self.objects, PAGE_KEYS):
            if self.folder_objects:
                folder, item = divmod(number, self.folder_objects)
                tenant, folder = divmod(folder, 10_000)
                yield f"tenant-{tenant:05d}/album-{folder:05d}/photo-{item:06d}.jpg".encode()
            else:
                yield f"images/{number:012d}.jpg".encode()


@dataclass(slots=True)
class Progress:
    """A row every few minutes: hours, objects listed, objects copied, instances of the transfer, open ranges."""

    rows: list[tuple[float, float, float, float, int]] = field(default_factory=list)


class Quiet:
    """`shared.ports.log.Log`."""

    def info(self, message: str, **fields: object) -> None: ...

    def warning(self, message: str, **fields: object) -> None: ...

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        raise SystemExit(f"the simulated lister failed: {message} {fields} {error}")


@dataclass(slots=True)
class Simulation:
    """One scenario on its virtual clock."""

    scenario: Scenario
    clock: VirtualClock
    bill: Bill = field(default_factory=Bill)
    published: float = 0.0
    listed_at: float | None = None
    progress: Progress = field(default_factory=Progress)

    async def run(self) -> dict[str, Any]:
        keys = list(self.scenario.keys())
        transfer = Transfer(self.scenario.mean_bytes)
        writes = Ramp(
            self.clock, limits.FIRESTORE_WRITES_AT_FIRST, limits.FIRESTORE_GROWTH, limits.FIRESTORE_GROWTH_SECONDS
        )
        documents = Documents(self.clock, self.bill, writes)
        ranges = ModelRanges(documents)
        bucket: Any = ModelBucket(keys, int(self.scenario.mean_bytes * PAGE_KEYS), self.clock, self.bill)

        def arrive(count: int) -> None:
            transfer.backlog += count
            self.published += count

        objects = len(keys) * PAGE_KEYS
        runs = ModelRuns(
            documents,
            open=ranges.add,
            ranges=lambda: len(ranges.ranges),
            settled=lambda: ranges.open == 0 and transfer.backlog <= DONE,
            listed=lambda: (objects, int(objects * self.scenario.mean_bytes)),
        )
        stores = model_stores(documents, ranges, runs)

        def start(number: int) -> ListRange:
            return self._app(stores, bucket, queue, f"lister-{number}").lister

        lister = Instances(self.clock, _default("budget_seconds"), start)
        queue = ModelQueue(self.clock, self.bill, lister.deliver, arrive)
        lister.deliver(ListMessage())
        await self._flow(lister, transfer, ranges)
        if ranges.listed_pages != len(keys):
            raise SystemExit(f"{self.scenario.name}: {ranges.listed_pages} pages listed of {len(keys)}")
        copied_at = self.clock.monotonic()
        await self._end(self._app(stores, bucket, queue, "verifier"), runs, queue)
        return self._figures(lister, transfer, ranges, len(keys), copied_at)

    async def _end(self, app: App, runs: ModelRuns, queue: ModelQueue) -> None:
        """The scheduler's messages, the last of which has come just before the last copy, and those that follow from
        them, until the run's counts are added up and its end is written down.
        """
        due = self.clock.monotonic() + limits.CLOSE_SECONDS
        while not runs.ended:
            if queue.looks:
                queue.looks -= 1
                await self.clock.sleep(limits.DELIVERY_SECONDS)
            else:
                await self.clock.sleep(max(due - self.clock.monotonic(), 0))
                due += limits.CLOSE_SECONDS
            budget = Budget(self.clock.monotonic(), _default("budget_seconds"))
            await app.verifier(VerifyMessage(close=True), "close", budget)

    def _app(self, stores: Stores, bucket: Any, queue: Any, instance: str) -> App:
        """An instance, by the production bootstrap. A message is one simulated object: four of 250 keys each."""
        none: Any = None
        adapters = Adapters(
            log=Quiet(),
            clock=self.clock,
            source=bucket,
            copy_source=bucket,
            download=none,
            direct=None,
            destination=none,
            copy_destination=none,
            staging=none,
            queue=queue,
            stores=stores,
            reports=None,
            instance=instance,
        )
        given = JobConfig.of(Settings(**SETTINGS))
        return bootstrap(adapters, replace(given, keys_per_message=1, batch_bytes=2**62, verify_initial=False))

    async def _flow(self, lister: Instances, transfer: Transfer, ranges: ModelRanges) -> None:
        """Copy while listing goes on, then to the end."""
        while self.listed_at is None or transfer.backlog > DONE:
            await self.clock.sleep(STEP_SECONDS)
            now = self.clock.monotonic()
            lister.admit()
            transfer.step(now, STEP_SECONDS)
            if self.listed_at is None and lister.idle:
                self.listed_at = now
            done = self.listed_at is not None and transfer.backlog <= DONE
            if done or not self.progress.rows or now / limits.HOUR - self.progress.rows[-1][0] >= 1 / 60:
                row = (now / limits.HOUR, self.published, transfer.copied, transfer.instances, ranges.open)
                self.progress.rows.append(row)
            if now > DEADLINE_SECONDS:
                raise SystemExit(f"{self.scenario.name}: not done after 14 days")

    def _figures(
        self, lister: Instances, transfer: Transfer, ranges: ModelRanges, pages: int, copied_at: float
    ) -> dict[str, Any]:
        objects, counts = pages * PAGE_KEYS, self.bill.counts
        size = objects * self.scenario.mean_bytes
        hours, documents = copied_at / limits.HOUR, ranges.documents
        items = list(self._bill(lister, transfer, pages))
        dollars: dict[str, float] = {}
        for item in items:
            dollars[item.service] = dollars.get(item.service, 0.0) + item.dollars
        unavoidable, added = split(items)
        return {
            "objects": objects,
            "bytes": size,
            "hours to list": (self.listed_at or 0) / limits.HOUR,
            "hours to finish": hours,
            f"hours to finish with the default of {limits.DEFAULT_INSTANCES} instances, at least": objects
            / (transfer.instance_rate() * limits.DEFAULT_INSTANCES)
            / limits.HOUR,
            "minutes until its end is seen and its counts are added up": (self.clock.monotonic() - copied_at)
            / limits.MINUTE,
            "aggregations": documents.aggregations,
            "seconds of the longest aggregation": documents.longest,
            "ranges": len(ranges.ranges),
            "ranges at a time": lister.peak,
            "peak instances of the lister": -(-lister.peak // limits.LISTER_CONCURRENCY),
            "peak instances of the transfer": transfer.peak_instances,
            "instance-hours of the transfer": transfer.instance_seconds / limits.HOUR,
            "objects that an instance copies at a time": transfer.places.of(self.scenario.mean_bytes),
            "list requests": counts["s3.list"],
            "list requests above one a page": counts["s3.list"] / pages - 1,
            "firestore writes a million keys": (counts["firestore.writes"] + transfer.heartbeats) / objects * 1e6,
            "hottest document": self.bill.hottest[1],
            "its writes a second": self.bill.hottest[0],
            "hours of ranges waiting for Firestore's write ramp": documents.writes.waited / limits.HOUR,
            "copying held back by, hours": {name: seconds / limits.HOUR for name, seconds in transfer.binding.items()},
            "bill": [(item.service, item.what, item.dollars, item.added) for item in items],
            "dollars": dollars,
            "dollars in all": unavoidable + added,
            "dollars that nobody can avoid": unavoidable,
            "dollars that this project adds": added,
            "its share": added / (unavoidable + added),
            "progress": self.progress.rows,
        }

    def _bill(self, lister: Instances, transfer: Transfer, pages: int) -> Iterator[Item]:
        """In the published tiers, all within one month that has seen nothing else."""
        objects, counts = pages * PAGE_KEYS, self.bill.counts
        listing, copying = lister.busy_seconds / limits.LISTER_CONCURRENCY, transfer.instance_seconds
        own = {
            **counts,
            "firestore.writes": counts["firestore.writes"] + transfer.heartbeats,
            "s3.list": counts["s3.list"] - pages,
            "gcs.class_a": pages,
            "run.cpu_seconds": listing + copying,
            "run.gib_seconds": listing * limits.LISTER_GIB + copying * INSTANCE_GIB,
            "run.requests": lister.invocations + objects / KEYS_PER_MESSAGE,
        }
        size = int(objects * self.scenario.mean_bytes)
        yield from bill(Use(objects, {"cloudfront": (objects, size)}, own=own), published().at("us-east-1"))


def _default(name: str) -> float:
    """A production setting's default."""
    return float(Settings.model_fields[name].default)


def simulate(scenario: Scenario) -> dict[str, Any]:
    """A scenario's figures."""
    started = time.monotonic()
    loop = VirtualLoop()
    try:
        figures = loop.run_until_complete(Simulation(scenario, VirtualClock(loop)).run())
    finally:
        loop.close()
    return {"scenario": scenario.name, **figures, "simulated in seconds": time.monotonic() - started}
