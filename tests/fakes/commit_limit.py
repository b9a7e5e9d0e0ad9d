"""What Firestore refuses of a commit: `local.emulators.firestore.weight`, for records as the ledger's adapter writes
them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.cloud.firestore_v1._helpers import encode_dict

from local.emulators.firestore.indexes import Indexes
from local.emulators.firestore.protos import Document
from local.emulators.firestore.store import MOST_DOCUMENT_BYTES
from local.emulators.firestore.weight import MOST_COMMIT_BYTES, commit_bytes
from shared.gcp.firestore.records import record_fields
from shared.ledger.record import BatchRecord
from shared.ledger.table import Table

INDEXES = Indexes.read(Path(__file__).parents[2] / "terraform" / "firestore.indexes.json")

_LIGHT_BYTES = 20_000
"""More than a record of one key of 1,024 bytes weighs with its index entries."""

_ENTRY_BYTES = 300
"""More than an entry weighs besides its key and its reason."""


class TooLarge(Exception):
    """What Firestore refuses with INVALID_ARGUMENT."""


def check_commit(written: Sequence[BatchRecord], deleted: Sequence[BatchRecord] = ()) -> None:
    """Raises TooLarge for records that do not fit into a commit, or a document."""
    if sum(map(_at_the_most, [*written, *deleted])) <= MOST_DOCUMENT_BYTES:
        return
    documents = [document(record) for record in written]
    changes = [(item.name, None, item) for item in documents]
    changes += [(item.name, item, None) for item in map(document, deleted)]
    size, largest = commit_bytes(changes, INDEXES), max((item.ByteSize() for item in documents), default=0)
    if size > MOST_COMMIT_BYTES or largest > MOST_DOCUMENT_BYTES:
        raise TooLarge(f"a commit of {size} bytes, the largest document {largest}")


def document(record: BatchRecord) -> Any:
    """As it is sent."""
    found = Document(name=f"projects/p/databases/d/documents/jobs/job/ledger/{record.batch}")
    for name, value in encode_dict(record_fields(record)).items():
        found.fields[name].CopyFrom(type(value).pb(value))
    return found


def _at_the_most(record: BatchRecord) -> int:
    """A bound that costs little: most commits are far below."""
    if isinstance(record.entries, Table):
        return _LIGHT_BYTES + len(record.entries.packed)
    return _LIGHT_BYTES + sum(len(entry.key) + 4 * len(entry.reason) + _ENTRY_BYTES for entry in record.entries)
