"""Sorted records of events (`levels`), merged with the records of the same keys that a listing has passed.

A record of a listing holds thousands of neighbours, and one of events a few of each of them: merged, each of the former
is written anew. That is done where there are enough events for it, and not at each listing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ledger.compaction import GROUP_RECORDS, Merge, cut, newest
from shared.ledger.levels import is_level
from shared.ledger.record import BatchRecord

LEAST_EVENTS = 256
"""For each record that is written anew: a write for 256 events."""

HELD_KEYS = 64_000
"""Of the records that were passed and may still be merged: some 20 MB, and 60 while they are."""

HELD_BYTES = 5_500_000
"""Packed: what replaces them is one commit of 10 MiB at the most. https://cloud.google.com/firestore/quotas"""

Held = tuple[BatchRecord, object]
"""A record, and the version that was read."""


@dataclass(slots=True)
class Overlaps:
    """Takes the records that a scan passes, in the order of their last keys. listed: whether the source has a key.

    The last one that a sorted record overlaps ends behind it: so it waits until the next record has passed.
    """

    listed: Callable[[bytes], bool]
    _ahead: dict[str, bytes] = field(default_factory=dict)
    _waiting: dict[str, BatchRecord] = field(default_factory=dict)
    _held: deque[Held] = field(default_factory=deque)
    _keys: int = 0
    _bytes: int = 0

    def begins(self, record: BatchRecord) -> None:
        """The scan has read a record, which it will pass."""
        if is_level(record.run):
            self._ahead[record.batch] = record.first

    def forget(self, record: BatchRecord) -> None:
        """A record is not to be merged."""
        self._ahead.pop(record.batch, None)

    def offer(self, record: BatchRecord, version: object) -> tuple[Merge | None, list[Held]]:
        """What is to be merged now, and the records that overlap no sorted one any more. A sorted record that is not
        merged is left as it is: among neighbours it would make a record that spans more than they do.
        """
        self._held.append((record, version))
        self._keys += len(record.entries)
        self._bytes += len(record.table.packed)
        sorted_one = is_level(record.run)
        if sorted_one and self._ahead.pop(record.batch, None) is not None:
            self._waiting[record.batch] = record
        ready = self._waiting and (not sorted_one or self._is_full())
        return self._merged() if ready else None, self._let_go()

    def close(self) -> tuple[Merge | None, list[Held]]:
        """The same of what is still held."""
        merge = self._merged() if self._waiting else None
        self._ahead.clear()
        return merge, self._let_go()

    def _merged(self) -> Merge | None:
        """Of those that wait, as many as have events enough together."""
        last = max(record.last for record in self._waiting.values())
        begins = sorted(record.first for record in self._waiting.values())
        self._waiting.clear()
        for first in begins:
            group = [item for item in self._held if item[0].last >= first and item[0].first <= last]
            records = [record for record, _ in group]
            events = sum(len(record.entries) for record in records if is_level(record.run))
            anew = sum(not is_level(record.run) for record in records)
            size = sum(len(record.table.packed) for record in records)
            if events >= LEAST_EVENTS * anew and size <= HELD_BYTES and len(records) <= GROUP_RECORDS:
                for item in group:
                    self._drop(item)
                taken = {record.batch for record in records}
                self._held = deque(item for item in self._held if item[0].batch not in taken)
                return Merge(records, list(cut(newest(records, self.listed))), [version for _, version in group])
        return None

    def _let_go(self) -> list[Held]:
        gone: list[Held] = []
        full = self._is_full()
        while self._held and (full or not (self._ahead or self._waiting)):
            item = self._held.popleft()
            self._drop(item)
            if not is_level(item[0].run):
                gone.append(item)
            for batch in [batch for batch, first in self._ahead.items() if first <= item[0].last]:
                del self._ahead[batch]
            self._waiting.pop(item[0].batch, None)
            full = self._is_full()
        return gone

    def _is_full(self) -> bool:
        return self._keys > HELD_KEYS or self._bytes > HELD_BYTES or len(self._held) > GROUP_RECORDS

    def _drop(self, item: Held) -> None:
        self._keys -= len(item[0].entries)
        self._bytes -= len(item[0].table.packed)
