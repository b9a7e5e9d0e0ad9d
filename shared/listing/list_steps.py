"""The lister's steps through a range: read the ledger beside the listing and decide on each key."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.errors import Gone, ObjectError
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage
from shared.domain.missed import Change, Followed
from shared.domain.objects import SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.domain.reasons import Scope
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.listing.decision import Decision, decide
from shared.listing.list_plan import KeysPlan, ListPlan
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.ledger_scan import Advanced, LedgerScan
from shared.ranges.walk import Plan

_NO_PLANS: tuple[Plan, ...] = ()
_NO_STEPS: tuple[Advanced, ...] = ()

_AT_ONCE = 32
"""Keys that are asked for at a time, and between two looks at the budget."""


@dataclass(frozen=True, slots=True)
class ListSteps:
    """life_seconds: how long a published batch counts as alive. followed: since when events are followed; None where
    the job follows none.
    """

    ledger: LedgerScan
    message: ListMessage
    run: str
    filters: Filters
    clock: Clock
    life_seconds: float
    followed: Followed | None = None
    manifest: None = None

    def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        return self.ledger.advance(page, end)

    async def until(self, page: Page, end: bytes, over: bool) -> AsyncIterator[Plan]:
        """The listing and the ledger are all there is to read."""
        if over:
            await self._look_again(page.until(end))
            yield self._plan(page.until(end), end)

    async def page(self, page: Page) -> AsyncIterator[Plan]:
        """One plan: the listing alone says what there is."""
        await self._look_again(page)
        yield self._plan(page, page.last)
        await self.ledger.leave(page)

    async def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """What the source does not list is not the lister's, unless a batch of this run has it already."""
        last = self.ledger.last_queued(end)
        if last is not None:
            yield self._plan(NO_OBJECTS, last)

    def read_queued(self, end: bytes) -> AsyncIterator[Advanced]:
        return self.ledger.read_queued(end)

    def queued(self, behind: Mapping[bytes, int], end: bytes) -> Plan:
        return ListPlan(NO_OBJECTS, {}, {}, {}, end, {**behind, **self.ledger.take_queued(end)})

    async def close(self, end: bytes) -> None:
        """Merge what the ledger holds of the range where that pays."""
        await self.ledger.close(end)

    async def _look_again(self, page: Page) -> None:
        """Before a change is said to be missed: what tells of it may have been sorted out of the scan's way."""
        if self.followed is None or self.message.force or not (differing := self.ledger.differing(page)):
            return
        filtered = self.filters.sift(page)
        for index in differing:
            if index in filtered or page.archived(index):
                continue
            known, version = self.ledger.lookup(page.keys[index]), (page.etags[index], page.sizes[index])
            new = known is None or (known.entry.etag, known.entry.size) != version
            if new and self.followed.change(page[index].modified) is Change.MISSED:
                await self.ledger.look_again(page.last)
                return

    def _plan(self, page: Page, end: bytes) -> ListPlan:
        """Decide on every key of a page; nearly all of them are as they were copied, and are not looked at singly."""
        message, queued = self.message, self.ledger.take_queued(end)
        filtered = {index: why for index, why in self.filters.sift(page).items() if page.keys[index] not in queued}
        singly: Sequence[int] = range(len(page)) if message.force else self.ledger.differing(page)
        now = self.clock.now()
        decisions: dict[int, Decision] = {}
        reasons: dict[int, str] = {}
        changes: dict[int, Change] = {}
        for index in singly:
            if index not in filtered:
                known = self.ledger.lookup(page.keys[index])
                version = (page.etags[index], page.sizes[index])
                decisions[index] = decide(
                    version,
                    known,
                    run=self.run,
                    alive=self.ledger.is_alive(known, now, self.life_seconds),
                    force=message.force,
                    redrive=message.redrive,
                    archived=page.archived(index),
                )
                if known is not None and decisions[index] is Decision.FAILED:
                    reasons[index] = known.entry.reason
                new = known is None or (known.entry.etag, known.entry.size) != version
                if new and decisions[index] is Decision.PUBLISH and self.followed is not None and not message.force:
                    changes[index] = self.followed.change(page[index].modified)
        return ListPlan(page, decisions, filtered, reasons, end, queued, changes)


@dataclass(frozen=True, slots=True)
class KeySteps:
    """Single keys, looked up one by one; no listing is read. keys: in order. again: whether another invocation had the
    range before this one, and may have recorded some of the keys.
    """

    source: Source
    ledger: LedgerStore
    run: str
    keys: Sequence[bytes]
    again: bool
    log: Log
    manifest: None = None
    _queued: dict[bytes, Entry] = field(default_factory=dict)

    async def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        """What a killed invocation recorded of the keys, to be sent again."""
        for some in _portions(self.keys if self.again else ()):
            records = await asyncio.gather(*map(self._own, some))
            batches = {record.batch: record for found in records for record in found}
            for record in batches.values():
                self._queued.update((entry.key, entry) for entry in record.entries)
            yield Advanced([record for record in batches.values() if not record.settled])

    async def _own(self, key: bytes) -> list[BatchRecord]:
        found = [item.record async for item in self.ledger.scan(key, b"", key)]
        return [record for record in found if record.run == self.run and record.readable]

    async def until(self, page: Page, end: bytes, over: bool) -> AsyncIterator[Plan]:
        """Nothing: no listing is read."""
        for plan in _NO_PLANS:
            yield plan

    async def page(self, page: Page) -> AsyncIterator[Plan]:
        """Nothing: no listing is read."""
        for plan in _NO_PLANS:
            yield plan

    async def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """A plan for every few keys, which are looked up side by side."""
        for some in _portions(self.keys):
            new = [key for key in some if key not in self._queued]
            found = dict(zip(new, await asyncio.gather(*map(self._head, new)), strict=True))
            failed = [key for key, source in found.items() if source is None]
            page = Page.of([source for source in found.values() if source is not None])
            decisions = {i: Decision.ARCHIVED if page.archived(i) else Decision.PUBLISH for i in range(len(page))}
            queued = {key: self._queued.pop(key).listed_size for key in some if key in self._queued}
            yield KeysPlan(ListPlan(page, decisions, {}, {}, some[-1], queued), failed, some[-1])

    async def _head(self, key: bytes) -> SourceObject | None:
        """The object; None, and the key has failed, if it is not there or may not be read. Raises what is no fault of
        this key's.
        """
        try:
            return await self.source.head(key)
        except ObjectError as failure:
            if failure.reason.retryable or failure.reason.scope is Scope.EVERYBODY:
                raise
            problem = "no such key at the source" if isinstance(failure, Gone) else "a key cannot be read at the source"
            self.log.warning(problem, key=key.decode(), run=self.run, reason=failure.reason, why=str(failure))
            return None

    async def read_queued(self, end: bytes) -> AsyncIterator[Advanced]:
        """Nothing: it was read at once."""
        for step in _NO_STEPS:
            yield step

    def queued(self, behind: Mapping[bytes, int], end: bytes) -> Plan:
        """What was found at the beginning of the keys that were not planned, too."""
        later = {key: entry.listed_size for key, entry in self._queued.items()}
        return ListPlan(NO_OBJECTS, {}, {}, {}, end, {**behind, **later})

    async def close(self, end: bytes) -> None:
        """Nothing is kept open."""


def _portions(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
