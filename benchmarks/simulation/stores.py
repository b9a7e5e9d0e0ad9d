"""Firestore as the production lister meets it in a first run: the ledger is empty."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from benchmarks.simulation import limits
from benchmarks.simulation.documents import Documents
from benchmarks.simulation.model import BATCHES_A_PAGE, PAGE_KEYS
from benchmarks.simulation.runs import ModelRuns
from shared.domain.counts import Counts, RangeCounts
from shared.domain.spending import Amount, shard_of
from shared.ports.control_store import Control, Spoke
from shared.ports.ledger_store import KeyCount, Versioned
from shared.ports.range_store import Agrees, HeldRange, OpenRange, RangeId, Refusal, always
from shared.ports.stores import Stores


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
        self.documents.records += count
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

    async def acquire(
        self, range_id: RangeId, owner: str, now: float, lease_seconds: float, agrees: Agrees = always
    ) -> HeldRange | Refusal:
        found = self.ranges[range_id]
        if found.done:
            return Refusal.DONE
        self.documents.bill.counts["firestore.reads"] += 1
        await self.documents.write(f"ranges/{range_id.cursor!r}")
        until = found.opened.until
        first = found.split_points[0] if found.split_points else until
        return HeldRange(range_id, owner, first, found.split_points, until)

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
    """`shared.ports.control_store.ControlStore`: never paused, and under a ceiling that is never reached, so that what
    a run has spent of it is written as often as in production.
    """

    documents: Documents
    shards: set[int] = field(default_factory=set)

    async def get(self) -> Control:
        await self.documents.read()
        return Control(most_objects=10**12)

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        """Whoever first takes from a shard reads all that there are, to see that none is beyond its part."""
        shard = shard_of(owner)
        await self.documents.read(1 if shard in self.shards else 1 + len(self.shards))
        self.shards.add(shard)
        await self.documents.write(f"spending/{run}-{shard}")
        return True

    async def speak_for(self, identity: str, text: str) -> Spoke:
        await self.documents.read()
        return Spoke(identity, identity, text)


def model_stores(documents: Documents, ranges: ModelRanges, runs: ModelRuns) -> Stores:
    """Stores as far as a lister and a run's end use them."""
    absent: Any = None
    return Stores(
        ledger=cast("Any", ModelLedger(documents)),
        runs=cast("Any", runs),
        ranges=cast("Any", ranges),
        prefixes=ModelPrefixes(documents),
        control=cast("Any", ModelControl(documents)),
        uploads=cast("Any", ModelUploads(documents)),
        extras=absent,
        rejected=absent,
    )
