"""Listings that read page by page, runs of events that end and are sorted, all at once: nothing is forgotten."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.domain.errors import Busy
from shared.domain.keys import BEYOND
from shared.domain.objects import SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.ledger import compaction, levels, overlaps
from shared.ledger.compaction import Merge
from shared.ports.ledger_store import Versioned
from shared.ranges.ledger_scan import LedgerScan
from tests.fakes import FakeLedger
from tests.unit import test_levels
from tests.unit.test_levels import Ledger


class Paged:
    """A ledger's store that takes its time, and is read a few records at a time, as Firestore is."""

    def __init__(self, stored: FakeLedger, chance: random.Random) -> None:
        self._stored, self._chance = stored, chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)

    async def pause(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)

    async def get(self, batch: str) -> Versioned | None:
        await self.pause()
        return await self._stored.get(batch)

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        await self.pause()
        return await self._stored.merge(merge, versions)

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        low = after + b"\0" if after else b""
        for found in [item async for item in self._stored.scan(prefix, after, until) if item.first < low]:
            yield found
        last = (b"", "")
        while True:
            await self.pause()
            held = [(item.first, item.record.batch, item) async for item in self._stored.scan(prefix, after, until)]
            page = sorted(item for item in held if item[0] >= low and item[:2] > last)[: self._chance.randrange(1, 5)]
            if not page:
                return
            for _, _, item in page:
                yield item
            last = page[-1][:2]


class Work(Ledger):
    """Several listings and runs of events at once."""

    store: Paged

    async def sort(self, run: str) -> None:
        for _ in range(100):
            try:
                return await super().sort(run)
            except Busy:
                await self.store.pause()
        raise AssertionError("it is never sorted")

    async def list(self) -> None:
        ranges, looks = self.chance.randrange(1, 5), self.chance.random() < 0.5
        for _ in range(self.chance.randrange(1, 4)):
            keys = sorted(self.truth)
            size = -(-len(keys) // ranges)
            await asyncio.gather(*(self._list(keys, start, size, looks) for start in range(0, len(keys), size)))

    async def _list(self, keys: Sequence[bytes], start: int, size: int, looks: bool) -> None:
        after = keys[start - 1] if start else b""
        until = keys[start + size - 1] if start + size < len(keys) else BEYOND
        records, runs = self.store.scan(b"", after, until), self.stores.runs
        scan = LedgerScan(self.store, runs, records, "now", frozenset(), frozenset(), after=after, merges=True)
        step = self.chance.randrange(3, 60)
        for first in range(start, min(start + size, len(keys)), step):
            some = keys[first : min(first + step, start + size)]
            page = Page.of([SourceObject(key, self.truth[key], 1, 0) for key in some])
            await self.store.pause()
            async for _ in scan.advance(page, page.last):
                pass
            if looks and scan.differing(page):
                await scan.look_again(page.last)
            await scan.leave(page)
        async for _ in scan.advance(NO_OBJECTS, until):
            pass
        await scan.close(until)

    async def tell(self) -> None:
        for _ in range(self.chance.randrange(1, 8)):
            await self.follow(self.chance.randrange(1, 12))
            await self.store.pause()


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_sorts_and_merges_at_once_forgets_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    for module, name, value in (
        (compaction, "GROUP_KEYS", 40),
        (compaction, "MOST_KEYS", 80),
        (levels, "SORTED_KEYS", 200),
        (overlaps, "LEAST_EVENTS", 6),
        (overlaps, "HELD_KEYS", 320),
        (test_levels, "BATCH", chance.randrange(2, 12)),
    ):
        monkeypatch.setattr(module, name, value)
    work = Work(chance.randrange(50, 800), chance=chance)
    await work.begin()
    work.store = Paged(work.stores.ledger, chance)
    work.stores.ledger = work.store  # type: ignore[assignment]
    await asyncio.gather(work.list(), work.tell(), work.tell(), work.list())
    newest: dict[bytes, tuple[float, str]] = {}
    for record, _ in work.store.documents.values():
        for entry in record.entries:
            newest[entry.key] = max(newest.get(entry.key, (0.0, "")), (entry.at or record.published_at, entry.etag))
    assert {key: etag for key, (_, etag) in newest.items()} == work.truth
