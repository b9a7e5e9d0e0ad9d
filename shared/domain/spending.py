"""What a run has used of its ceilings, in shards: no document takes more than about a write a second, and hundreds of
instances publish side by side.

Each shard has an equal part of every ceiling, and whoever reserves takes from some shard as long as that has room.
Where it has not, all shards are read: what they have left together can be used up to the last object. As no shard goes
beyond its part, all together never go beyond the ceiling.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from sys import maxsize

SHARDS = 64
"""Instances reserve a few times a minute for all their ranges; `make simulate` has the hottest shard. More shards would
cost more reads where all are read: whenever one is first taken from, and where a ceiling is nearly used up.
"""

NANODOLLARS = 10**9

Ceilings = tuple[int | None, int | None, int | None]
"""The most objects, bytes and nanodollars; None for any."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Objects, their bytes, and what they cost in billionths of a dollar: whole numbers, which shards divide."""

    objects: int = 0
    size: int = 0
    nanodollars: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        size, nanodollars = self.size + other.size, self.nanodollars + other.nanodollars
        return Amount(self.objects + other.objects, size, nanodollars)

    def __sub__(self, other: "Amount") -> "Amount":
        size, nanodollars = self.size - other.size, self.nanodollars - other.nanodollars
        return Amount(self.objects - other.objects, size, nanodollars)

    def __neg__(self) -> "Amount":
        return Amount(-self.objects, -self.size, -self.nanodollars)

    def __mul__(self, times: int) -> "Amount":
        return Amount(self.objects * times, self.size * times, self.nanodollars * times)

    def __bool__(self) -> bool:
        return bool(self.objects or self.size or self.nanodollars)

    @property
    def values(self) -> tuple[int, int, int]:
        """In the order of Ceilings."""
        return self.objects, self.size, self.nanodollars

    def exceeds(self, other: "Amount") -> bool:
        """Whether any of it is more than the other's."""
        return self.objects > other.objects or self.size > other.size or self.nanodollars > other.nanodollars

    def beyond(self, other: "Amount") -> "Amount":
        """What of this is more than the other."""
        missing = self - other
        return Amount(max(missing.objects, 0), max(missing.size, 0), max(missing.nanodollars, 0))

    def times_in(self, ceilings: Ceilings, parts: int) -> int:
        """How often it fits into a part of each ceiling."""
        pairs = zip(self.values, ceilings, strict=True)
        return min((most // parts // amount for amount, most in pairs if amount and most is not None), default=maxsize)

    def fits(self, ceilings: Ceilings) -> bool:
        return all(most is None or amount <= most for amount, most in zip(self.values, ceilings, strict=True))


def shard_of(owner: str) -> int:
    """Where a reservation takes from first."""
    return int(hashlib.sha256(owner.encode()).hexdigest(), 16) % SHARDS


def part(ceilings: Ceilings, shard: int) -> Ceilings:
    """A shard's part of each ceiling. All parts together are the ceiling; a shard beyond them, of a run that was begun
    when there were more, has none.
    """
    there = shard < SHARDS
    objects, size, nanodollars = (
        None if most is None else there * (most * (shard + 1) // SHARDS - most * shard // SHARDS) for most in ceilings
    )
    return objects, size, nanodollars


def within_parts(spent: Mapping[int, Amount], ceilings: Ceilings) -> bool:
    """Whether no shard is beyond its part. One may be, once a ceiling was lowered while a run was under way."""
    return all(amount.fits(part(ceilings, shard)) for shard, amount in spent.items())


def take(spent: Mapping[int, Amount], wanted: Amount, ceilings: Ceilings, home: int) -> dict[int, Amount] | None:
    """Take an amount from all shards together, the own one first: what the shards that give some have spent then, None
    if they do not have so much.
    """
    total = reduce(add, spent.values(), Amount())
    if not (total + wanted).fits(ceilings):
        return None
    changed: dict[int, Amount] = {}
    for shard in ((home + step) % SHARDS for step in range(SHARDS)):
        if not wanted:
            break
        known = spent.get(shard, Amount())
        given = _free(known, wanted, part(ceilings, shard))
        if given:
            changed[shard] = known + given
            wanted -= given
    return None if wanted else changed


def _free(spent: Amount, wanted: Amount, most: Ceilings) -> Amount:
    """As much of what is wanted as a shard has left."""
    rows = zip(wanted.values, spent.values, most, strict=True)
    return Amount(*(want if cap is None else min(want, max(cap - used, 0)) for want, used, cap in rows))
