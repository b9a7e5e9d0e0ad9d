"""The destination's listing, read alongside the source's."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.copies import NO_COPIES, CopyPage
from shared.domain.keys import KeyMapping
from shared.domain.page import NO_OBJECTS, Page


class Beside(NamedTuple):
    """Objects, perhaps none, and copies, perhaps none, of a key range. end: both sides were read up to this key."""

    page: Page
    copies: CopyPage
    end: bytes


@dataclass(slots=True)
class CopyWindow:
    """The destination's listing beside the source's, held a page at a time, however many copies have no object."""

    pages: AsyncIterator[CopyPage]
    mapping: KeyMapping
    _held: CopyPage = NO_COPIES
    _ended: bool = False

    async def _more(self) -> None:
        """Hold a page again, unless there is none."""
        if not len(self._held) and not self._ended:
            page = await anext(self.pages, None)
            self._ended = page is None
            self._held = page or NO_COPIES

    async def beside(self, page: Page) -> AsyncIterator[Beside]:
        """The page in parts, each with the copies that lie behind the part before, up to its end."""
        start = 0
        while start < len(page):
            await self._more()
            last = self.mapping.name(page.last)
            if not len(self._held) or self._held.names[-1] >= last:
                taken = self._held.up_to(last)
                copies, self._held = self._held.part(0, taken), self._held.part(taken)
                yield Beside(page.part(start, len(page)), copies, page.last)
                return
            copies, self._held = self._held, NO_COPIES
            reached = self.mapping.key(copies.names[-1])
            end = bisect_right(page.keys, reached, start)
            yield Beside(page.part(start, end), copies, reached)
            start = end

    async def until(self, page: Page, end: bytes) -> AsyncIterator[Beside]:
        """All that both sides have up to a key. page: of the source."""
        reached = b""
        async for beside in self.beside(page):
            reached = beside.end
            yield beside
        async for beside in self.rest(end):
            reached = beside.end
            yield beside
        if reached < end:
            yield Beside(NO_OBJECTS, NO_COPIES, end)

    async def rest(self, until: bytes | None) -> AsyncIterator[Beside]:
        """What is left, up to a key, None for all."""
        name = self.mapping.name(until) if until is not None else None
        while True:
            await self._more()
            taken = len(self._held) if name is None else self._held.up_to(name)
            if not taken:
                return
            copies, self._held = self._held.part(0, taken), self._held.part(taken)
            yield Beside(NO_OBJECTS, copies, self.mapping.key(copies.names[-1]))


def in_portions(beside: Beside, mapping: KeyMapping, most: int) -> Iterator[Beside]:
    """The same in parts of at most `most` keys and copies that may have to be asked for one by one, as encoded names
    must: between two parts the caller can see whether its time is over.
    """
    ends = _ends(beside, mapping, most)
    if not ends:
        yield beside
        return
    for end in [*ends, beside.end]:
        objects, copies = bisect_right(beside.page.keys, end), beside.copies.up_to(mapping.name(end))
        yield Beside(beside.page.part(0, objects), beside.copies.part(0, copies), end)
        rest = beside.page.part(objects, len(beside.page)), beside.copies.part(copies)
        beside = Beside(*rest, beside.end)


def _ends(beside: Beside, mapping: KeyMapping, most: int) -> list[bytes]:
    if not mapping.encode:
        return []
    there, encoded = set(beside.copies.names), mapping.encoded_prefix
    singly = [key for key in beside.page.keys if mapping.name(key) not in there]
    singly += [mapping.key(name) for name in beside.copies.names if name.startswith(encoded)]
    return [key for key in sorted(singly)[most - 1 :: most] if key < beside.end]
