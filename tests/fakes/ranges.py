"""The ranges of runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.counts import Counts, ManifestPart, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.rollup import Rollup
from shared.ports.range_store import HeldRange, OpenRange, RangeId, Refusal


@dataclass
class StoredRange:
    opened: OpenRange
    state: str = "open"
    owner: str = ""
    until: float = 0.0
    fences: list[str] = field(default_factory=list)
    books: RangeCounts = field(default_factory=RangeCounts)
    touched: float = 0.0


@dataclass
class FakeRanges:
    """now: the time of the server, which stamps what is written."""

    now: Callable[[], float] = lambda: 1_000_000.0
    documents: dict[RangeId, StoredRange] = field(default_factory=dict)

    async def acquire(self, opened: OpenRange, owner: str, now: float, lease_seconds: float) -> HeldRange | Refusal:
        found = self.documents.setdefault(opened.piece, StoredRange(opened))
        if found.state == "done":
            return Refusal.DONE
        if found.owner not in ("", owner) and 0 < found.until - now <= 2 * lease_seconds:
            return Refusal.HELD
        found.owner, found.until, found.touched = owner, now + lease_seconds, self.now()
        end = found.opened.until
        return HeldRange(opened.piece, owner, found.fences[0] if found.fences else end, tuple(found.fences), end)

    async def split(self, held: HeldRange, further: Sequence[OpenRange]) -> HeldRange:
        found = self.documents.get(held.id)
        if found is None or found.owner != held.owner or found.state != "open":
            raise StateConflict(held.id.cursor)
        found.fences = [item.piece.cursor for item in further] + found.fences
        for item in further:
            self.documents[item.piece] = StoredRange(item, touched=self.now())
        return replace(held, until=found.fences[0], split_points=tuple(found.fences))

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        self.documents[held.id] = StoredRange(OpenRange(held.id, None, b""), "done", books=counts)

    async def rollup(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        merged, parts = Rollup(), []
        for item in self.of(run):
            merged.merge(item.books.sums)
            parts += item.books.manifest
        return merged, parts

    async def messages(self, run: str) -> list[bytes]:
        return [item.opened.message for item in self.of(run) if item.state == "open"]

    async def is_open(self, run: str) -> bool:
        return any(item.state == "open" for item in self.of(run))

    async def listed(self, run: str) -> Counts:
        listed = Counts()
        for item in self.of(run):
            listed.merge(item.books.listed)
        return listed

    def of(self, run: str) -> list[StoredRange]:
        return [item for piece, item in self.documents.items() if piece.run == run]
