"""Records without some of their entries: what is known of these keys is forgotten, and of their neighbours kept."""

from collections.abc import Callable
from dataclasses import replace

from shared.ledger.compaction import Merge, cut
from shared.ledger.entry import Entry
from shared.ledger.levels import is_level, run_of
from shared.ledger.record import MERGED, BatchRecord, batch_id


def without(record: BatchRecord, dropped: Callable[[Entry], bool]) -> Merge | None:
    """What takes the place of a record whose dropped entries are forgotten. None if it has none of them, if messages
    may still end keys of it, as of a batch, or if it cannot be read.
    """
    if not record.readable or (not record.settled and run_of(record.run) is not None):
        return None
    kept = [replace(entry, at=entry.at or record.published_at) for entry in record.entries if not dropped(entry)]
    if len(kept) == len(record.entries):
        return None
    run = record.run if is_level(record.run) else MERGED
    return Merge([record], [_instead(merged, record) for merged in cut(kept, run)])


def _instead(merged: BatchRecord, record: BatchRecord) -> BatchRecord:
    """Named by what it takes the place of: another record may be left with the same versions of the same keys."""
    name = batch_id(f"{merged.run} {record.batch}", merged.entries)
    return replace(merged, batch=name, identity=record.identity)
