"""Firestore as the production lister meets it in a first run: the ledger is empty."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from benchmarks.simulation import limits
from benchmarks.simulation.model import BATCHES_A_PAGE, PAGE_KEYS, Bill
from benchmarks.simulation.virtual_time import Ramp, VirtualClock
from shared.domain.counts import Counts, RangeCounts
from shared.ports.control_store import Control, Spoke
from shared.ports.ledger_store import KeyCount, Versioned
from shared.ports.range_store import HeldRange, OpenRange, RangeId, Refusal
from shared.ports.stores import Stores


@dataclass(slots=True)
class Documents:
    """What reads and writes cost. writes: the ramp up to which Firestore takes them."""

    clock: VirtualClock
    bill: Bill
    writes: Ramp

    async def read(self, count: int = 1) -> None:
        self.bill.counts["firestore.reads"] += count
        await self.clock.sleep(limits.FIRESTORE_SECONDS)

    async def write(self, *documents: str) -> None:
        for document in documents:
            self.bill.wrote(document, self.clock.monotonic())
        await self.clock.sleep(limits.FIRESTORE_SECONDS)


@dataclass(frozen=True, slots=True)
class ModelLedger:
    """`shared.ports.ledger_store.LedgerStore`, as far as a lister uses it."""

    documents: Documents

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        await self.documents.read(1 + len(max(prefix, after)) // 30)
        none: tuple[Versioned, ...] = ()
        for record in none:
            yield record

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        await self.documents.read()
        return KeyCount(0, 0)

    async def create(self, records: Sequence[Any], _held: object = None) -> None:
        """The range is read once for them all. Counted with the write of each batch's results."""
        count = len(records) * BATCHES_A_PAGE
        self.documents.bill.counts["firestore.writes"] += 2 * count
        self.documents.bill.counts["firestore.reads"] += count + 1
        turn = self.documents.writes.take(count)
        await self.documents.clock.sleep(turn + limits.FIRESTORE_SECONDS)


@dataclass(slots=True)
class ModelRange:
    """A range as it is stored."""

    opened: OpenRange
    done: bool = False
    split_points: tuple[bytes, ...] = ()


@dataclass(slots=True)
class ModelRanges:
    """`shared.ports.range_store.RangeStore`."""

    documents: Documents
    ranges: dict[RangeId, ModelRange] = field(default_factory=dict)
    listed_pages: int = 0
    open: int = 0

    def add(self, opened: OpenRange) -> None:
        """Open a range."""
        self.ranges[opened.range_id] = ModelRange(opened)
        self.open += 1

    async def acquire(self, opened: OpenRange, owner: str, now: float, lease_seconds: float) -> HeldRange | Refusal:
        found = self.ranges[opened.range_id]
        if found.done:
            return Refusal.DONE
        self.documents.bill.counts["firestore.reads"] += 1
        await self.documents.write(f"ranges/{opened.range_id.cursor!r}")
        until = found.opened.until
        first = found.split_points[0] if found.split_points else until
        return HeldRange(opened.range_id, owner, first, found.split_points, until)

    async def renew(self, held: HeldRange, now: float, lease_seconds: float) -> HeldRange:
        await self.documents.write(f"ranges/{held.id.cursor!r}")
        return held

    async def split(self, held: HeldRange, further: Sequence[OpenRange]) -> HeldRange:
        found = self.ranges[held.id]
        found.split_points = (*(item.range_id.cursor for item in further), *found.split_points)
        for item in further:
            self.add(item)
        await self.documents.write(
            f"ranges/{held.id.cursor!r}", *(f"ranges/{item.range_id.cursor!r}" for item in further)
        )
        return replace(held, until=found.split_points[0], split_points=found.split_points)

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        self.ranges[held.id].done = True
        self.open -= 1
        self.listed_pages += counts.listed.total_keys
        await self.documents.write(f"ranges/{held.id.cursor!r}")

    async def is_open(self, run: str) -> bool:
        await self.documents.read()
        return self.open > 0

    async def listed(self, run: str) -> Counts:
        await self.documents.read(1 + len(self.ranges) // 1000)
        return Counts({"listed": self.listed_pages * PAGE_KEYS})


@dataclass(frozen=True, slots=True)
class ModelRuns:
    """`shared.ports.run_store.RunStore`, as far as a lister uses it."""

    documents: Documents
    ranges: ModelRanges

    async def create(self, opened: OpenRange, kind: str, now: float) -> bool:
        self.ranges.add(opened)
        await self.documents.write(f"runs/{opened.range_id.run}", f"ranges/{opened.range_id.cursor!r}")
        return True

    async def exists(self, run: str) -> bool:
        await self.documents.read()
        return any(held.run == run for held in self.ranges.ranges)

    async def running(self) -> list[Any]:
        await self.documents.read()
        return []

    async def heartbeat(self, run: str, instance: str, now: float, progress: Any) -> None:
        await self.documents.write(f"pulses/{run}-{instance}")

    async def scheduled(self, kind: str) -> tuple[str, object]:
        await self.documents.read()
        return "", None

    async def schedule(self, kind: str, run: str, version: object) -> bool:
        await self.documents.write(f"control/schedule-{kind}")
        return True


@dataclass(frozen=True, slots=True)
class ModelPrefixes:
    """`shared.ports.prefix_store.PrefixStore`."""

    documents: Documents

    async def get(self, prefix: bytes) -> dict[str, Any]:
        await self.documents.read()
        return {}

    async def update(self, prefix: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        await self.documents.read()
        await self.documents.write(f"prefixes/{prefix!r}")
        return change({})


@dataclass(frozen=True, slots=True)
class ModelUploads:
    """`shared.ports.upload_store.UploadStore`: none is old."""

    documents: Documents

    async def unpublished_since(self, moment: float) -> list[Any]:
        await self.documents.read()
        return []


@dataclass(frozen=True, slots=True)
class ModelControl:
    """`shared.ports.control_store.ControlStore`: never paused, no quotas."""

    documents: Documents

    async def get(self) -> Control:
        await self.documents.read()
        return Control()

    async def speak_for(self, identity: str, text: str) -> Spoke:
        await self.documents.read()
        return Spoke(identity, identity, text)


def model_stores(documents: Documents, ranges: ModelRanges) -> Stores:
    """Stores as far as a lister uses them."""
    absent: Any = None
    return Stores(
        ledger=cast("Any", ModelLedger(documents)),
        runs=cast("Any", ModelRuns(documents, ranges)),
        ranges=cast("Any", ranges),
        prefixes=ModelPrefixes(documents),
        control=cast("Any", ModelControl(documents)),
        uploads=cast("Any", ModelUploads(documents)),
        extras=absent,
        rejected=absent,
    )
