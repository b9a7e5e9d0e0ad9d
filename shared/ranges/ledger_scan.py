"""The ledger read alongside a listing: both move forward in key order, neither is held in memory whole.

What the scan has passed it may merge: it has just read it, and it knows which of its keys the source still has.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass, field

from shared.domain.objects import Origin
from shared.domain.page import Page
from shared.ledger.compaction import Compaction, Merge
from shared.ledger.record import BatchRecord
from shared.ledger.window import Known, LedgerWindow
from shared.ports.ledger_store import LedgerStore, Versioned
from shared.ports.run_store import RunStore

BEYOND = b"\xff"
"""Greater than every key: UTF-8 has no such byte."""

_SEEN_KEYS = 200_000
"""Listed keys that are kept to tell what the source still has; a record that spans more is not merged."""


@dataclass(slots=True)
class LedgerScan:
    """ledger: where merged records are written. records: of the key range, in order of their first keys. run, started:
    records that this very invocation has written (its run, published after it began) are passed over. running: the runs
    that have not ended; their counts still need their records. after: where the listing begins. merges: whether what
    was passed is merged; before each merge the runs are asked for once more, because one may have begun since, and its
    counts would lose what is merged away.
    """

    ledger: LedgerStore
    runs: RunStore
    records: AsyncIterator[Versioned]
    run: str
    started: float
    running: Set[str]
    after: bytes = b""
    merges: bool = False
    _window: LedgerWindow = field(init=False)
    _compaction: Compaction = field(init=False)
    _next: Versioned | None = None
    _ended: bool = False
    _versions: dict[str, object] = field(default_factory=dict)
    _pages: deque[Sequence[bytes]] = field(default_factory=deque)
    _seen: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._window = LedgerWindow(self.run)
        self._compaction = Compaction(self._seen.__contains__)

    async def advance(self, key: bytes) -> list[BatchRecord]:
        """Take in every record that begins at or before `key`.

        Returns those among them that an earlier delivery of the same message may not have sent.
        """
        unsent: list[BatchRecord] = []
        while not self._ended:
            if self._next is None:
                self._next = await anext(self.records, None)
                self._ended = self._next is None
            if self._next is None or (len(self._next.record.entries) and self._next.record.first > key):
                break
            found, self._next = self._next, None
            record = found.record
            if not len(record.entries) or (record.run == self.run and record.published_at >= self.started):
                continue
            self._window.add(record)
            self._versions[record.batch] = found.version
            if record.run == self.run and not record.settled:
                unsent.append(record)
        return unsent

    def differing(self, page: Page) -> list[int]:
        """Which objects of a page the ledger does not know as copied in just this version."""
        return self._window.differing(page)

    def own(self, keys: Sequence[bytes]) -> list[int]:
        """Which of the keys a batch of this run has already."""
        return self._window.own(keys)

    def origins(self, page: Page) -> list[Origin | None]:
        """What the ledger knows of the copies of a page's objects."""
        return self._window.origins(page)

    def lookup(self, key: bytes) -> Known | None:
        return self._window.lookup(key)

    async def leave(self, page: Page) -> None:
        """A page was looked at: let go of the records that end in it, and merge them where that pays."""
        passed = self._window.forget_before(page.last)
        if not self.merges:
            return
        self._see(page.keys)
        for record in passed:
            if record.run in self.running or record.first <= self.after:
                self._versions.pop(record.batch, None)
            else:
                await self._merge(self._compaction.offer(record))

    async def close(self, until: bytes) -> None:
        """The range was listed to its end, which is at `until`."""
        if self.merges:
            for record in self._window.forget_before(BEYOND):
                if record.run not in self.running and self.after < record.first and record.last <= until:
                    await self._merge(self._compaction.offer(record))
            await self._merge(self._compaction.close())

    def _see(self, keys: Sequence[bytes]) -> None:
        self._pages.append(keys)
        self._seen.update(keys)
        while len(self._seen) > _SEEN_KEYS:
            gone = self._pages.popleft()
            self._seen.difference_update(gone)
            self.after = gone[-1]

    async def _merge(self, merge: Merge | None) -> None:
        if merge is None:
            return
        versions = [self._versions.pop(record.batch) for record in merge.replaced]
        if any(record.first <= self.after for record in merge.replaced):
            return
        running = {run.name for run in await self.runs.running()}
        if running.isdisjoint(record.run for record in merge.replaced):
            await self.ledger.merge(merge, versions)
