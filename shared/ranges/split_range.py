"""Where to split a key range that proves long, so that its parts can be listed side by side.

By the ledger: its records lie in the key space as the keys do, so the first keys of a sample of them are its
quantiles. Where it knows nothing, by asking the source: where does the range branch, seen from the last key that was
listed? There, a delimiter tells a folder's children in one request; where these are too many or none, every next
character is found by asking for the first key beyond the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.keys import Key
from shared.domain.page import PAGE_KEYS
from shared.domain.splitting import beyond, inside, spread
from shared.ports.ledger_store import LedgerStore
from shared.ports.source import Source

FIRST_PAGES = 8
"""Pages after which a key range that nobody knows has proved long."""

GROWTH = 4
"""Each split gives its parts so many times the pages of the whole, so that splitting ends."""

RANGE_KEYS = 500_000
"""Keys of a part where the ledger tells: about a minute or two of listing, well within a budget."""

MOST_PARTS = 64

_SAMPLES_A_POINT = 4


@dataclass(frozen=True, slots=True)
class SplitPoints:
    """points: none if the key range should not be split. pages: to list before asking again."""

    points: list[Key]
    pages: int


def pages_before_split(depth: int) -> int:
    """Pages to list before a key range that nobody knows is split. depth: how often it was split off a longer one."""
    return FIRST_PAGES * int(GROWTH ** min(depth, 10))


@dataclass(frozen=True, slots=True)
class SplitRange:
    """page_keys: keys in a page. range_keys: keys of a part where the ledger tells."""

    source: Source
    ledger: LedgerStore
    page_keys: int = PAGE_KEYS
    range_keys: int = RANGE_KEYS

    async def __call__(self, prefix: Key, position: Key, until: Key | None, depth: int) -> SplitPoints:
        """Where to split what lies after `position`, up to `until`."""
        known = await self.ledger.count(prefix, position, until)
        if known.keys >= 2 * self.range_keys:
            wanted = min(known.keys // self.range_keys, MOST_PARTS)
            drawn = await self.ledger.sample(
                prefix,
                position,
                until,
                wanted * _SAMPLES_A_POINT,
                known.records,
            )
            return SplitPoints(spread(inside(drawn, position, until), wanted), 2 * self.range_keys // self.page_keys)
        if known.keys >= pages_before_split(depth) * self.page_keys:
            return SplitPoints([], 2 * known.keys // self.page_keys)
        points = await self._discover(prefix.decode(), position.decode(), until)
        return SplitPoints(spread(points, MOST_PARTS), pages_before_split(depth + 1))

    async def _discover(self, prefix: str, position: str, until: Key | None) -> Sequence[Key]:
        depth = await self._branching(prefix, position, until)
        if depth is None:
            return []
        stem = position[: depth - 1]
        folder = stem[: stem.rfind("/") + 1] if "/" in stem[len(prefix) :] else prefix
        children = await self.source.children(folder.encode(), position.encode())
        points = inside(children.prefixes, position.encode(), until)
        if children.complete and len(points) > 1:
            return points
        return await self._siblings(prefix, position[:depth], until)

    async def _branching(self, prefix: str, position: str, until: Key | None) -> int | None:
        """The least number of leading characters of `position` beyond whose stem there are more keys: up to one
        character less, all that is left is alike. None if nothing is left.
        """
        low, high = len(prefix) + 1, len(position)
        if high < low or await self._beyond(prefix, position[:high], until) is None:
            return None
        while low < high:
            middle = (low + high) // 2
            if await self._beyond(prefix, position[:middle], until) is None:
                low = middle + 1
            else:
                high = middle
        return low

    async def _siblings(self, prefix: str, stem: str, until: Key | None) -> list[Key]:
        """A split point before each of the next stems as long as this one."""
        depth = len(stem)
        points: list[Key] = []
        while len(points) < MOST_PARTS:
            key = await self._beyond(prefix, stem, until)
            if key is None:
                break
            point = beyond(stem)
            if point is not None:
                points.append(point.encode())
            stem = key.decode()[:depth]
        return points

    async def _beyond(self, prefix: str, stem: str, until: Key | None) -> Key | None:
        """The first key of the range that does not begin with `stem` and is greater."""
        point = beyond(stem)
        if point is None or (until is not None and point.encode() >= until):
            return None
        key = await self.source.first_after(prefix.encode(), point.encode())
        return key if key is not None and (until is None or key <= until) else None
