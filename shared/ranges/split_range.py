"""Where to cut a stretch of keys that proves long, so that its pieces can be listed side by side.

By memory: the ledger's records lie in the key space as the keys do, so the first keys of a sample of them are its
quantiles. Without memory, by asking the source: where does the stretch branch, seen from the last key that was listed?
There, a delimiter tells a folder's children in one request; where these are too many or none, every next character
is found by asking for the first key beyond the one before.
"""

from dataclasses import dataclass

from shared.domain.splitting import beyond, inside, spread
from shared.ports.ledger_store import LedgerStore
from shared.ports.source import Source

PAGE_KEYS = 1000
"""Keys in a page of a listing: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

FIRST_PAGES = 8
"""Pages after which a stretch that nobody knows has proved long."""

GROWTH = 4
"""Each generation of pieces is given so many times the pages of the one before, so that cutting ends."""

RANGE_KEYS = 500_000
"""Keys of a piece where the memory tells: about a minute or two of listing, well within a budget."""

MOST_PIECES = 64

_SAMPLES_A_FENCE = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """fences: none if the stretch should not be cut. pages: to list before asking again."""

    fences: list[str]
    pages: int


def patience(generation: int) -> int:
    """Pages to list before a stretch that nobody knows is cut. generation: how often its parents were cut."""
    return FIRST_PAGES * int(GROWTH ** min(generation, 10))


@dataclass(frozen=True, slots=True)
class SplitRange:
    """page_keys: keys in a page. range_keys: keys of a piece where the memory tells."""

    source: Source
    ledger: LedgerStore
    page_keys: int = PAGE_KEYS
    range_keys: int = RANGE_KEYS

    async def __call__(self, prefix: str, position: str, until: str | None, generation: int) -> Cut:
        """Cut what lies after `position`, up to `until`."""
        known = await self.ledger.count(prefix.encode(), position.encode(), until.encode() if until else None)
        if known.keys >= 2 * self.range_keys:
            wanted = min(known.keys // self.range_keys, MOST_PIECES)
            drawn = await self.ledger.sample(
                prefix.encode(),
                position.encode(),
                until.encode() if until else None,
                wanted * _SAMPLES_A_FENCE,
                known.records,
            )
            return Cut(spread(inside(drawn, position, until), wanted), 2 * self.range_keys // self.page_keys)
        if known.keys >= patience(generation) * self.page_keys:
            return Cut([], 2 * known.keys // self.page_keys)
        fences = await self._discover(prefix, position, until)
        return Cut(spread(fences, MOST_PIECES), patience(generation + 1))

    async def _discover(self, prefix: str, position: str, until: str | None) -> list[str]:
        depth = await self._branching(prefix, position, until)
        if depth is None:
            return []
        stem = position[: depth - 1]
        folder = stem[: stem.rfind("/") + 1] if "/" in stem[len(prefix) :] else prefix
        children = await self.source.children(folder.encode(), position.encode())
        fences = inside(children.prefixes, position, until)
        if children.complete and len(fences) > 1:
            return fences
        return await self._siblings(prefix, position[:depth], until)

    async def _branching(self, prefix: str, position: str, until: str | None) -> int | None:
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

    async def _siblings(self, prefix: str, stem: str, until: str | None) -> list[str]:
        """A fence before each of the next stems as long as this one."""
        depth = len(stem)
        fences: list[str] = []
        while len(fences) < MOST_PIECES:
            key = await self._beyond(prefix, stem, until)
            if key is None:
                break
            fence = beyond(stem)
            if fence is not None:
                fences.append(fence)
            stem = key[:depth]
        return fences

    async def _beyond(self, prefix: str, stem: str, until: str | None) -> str | None:
        """The first key of the stretch that does not begin with `stem` and is greater."""
        fence = beyond(stem)
        if fence is None or (until is not None and fence >= until):
            return None
        found = await self.source.first_after(prefix.encode(), fence.encode())
        key = found.decode() if found is not None else None
        return key if key is not None and (until is None or key <= until) else None
