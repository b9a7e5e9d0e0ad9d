"""The packed memory: one record a published batch, many keys a record.

A record holds a table key → ETag, size, outcome and proof, so that remembering costs one document for
about a hundred keys instead of one for each. Records may overlap; for a key, the newest record wins.
Losing records costs a re-scan and never an object: the buckets are the truth.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.core.errors import BucketError
from shared.core.objects import SourceObject
from shared.core.outcomes import Outcome, Tally

SCHEMA = 1
"""Version of the packed table. A record of another version is ignored, which costs a re-scan."""


class UnknownSchema(BucketError):
    """A record written in a layout that this code does not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of one key.

    outcome: None while the key is still to be copied. reason: why, where the outcome needs one.
    generation, crc32c (base64): of the GCS object. proof: how its bytes were shown to be right.
    drift: bytes by which the version that was copied is larger than the one that was listed; the books
    count listed bytes.
    """

    key: bytes
    etag: str
    size: int
    modified: int
    outcome: Outcome | None = None
    reason: str = ""
    generation: int = 0
    crc32c: str = ""
    proof: str = ""
    drift: int = 0

    @classmethod
    def of(cls, source: SourceObject) -> "Entry":
        return cls(source.key, source.etag, source.size, source.modified)

    def source(self) -> SourceObject:
        return SourceObject(self.key, self.etag, self.size, self.modified)

    @property
    def open(self) -> bool:
        """Whether a copy may still change how this key ends."""
        return self.outcome is None


@dataclass(frozen=True, slots=True)
class Record:
    """One batch: its entries in key order, the run that published it, and when (epoch seconds)."""

    batch: str
    run: str
    published_at: float
    entries: tuple[Entry, ...]
    attempt: int = 1

    @property
    def first(self) -> bytes:
        return self.entries[0].key

    @property
    def last(self) -> bytes:
        return self.entries[-1].key

    @property
    def settled(self) -> bool:
        """No key is left to copy."""
        return not any(entry.open for entry in self.entries)

    def tally(self) -> Tally:
        """Keys and bytes by outcome, of the entries that have one."""
        tally = Tally()
        for entry in self.entries:
            if entry.outcome is not None:
                tally.add(entry.outcome, entry.size - entry.drift)
        return tally

    def with_results(self, results: Iterable[Entry], attempt: int) -> "Record":
        """The record with its open entries replaced by how they ended.

        The first ending of a key stands: a duplicate delivery finds the copy already there and must not
        turn "copied" into "unchanged".
        """
        ended = {entry.key: entry for entry in results}
        entries = tuple(ended.get(entry.key, entry) if entry.open else entry for entry in self.entries)
        return replace(self, entries=entries, attempt=max(self.attempt, attempt))


def batch_id(run: str, objects: Sequence[SourceObject]) -> str:
    """The same objects in the same run make the same batch, so a repeated delivery rewrites one document.

    The digest leads: ids that began with the time would put sequential writes on one range of the store.
    https://firebase.google.com/docs/firestore/best-practices#hotspots
    """
    digest = hashlib.sha256(run.encode())
    for source in objects:
        digest.update(b"\0".join((b"", source.key, source.etag.encode())))
    return digest.hexdigest()[:24]


_COLUMNS = ("etag", "size", "modified", "outcome", "reason", "generation", "crc32c", "proof", "drift")


def pack(entries: Sequence[Entry]) -> bytes:
    """Entries as one compressed table, a column a field."""
    table: dict[str, list[object]] = {"key": [entry.key.decode() for entry in entries]}
    for column in _COLUMNS:
        values = [getattr(entry, column) for entry in entries]
        if any(values):
            table[column] = values
    text = json.dumps({"schema": SCHEMA, "table": table}, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode(), level=1)


def unpack(packed: bytes) -> tuple[Entry, ...]:
    """The entries of a packed table. Raises UnknownSchema if it is of another layout or damaged."""
    try:
        document = json.loads(zlib.decompress(packed))
        if document["schema"] != SCHEMA:
            raise UnknownSchema(f"ledger table of schema {document['schema']}, this code reads {SCHEMA}")
        table = document["table"]
        count = len(table["key"])
        blank: dict[str, list[object]] = {
            "etag": [""] * count,
            "size": [0] * count,
            "modified": [0] * count,
            "outcome": [None] * count,
            "reason": [""] * count,
            "generation": [0] * count,
            "crc32c": [""] * count,
            "proof": [""] * count,
            "drift": [0] * count,
        }
        columns = [table.get(column, blank[column]) for column in _COLUMNS]
        return tuple(
            Entry(key.encode(), etag, size, modified, Outcome(outcome) if outcome else None, *rest)
            for key, etag, size, modified, outcome, *rest in zip(table["key"], *columns, strict=True)
        )
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise UnknownSchema(f"unreadable ledger table: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Remembered:
    """An entry with what its record says about it."""

    entry: Entry
    run: str
    batch: str
    published_at: float


@dataclass(slots=True)
class RecordWindow:
    """The records that can still speak about keys ahead of a scan that moves forward in key order.

    run: the run that scans. For a key, its own record wins whatever the clocks say; else the newest one.
    """

    run: str
    _records: list[Record] = field(default_factory=list)
    _newest: dict[bytes, Remembered] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take in a record."""
        self._records.append(record)
        rank = (record.run == self.run, record.published_at)
        for entry in record.entries:
            known = self._newest.get(entry.key)
            if known is None or rank >= (known.run == self.run, known.published_at):
                self._newest[entry.key] = Remembered(entry, record.run, record.batch, record.published_at)

    def lookup(self, key: bytes) -> Remembered | None:
        """What is remembered of a key, None if nothing."""
        return self._newest.get(key)

    def forget_before(self, key: bytes) -> None:
        """Drop the records that end before `key`, so that memory follows the overlap, not the bucket."""
        kept = [record for record in self._records if record.last >= key]
        if len(kept) == len(self._records):
            return
        for record in self._records:
            if record.last < key:
                for entry in record.entries:
                    self._newest.pop(entry.key, None)
        self._records = kept
