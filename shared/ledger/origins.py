"""Where the copies of a window's keys come from."""

from bisect import insort
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter

from shared.domain.checksums import VerifiedBy
from shared.domain.objects import Origin
from shared.domain.page import Page
from shared.ledger.record import BatchRecord

Aged = tuple[tuple[bool, float], Origin]
"""What a record says of a key, and the record's age: own ones are the newest."""


def is_proven(origin: Origin) -> bool:
    """Whether the CRC32C of what is remembered is that of bytes which were held to their promise."""
    return origin[2] not in ("", VerifiedBy.SIZE) and bool(origin[4])


@dataclass(slots=True)
class Origins:
    """Comparisons ask for origins, scans do not: so a record is read when a page asks for the first time since it was
    added, and once, however many pages it reaches across.

    run: whose records win. What is known of a key is in `_first`, and in `_all` where several records speak of it.
    """

    run: str
    _unread: dict[str, BatchRecord] = field(default_factory=dict)
    _first: dict[bytes, Aged] = field(default_factory=dict)
    _all: dict[bytes, list[Aged]] = field(default_factory=dict)

    def add(self, record: BatchRecord) -> None:
        self._unread[record.batch] = record

    def of(self, page: Page) -> list[Origin | None]:
        """What is remembered of the copies of a page's objects, None where that is of another version, or nothing. How
        the bytes of a version were once proven is not outweighed by a later look that only found a copy of its size.
        """
        for record in self._unread.values():
            self._read(record)
        self._unread.clear()
        versions = zip(page.etags, page.sizes, strict=True)
        return [self._best(key, version) for key, version in zip(page.keys, versions, strict=True)]

    def _best(self, key: bytes, version: tuple[str, int]) -> Origin | None:
        only, best = self._first.get(key), None
        if only is None:
            return None
        for _, origin in self._all.get(key, (only,)):
            if origin[:2] == version and (best is None or is_proven(origin)):
                best = origin
        return best

    def _read(self, record: BatchRecord) -> None:
        age, theirs = (record.run == self.run, record.published_at), record.table.origins()
        if self._first.keys().isdisjoint(theirs):
            self._first.update(zip(theirs, zip(repeat(age), theirs.values()), strict=True))
            return
        for key, origin in theirs.items():
            if key in self._first:
                insort(self._all.setdefault(key, [self._first[key]]), (age, origin), key=itemgetter(0))
            else:
                self._first[key] = age, origin

    def forget(self, record: BatchRecord, excerpt: BatchRecord | None = None) -> None:
        """If a record was not read yet, read nothing of it but an excerpt."""
        if self._unread.pop(record.batch, None) is not None and excerpt is not None:
            self._unread[record.batch] = excerpt

    def drop(self, keys: Collection[bytes]) -> None:
        """Nobody asks for these keys any more."""
        for known in (self._first, self._all):
            if known:
                for key in keys:
                    known.pop(key, None)

    def clear(self) -> None:
        """Nothing is held any more."""
        for known in (self._unread, self._first, self._all):
            known.clear()
