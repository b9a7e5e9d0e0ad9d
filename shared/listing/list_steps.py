"""The lister's steps through a range: read the ledger beside the listing and decide on each key."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from shared.domain.filters import Filters
from shared.domain.messages import ListMessage
from shared.domain.missed import Change, Followed
from shared.domain.page import NO_OBJECTS, Page
from shared.listing.decision import Decision, decide
from shared.listing.list_plan import ListPlan
from shared.ports.clock import Clock
from shared.ranges.ledger_scan import Advanced, LedgerScan
from shared.ranges.walk import Plan


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
            if self._is_new(page, index) and self.followed.change(page[index].modified) is Change.MISSED:
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
                to_copy = decisions[index] is Decision.PUBLISH and not message.force
                if to_copy and self.followed is not None and self._is_new(page, index):
                    changes[index] = self.followed.change(page[index].modified)
        return ListPlan(page, decisions, filtered, reasons, end, queued, changes)

    def _is_new(self, page: Page, index: int) -> bool:
        """Whether what is listed of a key is another version than the ledger knows, or the first."""
        known = self.ledger.lookup(page.keys[index])
        return known is None or (known.entry.etag, known.entry.size) != (page.etags[index], page.sizes[index])
