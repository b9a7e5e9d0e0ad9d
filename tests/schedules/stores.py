"""The state that all instances share, as strict as Firestore: what is written is encoded, what is read was decoded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.domain.counts import Outcome
from shared.ledger.compaction import Merge
from shared.ledger.record import BatchRecord
from shared.ledger.table import Table, pack
from tests.fakes import FakeLedger, FakeStores

if TYPE_CHECKING:
    from tests.schedules.laws import Laws

COMMIT_BYTES = 10 * 1024 * 1024
DOCUMENT_BYTES = 1024 * 1024
"""https://cloud.google.com/firestore/quotas#writes_and_transactions"""

FIELDS_BYTES = 500
"""About what a record's document has besides its table."""


class TooLarge(Exception):
    """What Firestore refuses."""


class StrictLedger(FakeLedger):
    """Records are packed when they are written; a commit above 10 MiB and a document above 1 MiB are refused."""

    laws: "Laws"

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        _fits(merge.merged)
        return await super().merge(merge, versions)

    def _write(self, record: BatchRecord) -> None:
        _fits([record])
        before = self.documents.get(record.batch)
        super()._write(replace(record, entries=Table(pack(record.entries))))
        if before is not None:
            was = {entry.key: entry.outcome for entry in before[0].entries}
            for entry in record.entries:
                if entry.outcome is Outcome.FAILED and was.get(entry.key) is None:
                    self.laws.failed(entry)


class StrictStores(FakeStores):
    """The stores of one job with a strict ledger."""

    def __init__(self, now: Callable[[], float], laws: "Laws") -> None:
        super().__init__(now)
        self.ledger: StrictLedger = StrictLedger(now)
        self.ledger.laws = laws
        self.runs.ledger = self.ledger


def _fits(records: Sequence[BatchRecord]) -> None:
    sizes = [len(record.table.packed) + FIELDS_BYTES for record in records]
    if sum(sizes) > COMMIT_BYTES or max(sizes, default=0) > DOCUMENT_BYTES:
        raise TooLarge(f"a commit of {sum(sizes)} bytes, the largest document {max(sizes)}")
