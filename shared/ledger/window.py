"""The batch records that lie ahead of a scan which moves forward in key order."""

from collections.abc import Callable, Collection, Iterable, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from operator import itemgetter

from shared.domain.counts import THERE
from shared.domain.objects import Origin
from shared.domain.page import Page
from shared.ledger.entry import Entry
from shared.ledger.origins import Origins
from shared.ledger.record import BatchRecord
from shared.ledger.table import UnknownSchema

_OWN = 2.0**40
"""Added to the time of what the scanning run has recorded, which thereby outranks every clock."""


@dataclass(frozen=True, slots=True)
class Known:
    """An entry with what its record says about it."""

    entry: Entry
    run: str
    batch: str
    published_at: float


def is_alive(
    remembered: Known | None, running: Set[str], now: float, life_seconds: float, cancelled: Set[str] = frozenset()
) -> bool:
    """Whether what is remembered may still be copied: its run is running, or it was published within `life_seconds`,
    and its run was not cancelled. A time further in the future than that is from a clock that was wrong.
    """
    if remembered is None or remembered.run in cancelled:
        return False
    return remembered.run in running or abs(now - remembered.published_at) < life_seconds


@dataclass(slots=True)
class LedgerWindow:
    """The records that can still speak about keys ahead of a scan that moves forward in key order.

    run: the run that scans. For a key, its own record wins whatever the clocks say; else the newest one.

    Nearly all keys of a delta are as they were copied. These are held as versions only, in `_there`, and compared a
    page at a time; what must be looked at singly is in `_others`. Records lie in a heap by their last keys, each with
    its number, so that a page costs what has passed and not what is held.
    """

    run: str
    _records: list[tuple[bytes, int, BatchRecord]] = field(default_factory=list)
    _added: int = 0
    _excerpts: list[BatchRecord] = field(default_factory=list)
    _ranks: dict[bytes, float] = field(default_factory=dict)
    _there: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    _others: dict[bytes, Known] = field(default_factory=dict)
    _origins: Origins = field(init=False)

    def __post_init__(self) -> None:
        self._origins = Origins(self.run)

    @property
    def held(self) -> int:
        """Of how many keys something is held."""
        return len(self._ranks)

    def add(self, record: BatchRecord) -> None:
        """Take in a record. One whose details are needed and damaged counts as forgotten."""
        table, own = record.table, record.run == self.run
        plain = not own and THERE.issuperset(table.outcomes)
        singly = [] if plain else [index for index, how in enumerate(table.outcomes) if own or how not in THERE]
        try:
            entries = {index: table[index] for index in singly}
        except UnknownSchema:
            return
        self._added += 1
        heappush(self._records, (record.last, self._added, record))
        self._origins.add(record)
        at = record.published_at
        times = table.ats if all(table.ats) else [given or at for given in table.ats]
        ranks = [_OWN + time for time in times] if own else times
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
        if entries:
            for index in wins:
                if index in entries:
                    key = table.keys[index]
                    del self._there[key]
                    self._others[key] = Known(entries[index], record.run, record.batch, times[index])

    def differing(self, page: Page) -> list[int]:
        """Which objects of a page are not remembered as copied in just this version."""
        known = map(self._there.get, page.keys)
        listed = zip(page.etags, page.sizes, strict=True)
        return [index for index, (old, new) in enumerate(zip(known, listed, strict=True)) if old != new]

    def origins(self, page: Page) -> list[Origin | None]:
        """What is remembered of the copies of a page's objects: see `Origins.of`."""
        return self._origins.of(page)

    def lookup(self, key: bytes) -> Known | None:
        """What is remembered of a key, None if nothing, or if it was copied by another run."""
        return self._others.get(key)

    def trim(self, keys: Set[bytes], last: bytes) -> list[BatchRecord]:
        """Of the records that end at or before `last`, hold only what they say of `keys`; the records are returned.

        A page of a listing jumps over what was deleted at the source, be that a million keys: nobody asks for these.
        """
        passed = self._take(lambda end: end <= last)
        for record in passed:
            table = record.table
            asked = [index for index, key in enumerate(table.keys) if key in keys]
            excerpt = None
            if asked:
                with suppress(UnknownSchema):
                    excerpt = replace(record, entries=table.excerpt(asked))
                    self._excerpts.append(excerpt)
            self._origins.forget(record, excerpt)
            self._drop(set(table.keys) - keys)
        return passed

    def forget_before(self, key: bytes) -> list[BatchRecord]:
        """Drop the records that end before `key`, so that memory follows the overlap, not the bucket; these are
        returned.
        """
        passed = self._take(lambda end: end < key)
        excerpts = [record for record in self._excerpts if record.last < key]
        if excerpts:
            self._excerpts = [record for record in self._excerpts if record.last >= key]
        for record in (*passed, *excerpts):
            self._origins.forget(record)
        if not self._records and not self._excerpts:
            for known in (self._ranks, self._there, self._others):
                known.clear()
            self._origins.clear()
            return passed
        for record in (*passed, *excerpts):
            self._drop(record.table.keys)
        return passed

    def _take(self, is_passed: Callable[[bytes], bool]) -> list[BatchRecord]:
        """The records with such ends are held no longer; in the order in which they came."""
        taken = []
        while self._records and is_passed(self._records[0][0]):
            taken.append(heappop(self._records))
        return [record for _, _, record in sorted(taken, key=itemgetter(1))]

    def _drop(self, keys: Collection[bytes]) -> None:
        for known in (self._ranks, self._there, self._others):
            if known:
                for key in keys:
                    known.pop(key, None)
        self._origins.drop(keys)
