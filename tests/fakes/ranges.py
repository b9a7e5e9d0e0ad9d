"""The ranges of runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.counts import Counts, ManifestPart, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.rollup import Rollup
from shared.domain.splitting import edges
from shared.ports.range_store import Agrees, HeldRange, OpenRange, RangeId, Refusal, always


@dataclass
class StoredRange:
    opened: OpenRange
    state: str = "open"
    owner: str = ""
    until: float = 0.0
    fences: list[bytes] = field(default_factory=list)
    counts: RangeCounts = field(default_factory=RangeCounts)
    touched: float = 0.0
    version: int = 0
    expires: bool = False

    @property
    def edges(self) -> int:
        return edges(self.opened.range_id.cursor, self.fences[0] if self.fences else self.opened.until)


@dataclass
class FakeRanges:
    """now: the time of the server, which stamps what is written."""

    now: Callable[[], float] = lambda: 1_000_000.0
    documents: dict[RangeId, StoredRange] = field(default_factory=dict)
    writes: int = 0

    async def acquire(
        self, range_id: RangeId, owner: str, now: float, lease_seconds: float, agrees: Agrees = always
    ) -> HeldRange | Refusal:
        found = self.documents.get(range_id)
        if found is None:
            return Refusal.UNKNOWN
        if found.state == "done":
            return Refusal.DONE
        if not agrees(found.opened.message):
            return Refusal.OTHER
        if found.owner not in ("", owner) and 0 < found.until - now <= 2 * lease_seconds:
            return Refusal.HELD
        taken_over = found.owner != ""
        found.owner, found.until = owner, now + lease_seconds
        end = found.opened.until
        first = found.fences[0] if found.fences else end
        return HeldRange(range_id, owner, first, tuple(found.fences), end, self._wrote(found), taken_over)

    async def renew(self, held: HeldRange, now: float, lease_seconds: float) -> HeldRange:
        found = self.of_holder(held)
        found.until = now + lease_seconds
        return replace(held, version=self._wrote(found))

    async def split(self, held: HeldRange, further: Sequence[OpenRange]) -> HeldRange:
        found = self.of_holder(held)
        if any(item.range_id in self.documents for item in further):
            raise StateConflict(f"a part of {held.id} exists")
        found.fences = [item.range_id.cursor for item in further] + found.fences
        for item in further:
            self.documents[item.range_id] = StoredRange(item, touched=self.now())
        return replace(held, until=found.fences[0], split_points=tuple(found.fences), version=self._wrote(found))

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        found = self.of_holder(held)
        closed = OpenRange(held.id, found.opened.until, b"")
        self.documents[held.id] = StoredRange(closed, "done", fences=found.fences, counts=counts)

    async def give_up(self, opened: OpenRange, why: str, now: float) -> None:
        closed = OpenRange(opened.range_id, opened.range_id.cursor, b"")
        self.documents.setdefault(opened.range_id, StoredRange(closed, "done", counts=RangeCounts(stopped=why)))

    def of_holder(self, held: HeldRange) -> StoredRange:
        found = self.documents.get(held.id)
        if found is None or found.version != held.version:
            raise StateConflict(f"{held.id} is not ours any more")
        return found

    def _wrote(self, found: StoredRange) -> int:
        self.writes += 1
        found.version, found.touched = self.writes, self.now()
        return self.writes

    async def rollup(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        merged, parts = Rollup(), []
        for item in self.of(run):
            merged.merge(item.counts.sums)
            parts += item.counts.manifest
        return merged, parts

    async def messages(self, run: str) -> list[bytes]:
        return [item.opened.message for item in self.of(run) if item.state == "open"]

    async def let_expire(self, run: str, now: float) -> None:
        for item in self.of(run):
            item.expires = item.state == "open"

    async def is_open(self, run: str) -> bool:
        return any(item.state == "open" for item in self.of(run))

    async def listed(self, run: str) -> Counts:
        listed = Counts()
        for item in self.of(run):
            listed.merge(item.counts.listed)
        return listed

    def of(self, run: str) -> list[StoredRange]:
        return [item for range_id, item in self.documents.items() if range_id.run == run]
