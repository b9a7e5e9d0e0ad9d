"""Merging ledger records that lie thin or overlap, as a log-structured merge tree does.

A scan offers the records that it has passed, in key order. They are gathered into groups of neighbours; a group is
merged when that makes documents fewer, so a ledger that is dense already is left alone and an idle scan writes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord, batch_id
from shared.ledger.table import Table, UnknownSchema, pack

GROUP_KEYS = 4000
"""Neighbours are gathered until they hold this many keys, which is what keeps the reads of a delta low."""

MOST_KEYS = 8000
"""Keys of a merged record: room to take in what changes before it must be cut in two."""

GROUP_RECORDS = 300
"""A group has no more records, so that the commit that replaces them stays below 10 MiB with all their index entries,
of which a record of few and long keys has some 7 kB: https://cloud.google.com/firestore/quotas"""

FEW_KEYS = 16
"""Named by somebody in one message, up to version 0.1.0, which made one batch of them wherever they lie. A batch of a
listing has more, or is the last one of its range.
"""

MOST_BYTES = 640 * 1024
"""Packed bytes of a merged record, under the document limit of 1 MiB: https://firebase.google.com/docs/firestore/quotas"""


@dataclass(frozen=True, slots=True)
class Merge:
    """The records that `merged` takes the place of. versions: of these, as they were offered."""

    replaced: Sequence[BatchRecord]
    merged: Sequence[BatchRecord]
    versions: Sequence[object] = ()


@dataclass(slots=True)
class Compaction:
    """One scan's merging. listed: whether the source still has a key that the scan has passed."""

    listed: Callable[[bytes], bool]
    _group: list[BatchRecord] = field(default_factory=list)
    _versions: list[object] = field(default_factory=list)
    _keys: int = 0
    _bytes: int = 0

    def offer(self, record: BatchRecord, version: object = None) -> Merge | None:
        """A record that the scan has passed, and the version that was read."""
        self._group.append(record)
        self._versions.append(version)
        self._keys += len(record.entries)
        self._bytes += len(record.table.packed)
        full = self._keys >= GROUP_KEYS or self._bytes >= MOST_BYTES // 2 or len(self._group) >= GROUP_RECORDS
        return self.close() if full else None

    def close(self) -> Merge | None:
        """What to do with the group that was gathered, None to leave it as it is."""
        group, self._group, self._keys, self._bytes = self._group, [], 0, 0
        versions, self._versions = self._versions, []
        least = -(-max((len(record.entries) for record in group), default=0) // MOST_KEYS)
        if len(group) <= least and any(map(self.listed, (key for record in group for key in record.table.keys))):
            return None
        merged = list(cut(newest(group, self.listed)))
        return Merge(group, merged, versions) if len(merged) < len(group) else None


def narrowed(records: Sequence[BatchRecord], until: bytes) -> Merge | None:
    """Records of a few keys each that reach beyond the range of their first ones, as records that do not: they would be
    read by every range in between, and no range holds them whole. None if there are none: records of other neighbours
    stay, and so do keys that have not ended, and what cannot be read. until: the last key of the range.
    """
    few = [record for record in records if len(record.entries) <= FEW_KEYS and record.settled]
    wide = [record for record in few if record.readable][: GROUP_RECORDS // FEW_KEYS]
    entries = newest(wide)
    inside = [entry for entry in entries if entry.key <= until]
    parts = [inside, *([entry] for entry in entries if entry.key > until)]
    return Merge(wide, [merged for part in parts for merged in cut(part)]) if wide else None


def newest(records: Iterable[BatchRecord], listed: Callable[[bytes], bool] | None = None) -> list[Entry]:
    """What records know of the keys that the source still has, the newest of each key, in order. What never ended stays
    as it is: its copy may be there, and an older record that is not among these must not speak in its place. What
    cannot be read is known no better than nothing. listed: whether the source has a key; None: it is not known.
    """
    found: dict[bytes, Entry] = {}
    for record in records:
        for entry in _listed_of(record.table, listed):
            at = entry.at or record.published_at
            known = found.get(entry.key)
            if known is None or at >= known.at:
                found[entry.key] = replace(entry, at=at)
    return [found[key] for key in sorted(found)]


def _listed_of(table: Table, listed: Callable[[bytes], bool] | None) -> Sequence[Entry]:
    try:
        return [table[index] for index, key in enumerate(table.keys) if listed is None or listed(key)]
    except UnknownSchema:
        return []


def cut(entries: Sequence[Entry], run: str = MERGED) -> Iterator[BatchRecord]:
    """Merged records of about equal length. run: what they say that they are of."""
    if not entries:
        return
    packed = pack(entries)
    if len(entries) > 1 and (len(entries) > MOST_KEYS or len(packed) > MOST_BYTES):
        half = len(entries) // 2
        yield from cut(entries[:half], run)
        yield from cut(entries[half:], run)
        return
    at = max(entry.at for entry in entries)
    yield BatchRecord(batch_id(run, entries), run, at, Table(packed))
