"""The verifier's steps through a range: read both listings and the ledger side by side and compare."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from shared.domain.copies import NO_COPIES
from shared.domain.page import NO_OBJECTS, Page
from shared.ranges.ledger_scan import Advanced
from shared.ranges.walk import Plan
from shared.verifying.compare_page import ComparePage
from shared.verifying.compare_plan import nothing_but
from shared.verifying.copy_window import Beside, CopyWindow, in_portions
from shared.verifying.write_manifest import WriteManifest

_PORTION = 256
"""Keys that are asked for one by one between two looks at the budget: 8 rounds of 32 requests, a second or two."""


@dataclass(frozen=True, slots=True)
class CompareSteps:
    """window: the destination's listing. manifest: None if none is written."""

    compare: ComparePage
    window: CopyWindow
    manifest: WriteManifest | None

    def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        return self.compare.ledger.advance(page, end)

    def until(self, page: Page, end: bytes, over: bool) -> AsyncIterator[Plan]:
        """The destination is read in step with the ledger, however long a stretch that the source has nothing of: so
        both stand where the next invocation begins.
        """
        return self._plans(self.window.until(page.until(end), end))

    async def page(self, page: Page) -> AsyncIterator[Plan]:
        """A plan for each part of the page beside what the destination's listing holds of it."""
        async for plan in self._plans(self.window.beside(page)):
            yield plan
        await self.compare.ledger.leave(page)

    async def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """Copies behind the source's last object, and what a batch of this run has of keys that are gone since."""
        async for plan in self._plans(self.window.rest(end)):
            yield plan
        last = self.compare.ledger.last_queued(end)
        if last is not None:
            yield await self.compare(Beside(NO_OBJECTS, NO_COPIES, last))

    async def _plans(self, found: AsyncIterator[Beside]) -> AsyncIterator[Plan]:
        async for beside in found:
            for portion in in_portions(beside, self.compare.mapping, _PORTION):
                yield await self.compare(portion)

    def read_queued(self, end: bytes) -> AsyncIterator[Advanced]:
        return self.compare.ledger.read_queued(end)

    def queued(self, behind: Mapping[bytes, int], end: bytes) -> Plan:
        return nothing_but({**behind, **self.compare.ledger.take_queued(end)}, end)

    async def close(self, end: bytes) -> None:
        """Nothing is kept open."""
