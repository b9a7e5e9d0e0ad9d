"""The destination's listing, read alongside the source's."""

from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.domain.copies import NO_COPIES, CopyPage
from shared.domain.keys import KeyMapping
from shared.domain.page import Page


@dataclass(slots=True)
class CopyWindow:
    """The destination's listing beside the source's, held a page at a time, however many copies belong to nobody."""

    pages: AsyncIterator[CopyPage]
    _held: CopyPage = NO_COPIES
    _ended: bool = False

    async def _more(self) -> None:
        """Hold a page again, unless there is none."""
        if not len(self._held) and not self._ended:
            page = await anext(self.pages, None)
            self._ended = page is None
            self._held = page or NO_COPIES

    async def beside(self, page: Page, mapping: KeyMapping) -> AsyncIterator[tuple[Page, CopyPage]]:
        """The page in parts, each with the copies that lie in its stretch: behind the part before, up to its end."""
        start = 0
        while start < len(page):
            await self._more()
            last = mapping.name(page.last)
            if not len(self._held) or self._held.names[-1] >= last:
                taken = self._held.up_to(last)
                yield page.part(start, len(page)), self._held.part(0, taken)
                self._held = self._held.part(taken)
                return
            copies, self._held = self._held, NO_COPIES
            end = bisect_right(page.keys, mapping.key(copies.names[-1]), start)
            yield page.part(start, end), copies
            start = end

    async def rest(self, until: bytes | None) -> AsyncIterator[CopyPage]:
        """What is left, up to a name."""
        while True:
            await self._more()
            if not len(self._held):
                return
            taken = len(self._held) if until is None else self._held.up_to(until)
            if not taken:
                return
            yield self._held.part(0, taken)
            self._held = self._held.part(taken)
