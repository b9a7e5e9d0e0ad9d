"""The lister's steps through single keys: ask the source for each of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.errors import Gone, ObjectError
from shared.domain.objects import SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.listing.decision import Decision
from shared.listing.keys_plan import KeysPlan
from shared.listing.list_plan import ListPlan
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.ledger_scan import Advanced
from shared.ranges.walk import Plan

_NO_PLANS: tuple[Plan, ...] = ()
_NO_STEPS: tuple[Advanced, ...] = ()

_AT_ONCE = 32
"""Keys that are asked for at a time, and between two looks at the budget."""


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
            if not failure.is_the_keys_own:
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
