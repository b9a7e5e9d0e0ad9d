"""A record of the ledger and its document."""

from collections.abc import Sequence
from typing import Any

from google.cloud.firestore import DocumentSnapshot

from shared.domain.counts import Outcome
from shared.domain.keys import common
from shared.domain.lag import Lag
from shared.domain.missed import Change
from shared.gcp.firestore.counts import read_tally, tally
from shared.gcp.firestore.documents import digest, time
from shared.gcp.firestore.sums import slice_of
from shared.ledger.levels import is_level
from shared.ledger.record import BatchRecord
from shared.ledger.table import Packed, Table, UnknownSchema
from shared.ports.ledger_store import Versioned
from shared.ports.log import Log

_FIELDS_BYTES = 4_000
"""Of a record's fields but the packed ones, and of its nine index entries, each with the document's name, without its
keys. https://cloud.google.com/firestore/docs/storage-size#index-entry-size"""


def read_record(log: Log, snapshot: "DocumentSnapshot[Any]") -> Versioned:
    """A record that this code cannot read counts as forgotten: without entries, its keys are listed as new."""
    fields = snapshot.to_dict() or {}
    try:
        entries: Sequence[Any] = Table(Packed(*(bytes(memoryview(fields[name])) for name in ("table", "detail"))))
        published_at = fields["published_at"].timestamp()
        identity = str(fields.get("identity", ""))
        run, attempt = fields["run"], fields["attempt"]
        if not isinstance(run, str) or not isinstance(attempt, int):
            raise TypeError(f"run {run!r}, attempt {attempt!r}")
        lag, changes = Lag.read(fields.get("lag")), read_tally(fields.get("changes", {}))
        record = BatchRecord(snapshot.id, run, published_at, entries, attempt, identity, lag, changes)
    except (UnknownSchema, KeyError, AttributeError, TypeError, ValueError) as error:
        log.warning("forgotten record", batch=snapshot.id, reason=str(error))
        record = BatchRecord(snapshot.id, str(fields.get("run", "")), 0, ())
    begins = fields.get("first")
    return Versioned(record, snapshot.update_time, begins if isinstance(begins, bytes) else b"")


def packed_bytes(snapshot: "DocumentSnapshot[Any]") -> int:
    """Of a record's tables, be they readable or not: after a change of the schema none is, and all are as large."""
    fields = snapshot.to_dict() or {}
    packed = (fields.get(name) for name in ("table", "detail"))
    return sum(len(found) for found in packed if isinstance(found, bytes))


def read_whole(log: Log, snapshot: "DocumentSnapshot[Any]") -> Versioned | None:
    """A record whose every entry is needed in detail; None if it cannot be read so."""
    found = read_record(log, snapshot)
    if found.record.readable:
        return found
    if len(found.record.entries):
        log.warning("forgotten record", batch=snapshot.id, reason="its details are damaged")
    return None


def record_fields(record: BatchRecord) -> dict[str, object]:
    """A record as its document."""
    table = record.table
    added_up = record.run and not is_level(record.run)
    return {
        "run": record.run,
        "first": record.first,
        "last": record.last,
        "shared": common(record.first, record.last),
        "level": _level(record.batch),
        "keys": len(table),
        "published_at": time(record.published_at),
        "attempt": record.attempt,
        "identity": record.identity,
        "open": table.outcomes.count(None),
        **({"slice": slice_of(record.batch), "outcomes": tally(record.tally(), Outcome)} if added_up else {}),
        **({"lag": record.lag.table()} if record.lag.counted else {}),
        **({"changes": tally(record.changes, Change)} if record.changes.total_keys else {}),
        "table": table.packed.scan,
        "detail": table.packed.detail,
    }


def weight(record: BatchRecord) -> int:
    """Bytes of a record in a commit, at the most: its entries, and its keys in the document and in the indexes."""
    return len(record.table.packed) + 6 * (len(record.first) + len(record.last)) + _FIELDS_BYTES


def _level(batch: str) -> int:
    """0 for half of the records, 1 for a quarter, and so on: each is an even sample of the ledger. It has nothing to do
    with the levels that events are sorted in (`shared.ledger.levels`).
    """
    number = int(digest(batch), 16)
    return (number & -number).bit_length() - 1
