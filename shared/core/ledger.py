"""The packed memory: one record a published batch, many keys a record; merged records hold thousands.

A record holds a table key → ETag, size, outcome and proof, so that remembering costs one document for
hundreds of keys instead of one for each. Records may overlap; for a key, the newest record wins.
Losing records costs a re-scan and never an object: the buckets are the truth.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, overload

from shared.core.errors import BucketError
from shared.core.objects import Origin, SourceObject
from shared.core.outcomes import Outcome, Tally
from shared.core.packing import deflate, inflate
from shared.core.page import Page

SCHEMA = 3
"""Version of the packed table. A record of another version is ignored, which costs a re-scan."""

MERGED = ""
"""The run of a record that was merged from those of several runs."""

_THERE = frozenset({Outcome.COPIED, Outcome.UNCHANGED})


class UnknownSchema(BucketError):
    """A record written in a layout that this code does not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of one key.

    outcome: None while the key is still to be copied. reason: why, where the outcome needs one.
    generation, crc32c (base64): of the GCS object. proof: how its bytes were shown to be right. route: their way.
    drift: bytes by which the version that was copied is larger than the one that was listed; the books
    count listed bytes. at: when it was published (epoch seconds), 0 for when its record was.
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
    route: str = ""
    drift: int = 0
    at: float = 0

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
class Packed:
    """Entries as two compressed tables, a column a field. scan: what a listing is compared with. detail: the rest."""

    scan: bytes
    detail: bytes

    def __len__(self) -> int:
        return len(self.scan) + len(self.detail)


_SCAN = ("etag", "size", "outcome", "at")
_DETAIL = ("modified", "reason", "generation", "crc32c", "proof", "route", "drift")


def pack(entries: Sequence[Entry]) -> Packed:
    """A column whose values are all the same is written as that value."""
    scan = {name: _column([getattr(entry, name) for entry in entries]) for name in _SCAN}
    detail = {name: _column([getattr(entry, name) for entry in entries]) for name in _DETAIL}
    return Packed(
        deflate({"schema": SCHEMA, "key": [entry.key.decode() for entry in entries], **scan}), deflate(detail)
    )


def _column(values: list[object]) -> object:
    return values if any(value != values[0] for value in values) else values[0] if values else None


class Table(Sequence[Entry]):
    """Packed entries as columns; entries are made, and details unpacked, only when they are asked for.

    Raises UnknownSchema if the table is of another layout or damaged.
    """

    __slots__ = ("_detail", "_origins", "ats", "etags", "keys", "outcomes", "packed", "sizes")

    def __init__(self, packed: Packed) -> None:
        try:
            table = inflate(packed.scan)
            if table["schema"] != SCHEMA:
                raise UnknownSchema(f"ledger table of schema {table['schema']}, this code reads {SCHEMA}")
            self.keys: list[bytes] = [key.encode() for key in table["key"]]
            columns = {name: self._values(table[name]) for name in _SCAN}
            self.etags: list[str] = columns["etag"]
            self.sizes: list[int] = columns["size"]
            self.outcomes: list[str | None] = columns["outcome"]
            self.ats: list[float] = columns["at"]
        except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownSchema(f"unreadable ledger table: {error!r}") from error
        self.packed = packed
        self._detail: list[list[Any]] | None = None
        self._origins: dict[bytes, Origin] | None = None

    def _values(self, column: object) -> list[Any]:
        if not isinstance(column, list):
            return [column] * len(self.keys)
        if len(column) != len(self.keys):
            raise ValueError("columns of different lengths")
        return column

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return tuple(self[position] for position in range(*index.indices(len(self))))
        outcome = self.outcomes[index]
        details = dict(zip(_DETAIL, (column[index] for column in self._details()), strict=True))
        return Entry(
            key=self.keys[index],
            etag=self.etags[index],
            size=self.sizes[index],
            outcome=Outcome(outcome) if outcome else None,
            at=self.ats[index],
            **details,
        )

    def _details(self) -> list[list[Any]]:
        if self._detail is None:
            try:
                table = inflate(self.packed.detail)
                self._detail = [self._values(table[name]) for name in _DETAIL]
            except (zlib.error, ValueError, KeyError, TypeError) as error:
                raise UnknownSchema(f"unreadable ledger table: {error!r}") from error
        return self._detail

    @property
    def origins(self) -> dict[bytes, Origin]:
        """By key. Empty if the details are damaged: nothing is decided by them."""
        if self._origins is None:
            try:
                details = dict(zip(_DETAIL, self._details(), strict=True))
                found = zip(self.etags, self.sizes, details["proof"], details["route"], strict=True)
                self._origins = dict(zip(self.keys, found, strict=True))
            except UnknownSchema:
                self._origins = {}
        return self._origins

    def __iter__(self) -> Iterator[Entry]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Record:
    """One batch: its entries in key order, the run that published it, and when (epoch seconds)."""

    batch: str
    run: str
    published_at: float
    entries: Sequence[Entry]
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
        if isinstance(self.entries, Table):
            return None not in self.entries.outcomes
        return not any(entry.open for entry in self.entries)

    @property
    def table(self) -> Table:
        """Its entries as columns."""
        return self.entries if isinstance(self.entries, Table) else Table(pack(self.entries))

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


