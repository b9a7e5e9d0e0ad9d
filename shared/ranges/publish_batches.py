"""Publish objects for transfer: first remembered, then sent.

A crash between the two leaves records whose messages were never sent; the redelivered range message finds
them under its own run and sends them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.batching import batches
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue


@dataclass(frozen=True, slots=True)
class PublishBatches:
    """keys_per_message and batch_bytes say where a batch is cut."""

    ledger: LedgerStore
    queue: Queue
    clock: Clock
    topic: str
    keys_per_message: int
    batch_bytes: int

    def cut(self, objects: Sequence[SourceObject]) -> list[tuple[SourceObject, ...]]:
        """The objects in batches; the last one may still have room."""
        return list(batches(objects, self.keys_per_message, self.batch_bytes))

    async def __call__(self, run: str, cut: Sequence[tuple[SourceObject, ...]], force: bool) -> None:
        """Returns once every batch is remembered and accepted by the queue."""
        now = self.clock.now()
        records = [BatchRecord(batch_id(run, batch), run, now, tuple(map(Entry.of, batch))) for batch in cut]
        if not records:
            return
        await self.ledger.create(records)
        await self.queue.publish(self.topic, [batch_message(record, force) for record in records])

    async def again(self, record: BatchRecord, force: bool) -> None:
        """Send the open keys of a remembered batch once more."""
        await self.queue.publish(self.topic, [batch_message(record, force)])


def batch_message(record: BatchRecord, force: bool) -> TransferMessage:
    """What sends the open keys of a batch."""
    objects = tuple(ObjectEntry.of(entry.source()) for entry in record.entries if entry.open)
    return TransferMessage(run=record.run, batch=record.batch, objects=objects, attempt=record.attempt, force=force)
