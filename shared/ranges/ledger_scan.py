"""The ledger read alongside a listing: both move forward in key order, neither is held in memory whole.

What the scan has passed it may merge: it has just read it, and it knows which of its keys the source still has.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from shared.domain.keys import BEYOND
from shared.domain.objects import Origin
from shared.domain.page import Page
from shared.ledger.compaction import Compaction, Merge, narrowed
from shared.ledger.overlaps import Held, Overlaps
from shared.ledger.record import BatchRecord
from shared.ledger.window import Known, LedgerWindow, is_alive
from shared.ports.ledger_store import LedgerStore, Versioned
from shared.ports.run_store import RunStore

HELD_KEYS = 20_000
"""Keys of which something is held before what the page jumps over is let go of: some 10 MB."""

_SEEN_KEYS = 200_000
"""Listed keys that are kept to tell what the source still has; a record that spans more is not merged."""

_STEP_RECORDS = 100
"""Records that are read between two looks at the lease and the budget: a second, at a store's slowest."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """A step of the scan. unsent: the records among those read whose messages a killed invocation may not have sent.
    reached: every record was read that begins at or before this key, and the page's keys up to it are all there are of
    the source; None if that is no further than before.
    """

    unsent: Sequence[BatchRecord]
    reached: bytes | None = None


@dataclass(slots=True)
class LedgerScan:
    """ledger: where merged records are written. records: of the key range, in order of their first keys. run, mine: the
    batches of the run that this very invocation has recorded are passed over. running: the runs that have not ended;
    their counts still need their records. cancelled: those of which nothing open is copied any more. prefix, after: the
    range is of keys that begin so, behind this one. merges: whether what was passed is merged; before each merge the
    runs are asked for once more, because one may have begun since, and its counts would lose what is merged away.
    """

    ledger: LedgerStore
    runs: RunStore
    records: AsyncIterator[Versioned]
    run: str
    mine: Set[str]
    running: Set[str]
    cancelled: Set[str] = frozenset()
    after: bytes = b""
    merges: bool = False
    prefix: bytes = b""
    begin: bytes = field(init=False)
    _window: LedgerWindow = field(init=False)
    _compaction: Compaction = field(init=False)
    _overlaps: Overlaps = field(init=False)
    _next: Versioned | None = None
    _ended: bool = False
    _most_held: int = HELD_KEYS
    _versions: dict[str, object] = field(default_factory=dict)
    _left: bytes = field(init=False)
    _pages: deque[Sequence[bytes]] = field(default_factory=deque)
    _seen: set[bytes] = field(default_factory=set)
    _queued: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin = self._left = self.after
        self._window = LedgerWindow(self.run)
        self._compaction = Compaction(self._seen.__contains__)
        self._overlaps = Overlaps(self._seen.__contains__)

    @property
    def held(self) -> int:
        """Of how many keys something is held."""
        return self._window.held

    async def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        """Take in every record that begins at or before `end`, up to which the page holds all that the source has.

        What is recorded between two of its keys is let go of while it is read, so that memory follows the page and not
        what the page jumps over; and it is read in steps, so that the caller can mind its lease and its budget.
        """
        self._see(page.keys)
        unsent: list[BatchRecord] = []
        read = 0
        while (found := await self._following(end)) is not None:
            if self._speaks(found.record):
                self._take_in(found, unsent)
            if self._window.held > self._most_held:
                await self._offer(self._window.trim(frozenset(page.keys), end))
                self._most_held = max(HELD_KEYS, 2 * self._window.held)
            read += 1
            if read % _STEP_RECORDS == 0:
                yield Advanced(unsent, _reached(page.keys, found.first))
                unsent = []
        yield Advanced(unsent)

    async def look_again(self, end: bytes) -> None:
        """Take in what speaks of the keys up to `end`, behind the last page that was left, and was not read: whoever
        sorts or merges records meanwhile may put some that the scan has yet to read into one that begins before where
        it is. They are not merged again.
        """
        async for found in self.ledger.scan(b"", self._left, end):
            record = found.record
            if record.batch not in self._versions and record.run != self.run and self._speaks(record):
                self._window.add(record)
                self._versions[record.batch] = None

    async def read_queued(self, end: bytes) -> AsyncIterator[Advanced]:
        """Read on to `end` for what the scanning run has recorded, and forget everything else. reached: up to there."""
        unsent: list[BatchRecord] = []
        read = 0
        while (found := await self._following(end)) is not None:
            record = found.record
            if record.run == self.run and self._speaks(record):
                self._queue(record, unsent)
            read += 1
            if read % _STEP_RECORDS == 0:
                yield Advanced(unsent, found.first)
                unsent = []
        yield Advanced(unsent)

    def _speaks(self, record: BatchRecord) -> bool:
        """Whether a record says something. Of the run's own all is asked for: one whose details are damaged is
        forgotten, too, and its keys are published anew.
        """
        readable = record.readable if record.run == self.run else len(record.entries) > 0
        return readable and record.batch not in self.mine

    def _take_in(self, found: Versioned, unsent: list[BatchRecord]) -> None:
        self._window.add(found.record)
        self._versions[found.record.batch] = found.version
        if self.merges and self._is_ours(found.record):
            self._overlaps.begins(found.record)
        if found.record.run == self.run:
            self._queue(found.record, unsent)

    def _queue(self, record: BatchRecord, unsent: list[BatchRecord]) -> None:
        self._queued.update((entry.key, entry.listed_size) for entry in record.entries)
        if not record.settled:
            unsent.append(record)

    async def _following(self, end: bytes) -> Versioned | None:
        """The next record, None if it begins behind `end` or there is none."""
        if self._next is None and not self._ended:
            self._next = await anext(self.records, None)
            self._ended = self._next is None
        found = self._next
        if found is None or found.first > end:
            return None
        self._next = None
        return found

    def differing(self, page: Page) -> list[int]:
        """Which objects of a page the ledger does not know as copied in just this version."""
        return self._window.differing(page)

    def take_queued(self, end: bytes) -> dict[bytes, int]:
        """The keys up to `end` that a batch of this run has already, and their bytes as they were listed for it. Each
        is taken once.
        """
        found = {key: size for key, size in self._queued.items() if self.begin < key <= end} if self._queued else {}
        for key in found:
            del self._queued[key]
        return found

    def last_queued(self, until: bytes | None) -> bytes | None:
        """The last of those in the range that were not taken yet; until: its last key, None for the prefix's end. Who
        lost a range may have recorded keys that lie in several ranges of today: each takes its own.
        """
        inside = (key for key in self._queued if key > self.begin and (until is None or key <= until))
        return max(inside, default=None)

    def origins(self, page: Page) -> list[Origin | None]:
        """What the ledger knows of the copies of a page's objects."""
        return self._window.origins(page)

    def lookup(self, key: bytes) -> Known | None:
        return self._window.lookup(key)

    def is_alive(self, known: Known | None, now: float, life_seconds: float) -> bool:
        """Whether what is remembered may still be copied, as far as the runs were known when the scan began."""
        return is_alive(known, self.running, now, life_seconds, self.cancelled)

    async def leave(self, page: Page) -> None:
        """A page was looked at: let go of the records that end in it, and merge them where that pays."""
        await self._offer(self._window.forget_before(page.last))
        self._left = page.last
        self._most_held = max(HELD_KEYS, 2 * self._window.held)

    async def close(self, until: bytes) -> None:
        """The range was listed to its end, which is at `until`."""
        if not self.merges:
            return
        left = list(self._window.forget_before(BEYOND))
        await self._offer(record for record in left if record.last <= until)
        await self._compact(*self._overlaps.close())
        await self._merge(self._compaction.close())
        beyond = [record for record in left if record.last > until and self._may_go(record)]
        narrow = narrowed(beyond, until)
        if narrow is not None:
            versions = [self._versions.get(record.batch) for record in narrow.replaced]
            await self._merge(replace(narrow, versions=versions))

    def _is_ours(self, record: BatchRecord) -> bool:
        """Whether a record may be merged: nobody counts it any more, and what it begins with was listed here."""
        listed = record.first > self.after and record.first.startswith(self.prefix)
        return listed and record.run not in self.running

    def _may_go(self, record: BatchRecord) -> bool:
        """Whether it is also the scan's own to replace, and none that it looked at again."""
        return self._versions.get(record.batch) is not None and self._is_ours(record)

    async def _offer(self, passed: Iterable[BatchRecord]) -> None:
        """Offer what the listing has passed, from the first of its keys to the last, to be merged."""
        for record in passed:
            ours = self.merges and self._may_go(record) and record.last.startswith(self.prefix)
            version = self._versions.pop(record.batch, None)
            if ours:
                await self._compact(*self._overlaps.offer(record, version))
            else:
                self._overlaps.forget(record)

    async def _compact(self, merge: Merge | None, passed: Iterable[Held]) -> None:
        await self._merge(merge)
        for record, version in passed:
            await self._merge(self._compaction.offer(record, version))

    def _see(self, keys: Sequence[bytes]) -> None:
        if not self.merges or not keys:
            return
        self._pages.append(keys)
        self._seen.update(keys)
        while len(self._seen) > _SEEN_KEYS:
            gone = self._pages.popleft()
            self._seen.difference_update(gone)
            self.after = gone[-1]

    async def _merge(self, merge: Merge | None) -> None:
        if merge is None or any(record.first <= self.after for record in merge.replaced):
            return
        running = await self.runs.names_running()
        if running.isdisjoint(record.run for record in merge.replaced):
            await self.ledger.merge(merge, merge.versions)


def _reached(keys: Sequence[bytes], first: bytes) -> bytes | None:
    """How far a page can be decided on when every record was read that begins before `first`."""
    index = bisect_left(keys, first)
    if index == len(keys) or keys[index] != first:
        return first
    return keys[index - 1] if index else None
