"""Publish objects for transfer: first recorded, then sent.

A crash between the two leaves records whose messages were never sent; the redelivered range message finds
them under its own run and sends them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.counts import Counts
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.domain.transfer_topics import TransferTopics
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue
from shared.ports.range_store import HeldRange


@dataclass(frozen=True, slots=True)
class PublishBatches:
    """keys_per_message and batch_bytes say where a batch ends."""

    ledger: LedgerStore
    queue: Queue
    clock: Clock
    topics: TransferTopics
    keys_per_message: int
    batch_bytes: int

    async def __call__(
        self,
        run: str,
        batches: Sequence[tuple[SourceObject, ...]],
        force: bool,
        held: HeldRange | None = None,
        first: bool = False,
    ) -> None:
        """Returns once every batch is recorded and accepted by the queue. held: the range that they are of. first:
        somebody waits for them. Raises StateConflict, and nothing is recorded, if somebody else has it now.
        """
        now = self.clock.now()
        records = [_record(run, now, batch) for batch in batches]
        if not records:
            return
        await self.ledger.create(records, held)
        await self.resend(records, force, first)

    async def resend(self, records: Sequence[BatchRecord], force: bool, first: bool = False) -> None:
        """Send the open keys of recorded batches once more."""
        if records:
            messages = [batch_message(record, force, first) for record in records]
            await self.queue.publish(self.topics.of(messages[0]), messages)


def _record(run: str, now: float, batch: Sequence[SourceObject]) -> BatchRecord:
    changes = Counts()
    for item in batch:
        if item.change is not None:
            changes.add(item.change, item.size)
    return BatchRecord(batch_id(run, batch), run, now, tuple(map(Entry.of, batch)), changes=changes)


def batch_message(record: BatchRecord, force: bool, first: bool = False) -> TransferMessage:
    """What sends the open keys of a batch."""
    objects = tuple(ObjectEntry.of(entry.source()) for entry in record.entries if entry.open)
    return TransferMessage(
        run=record.run, batch=record.batch, objects=objects, attempt=record.attempt, force=force, first=first
    )
