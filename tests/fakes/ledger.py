"""The ledger."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.counts import Outcome
from shared.domain.errors import StateConflict
from shared.domain.keys import prefix_end
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.ledger_store import KeyCount, Outline, Versioned
from shared.ports.range_store import HeldRange
from tests.fakes.commit_limit import check_commit
from tests.fakes.ranges import FakeRanges


@dataclass
class FakeLedger:
    """now: the time of the server, which stamps what is written. ranges: where it shows whose a range is. documents:
    records with their versions. A commit that Firestore would refuse is refused.
    """

    now: Callable[[], float] = lambda: 1_000_000.0
    ranges: FakeRanges | None = None
    documents: dict[str, tuple[BatchRecord, int]] = field(default_factory=dict)
    stamps: dict[str, float] = field(default_factory=dict)
    writes: int = 0

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        low, high = max(prefix, after + b"\0" if after else b""), prefix_end(prefix)
        for record, version in sorted(self.documents.values(), key=lambda item: item[0].first):
            short = until is None or record.first <= until
            if record.last >= low and short and (high is None or record.first < high):
                yield Versioned(record, version)

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        found = [item.record async for item in self.scan(prefix, after, until) if item.record.first > after]
        return KeyCount(sum(len(record.entries) for record in found), len(found))

    async def sample(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[bytes]:
        found = [item.record.first async for item in self.scan(prefix, after, until) if item.record.first > after]
        return found[:: max(1, records // about)]

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        held = [self.documents.get(old.batch, (None, None))[1] for old in merge.replaced]
        replaced = {old.batch for old in merge.replaced}
        if held != list(versions) or any(new.batch in self.documents.keys() - replaced for new in merge.merged):
            return False
        check_commit(merge.merged, merge.replaced)
        for old in merge.replaced:
            del self.documents[old.batch]
        for record in merge.merged:
            self._write(record)
        return True

    async def create(self, records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        if held is not None and self.ranges is not None:
            self.ranges.of_holder(held)
        for record in records:
            if record.batch not in self.documents:
                self._write(record)

    async def get(self, batch: str) -> Versioned | None:
        found = self.documents.get(batch)
        return Versioned(*found) if found and found[0].readable else None

    async def commit_results(self, record: BatchRecord, version: object | None) -> None:
        found = self.documents.get(record.batch)
        if (found[1] if found and (found[0].readable or version is not None) else None) != version:
            raise StateConflict(record.batch)
        self._write(record)

    def _write(self, record: BatchRecord) -> None:
        check_commit([record])
        self.writes += 1
        self.documents[record.batch] = (replace(record), self.writes)
        self.stamps[record.batch] = self.now()

    async def unsettled(self, run: str) -> AsyncIterator[BatchRecord]:
        for record, _ in list(self.documents.values()):
            if record.run == run and record.readable and not record.settled:
                yield record

    async def of_run(self, run: str) -> AsyncIterator[BatchRecord]:
        for record, _ in list(self.documents.values()):
            if record.run == run and record.readable:
                yield record

    async def outlines(self, run: str) -> list[Outline]:
        found = [record for record, _ in self.documents.values() if record.run == run and len(record.entries)]
        ours = [Outline(item.batch, item.first, len(item.entries), item.identity) for item in found]
        return sorted(ours, key=lambda item: item.first)

    async def failed(self, run: str) -> AsyncIterator[Entry]:
        for record, _ in self.documents.values():
            if record.run == run and record.readable:
                for entry in record.entries:
                    if entry.outcome is Outcome.FAILED:
                        yield entry