def batch_id(run: str, objects: Iterable[SourceObject | Entry]) -> str:
    """The same objects in the same run make the same batch, so a repeated delivery rewrites one document.

    The digest leads: ids that began with the time would put sequential writes on one range of the store.
    https://firebase.google.com/docs/firestore/best-practices#hotspots
    """
    digest = hashlib.sha256(run.encode())
    for source in objects:
        digest.update(b"\0".join((b"", source.key, source.etag.encode())))
    return digest.hexdigest()[:24]


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

    Nearly all keys of a delta are as they were copied. These are held as versions only, in `_there`, and compared a
    page at a time; what must be looked at singly is in `_others`.
    """

    run: str
    _records: list[Record] = field(default_factory=list)
    _ranks: dict[bytes, tuple[bool, float]] = field(default_factory=dict)
    _there: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    _others: dict[bytes, Remembered] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take in a record."""
        self._records.append(record)
        table, own = record.table, record.run == self.run
        at = record.published_at
        ranks = list(zip(repeat(own), (given or at for given in table.ats), strict=False))
        if self._ranks.keys().isdisjoint(table.keys):
            wins: Iterable[int] = range(len(table))
            self._ranks.update(zip(table.keys, ranks, strict=True))
            self._there.update(zip(table.keys, zip(table.etags, table.sizes, strict=True), strict=True))
        else:
            wins = [i for i, key in enumerate(table.keys) if key not in self._ranks or ranks[i] >= self._ranks[key]]
            for index in wins:
                key = table.keys[index]
                self._ranks[key] = ranks[index]
                self._there[key] = table.etags[index], table.sizes[index]
                self._others.pop(key, None)
        if own or not _THERE.issuperset(table.outcomes):
            for index in wins:
                if own or table.outcomes[index] not in _THERE:
                    key = table.keys[index]
                    del self._there[key]
                    self._others[key] = Remembered(table[index], record.run, record.batch, ranks[index][1])

    def differing(self, page: Page) -> list[int]:
        """Which objects of a page are not remembered as copied in just this version."""
        known = map(self._there.get, page.keys)
        listed = zip(page.etags, page.sizes, strict=True)
        return [index for index, (old, new) in enumerate(zip(known, listed, strict=True)) if old != new]

    def own(self, keys: Sequence[bytes]) -> list[int]:
        """Which of the keys a record of the scanning run has."""
        if not any(record.run == self.run for record in self._records):
            return []
        found = ((index, self._others.get(key)) for index, key in enumerate(keys))
        return [index for index, known in found if known is not None and known.run == self.run]

    def origins(self, page: Page) -> list[Origin | None]:
        """What is remembered of the copies of a page's objects, None where that is of another version, or nothing."""
        known: dict[bytes, Origin] = {}
        for record in sorted(self._records, key=lambda item: (item.run == self.run, item.published_at)):
            known.update(record.table.origins)
        versions = zip(map(known.get, page.keys), page.etags, page.sizes, strict=True)
        return [
            origin if origin is not None and origin[:2] == (etag, size) else None for origin, etag, size in versions
        ]

    def lookup(self, key: bytes) -> Remembered | None:
        """What is remembered of a key, None if nothing, or if it was copied by another run."""
        return self._others.get(key)

    def forget_before(self, key: bytes) -> list[Record]:
        """Drop the records that end before `key`, so that memory follows the overlap, not the bucket; these are
        returned.
        """
        passed = [record for record in self._records if record.last < key]
        if passed:
            self._records = [record for record in self._records if record.last >= key]
            if not self._records:
                for known in (self._ranks, self._there, self._others):
                    known.clear()
                return passed
            for record in passed:
                for gone in record.table.keys:
                    self._ranks.pop(gone, None)
                    self._there.pop(gone, None)
                    self._others.pop(gone, None)
        return passed
