"""The state that all instances share, as strict as Firestore: what is written is encoded, what is read was decoded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.domain.counts import Outcome, RangeCounts
from shared.domain.runs import RunKind, RunState
from shared.ledger.compaction import Merge
from shared.ledger.record import BatchRecord
from shared.ledger.table import Table, pack
from shared.ports.range_store import HeldRange, OpenRange
from shared.ports.run_store import RunSummary
from tests.fakes import FakeLedger, FakeStores
from tests.fakes.ranges import FakeRanges
from tests.fakes.runs import FakeRuns

if TYPE_CHECKING:
    from tests.schedules.laws import Laws
    from tests.schedules.truth import Truth

COMMIT_BYTES = 10 * 1024 * 1024
DOCUMENT_BYTES = 1024 * 1024
"""https://cloud.google.com/firestore/quotas#writes_and_transactions"""

FIELDS_BYTES = 500
"""About what a record's document has besides its table."""


class TooLarge(Exception):
    """What Firestore refuses."""


class StrictLedger(FakeLedger):
    """Records are packed when they are written; a commit above 10 MiB and a document above 1 MiB are refused. heard:
    told of each record that is created. merged: batches of which nothing was open when others took their records' place.
    """

    laws: "Laws"
    heard: Callable[[BatchRecord], None] | None = None
    merged: frozenset[str] = frozenset()

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        _fits(merge.merged)
        done = await super().merge(merge, versions)
        if done:
            self.merged |= {record.batch for record in merge.replaced if record.settled}
        return done

    def _write(self, record: BatchRecord) -> None:
        _fits([record])
        before = self.documents.get(record.batch)
        super()._write(replace(record, entries=Table(pack(record.entries))))
        if before is None and self.heard is not None:
            self.heard(record)
        if before is not None:
            was = {entry.key: entry.outcome for entry in before[0].entries}
            for entry in record.entries:
                if entry.outcome is Outcome.FAILED and was.get(entry.key) is None:
                    self.laws.failed(entry)
                if entry.outcome is Outcome.COPIED and was.get(entry.key) is None:
                    self.laws.copied(entry)


class StrictRanges(FakeRanges):
    """What ranges are closed with is held against what there is."""

    truth: "Truth"
    runs: "StrictRuns"

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        await super().complete(held, counts, now)
        self.truth.closed(held, self.runs.documents[held.id.run].kind, counts)


class StrictRuns(FakeRuns):
    """What runs end with is held against their ranges."""

    truth: "Truth"

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        made = await super().create(opened, kind, now)
        if made:
            self.truth.created(opened.range_id.run)
        return made

    async def finish(
        self, run: str, state: RunState, summary: RunSummary, now: float, version: object, reported: bool = True
    ) -> None:
        await super().finish(run, state, summary, now, version, reported)
        self.truth.ended(run, self.documents[run].kind, state)


class StrictStores(FakeStores):
    """The stores of one job, held against what there is."""

    def __init__(self, now: Callable[[], float], laws: "Laws", truth: "Truth") -> None:
        super().__init__(now)
        self.ranges: StrictRanges = StrictRanges(now)
        self.ledger: StrictLedger = StrictLedger(now, self.ranges)
        self.ledger.laws = laws
        self.runs: StrictRuns = StrictRuns(self.ranges, self.ledger)
        self.ranges.truth = self.runs.truth = truth
        self.ranges.runs = self.runs


def _fits(records: Sequence[BatchRecord]) -> None:
    sizes = [len(record.table.packed) + FIELDS_BYTES for record in records]
    if sum(sizes) > COMMIT_BYTES or max(sizes, default=0) > DOCUMENT_BYTES:
        raise TooLarge(f"a commit of {sum(sizes)} bytes, the largest document {max(sizes)}")
