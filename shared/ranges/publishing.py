"""One invocation's publishing: full batches as pages come, the rest at the end, and books that never run ahead.

A page is booked once the last of its wanted objects is published. When the gate closes, the books end just before the
first object that could not be published, wherever in a page that is.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.counts import RangeCounts
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ranges.lease import Lease
from shared.ranges.publish_batches import PublishBatches
from shared.runs.quota import QuotaGuard

MOST_PAGES = 50
"""Pages that wait for a batch to fill: where little has changed, a thin batch is cheaper than what they hold."""


class Bookable(Protocol):
    """A page that was looked at."""

    @property
    def page(self) -> Page: ...

    @property
    def wanted(self) -> Sequence[int]:
        """The indexes of the objects to publish, in order."""
        ...

    def object(self, index: int) -> SourceObject: ...

    def book(self, count: int, books: RangeCounts) -> None:
        """Book the page's first `count` objects."""
        ...


@dataclass(slots=True)
class Publishing:
    """position: the last key that is booked, None before the first. booked: told of each page whose first objects are.
    before_close: what is to be done before the range is closed with these books.
    """

    publish: PublishBatches
    gate: QuotaGuard
    lease: Lease
    books: RangeCounts
    force: bool
    position: bytes | None = None
    booked: Callable[[Any, int], None] | None = None
    before_close: Callable[[], Awaitable[None]] | None = None
    _pages: deque[Bookable] = field(default_factory=deque)
    _waiting: list[SourceObject] = field(default_factory=list)

    async def add(self, judged: Bookable) -> None:
        """Take in a page and publish the batches that are full. Raises Stopped if the gate is closed."""
        self._pages.append(judged)
        self._waiting += [judged.object(index) for index in judged.wanted]
        batches = self.publish.cut(self._waiting)
        full = batches and len(batches[-1]) >= self.publish.keys_per_message
        await self._send(batches if full or len(self._pages) >= MOST_PAGES else batches[:-1])
        self._book()

    async def flush(self) -> None:
        """Publish what waits. Raises Stopped if the gate is closed."""
        await self._send(self.publish.cut(self._waiting))
        self._book()

    async def _send(self, batches: Sequence[tuple[SourceObject, ...]]) -> None:
        if not batches:
            return
        passed = []
        try:
            for batch in batches:
                await self.gate.enter(len(batch), sum(item.size for item in batch))
                passed.append(batch)
        finally:
            await self.lease.renew()
            await self.publish(self.lease.piece.run, passed, self.force)
            del self._waiting[: sum(map(len, passed))]

    def stop(self) -> None:
        """Book what has ended before the first object that waits, and nothing behind it."""
        self._book()
        if self._pages:
            page = self._pages[0]
            waits = self._waiting[0].key
            count = sum(key < waits for key in page.page.keys)
            self._enter(page, count)
            self._pages.clear()

    def _book(self) -> None:
        """Book the pages whose wanted objects are all published."""
        waits = self._waiting[0].key if self._waiting else None
        while self._pages and (waits is None or self._pages[0].page.last < waits):
            page = self._pages.popleft()
            self._enter(page, len(page.page))

    def _enter(self, judged: Bookable, count: int) -> None:
        judged.book(count, self.books)
        if self.booked is not None:
            self.booked(judged, count)
        if count:
            self.position = judged.page.keys[count - 1]
