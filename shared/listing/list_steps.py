"""The lister's steps through a range: read the ledger beside the listing and decide on each key."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.domain.errors import Gone, NoSuchBucket
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ledger.window import is_alive
from shared.listing.decision import Decision, decide
from shared.listing.list_plan import KeysPlan, ListPlan
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.ledger_scan import Advanced, LedgerScan
from shared.ranges.walk import Plan

_NO_PLANS: tuple[Plan, ...] = ()
_NO_STEPS: tuple[Advanced, ...] = ()


@dataclass(frozen=True, slots=True)
class ListSteps:
    """life_seconds: how long a published batch counts as alive."""

    ledger: LedgerScan
    message: ListMessage
    run: str
    filters: Filters
    clock: Clock
    life_seconds: float
    manifest: None = None

    def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        return self.ledger.advance(page, end)

    def until(self, page: Page, end: bytes) -> Plan | None:
        """The listing and the ledger are all there is to read."""
        return self._plan(page.until(end), end)

    async def page(self, page: Page) -> AsyncIterator[Plan]:
        """One plan: the listing alone says what there is."""
        yield self._plan(page, page.last)
        await self.ledger.leave(page)

    async def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """Nothing: what the source does not list is not the lister's."""
        for plan in _NO_PLANS:
            yield plan

    async def close(self, end: bytes) -> None:
        """Merge what the ledger holds of the range where that pays."""
        await self.ledger.close(end)

    def _plan(self, page: Page, end: bytes) -> ListPlan:
        """Decide on every key of a page; nearly all of them are as they were copied, and are not looked at singly."""
        message, filtered = self.message, self.filters.sift(page)
        singly: Sequence[int] = range(len(page)) if message.force else self.ledger.differing(page)
        now = self.clock.now()
        decisions: dict[int, Decision] = {}
        reasons: dict[int, str] = {}
        for index in singly:
            if index not in filtered:
                known = self.ledger.lookup(page.keys[index])
                decisions[index] = decide(
                    (page.etags[index], page.sizes[index]),
                    known,
                    run=self.run,
                    alive=is_alive(known, self.ledger.running, now, self.life_seconds),
                    force=message.force,
                    redrive=message.redrive,
                    archived=page.archived(index),
                )
                if known is not None and decisions[index] is Decision.FAILED:
                    reasons[index] = known.entry.reason
        return ListPlan(page, decisions, filtered, reasons, end)


@dataclass(frozen=True, slots=True)
class KeySteps:
    """Single keys, looked up one by one; no listing is read."""

    source: Source
    message: ListMessage
    log: Log
    manifest: None = None

    async def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        """Nothing: the redelivered message makes the same batches again."""
        for step in _NO_STEPS:
            yield step

    def until(self, page: Page, end: bytes) -> Plan | None:
        """None: no listing is read."""
        return None

    async def page(self, page: Page) -> AsyncIterator[Plan]:
        """Nothing: no listing is read."""
        for plan in _NO_PLANS:
            yield plan

    async def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """Look each key up. One that is not there has failed as gone."""
        keys = sorted({key.encode() for key in self.message.keys})
        found: list[SourceObject] = []
        for key in keys:
            try:
                found.append(await self.source.head(key))
            except NoSuchBucket:
                raise
            except Gone:
                self.log.warning(
                    "no such key at the source", key=key.decode(), run=self.message.run, reason=Gone.reason
                )
        page = Page.of(found)
        wanted = {i: Decision.ARCHIVED if page.archived(i) else Decision.PUBLISH for i in range(len(page))}
        yield KeysPlan(ListPlan(page, wanted, {}, {}, keys[-1]) if found else None, len(keys) - len(found), keys[-1])

    async def close(self, end: bytes) -> None:
        """Nothing is kept open."""
