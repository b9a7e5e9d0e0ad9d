"""What an instance holds of the ceilings of runs, for all its invocations together: hundreds of ranges a second may
begin and end, and an instance writes the spending of a run about twice a minute.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import ceil
from operator import add

from shared.domain.spending import NANODOLLARS, SHARDS, Amount
from shared.ports.clock import Clock
from shared.ports.control_store import Control, ControlStore
from shared.pricing.ahead import PriceAhead
from shared.pricing.estimate import Classes

_SHARE = 4 * SHARDS
"""A portion is no more than such a share of a ceiling, so that it nearly always finds room in one shard."""

_FIRST = 4
"""Batches of a portion at first: most ranges publish little."""

_GROWTH = 8

_PORTION_SECONDS = 30.0
"""A portion that was used up sooner is followed by a larger one; what is left of one after so long is given back for
others to use.
"""

Batch = tuple[int, int, Classes]
"""Objects and bytes, and those of them that are in other storage classes of S3 than STANDARD."""


@dataclass(slots=True)
class Portion:
    """What is held of the ceilings of one run. users: invocations that may take from it, one after the other. price:
    what publishing costs, for a ceiling in dollars.
    """

    run: str
    control: ControlStore
    clock: Clock
    owner: str
    price: PriceAhead | None
    users: int = 0
    _held: Amount = field(default_factory=Amount)
    _published: tuple[int, int] = (0, 0)
    _reserved: tuple[int, int] = (0, 0)
    _batches: int = _FIRST
    _asked: int = 0
    _reserved_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def _lasted(self) -> float:
        return self.clock.monotonic() - self._reserved_at

    async def begin(self, control: Control, batches: Sequence[Batch]) -> None:
        """Reserve for batches together, and for nothing else, if nothing was reserved so far and that is no large part
        of a ceiling: most ranges have no others, and an instance that has one range writes its spending once.
        """
        async with self._turn:
            if not batches or self._reserved_at > float("-inf"):
                return
            await self._look_at_spending(control)
            wanted = reduce(add, (self._amount(control, *batch) for batch in batches))
            if wanted.times_in(control.ceilings, _SHARE) and await self._reserve(control, wanted):
                self._batches = len(batches)
                self._reserved_at = self.clock.monotonic()

    async def take(self, control: Control, objects: int, size: int, classes: Classes) -> Amount | None:
        """Take a batch from what is held, or from the ceilings: what was taken. None, with nothing taken, if one would
        be exceeded.
        """
        async with self._turn:
            lasted = self._lasted
            await self._look_at_spending(control)
            wanted = self._amount(control, objects, size, classes)
            if wanted.exceeds(self._held):
                if lasted < _PORTION_SECONDS:
                    self._batches *= _GROWTH
                if not await self._reserve_portion(control, wanted):
                    return None
                self._reserved_at = self.clock.monotonic()
            elif lasted >= _PORTION_SECONDS:
                await self._shrink(wanted)
            self._held -= wanted
            return wanted

    def put_back(self, amount: Amount) -> None:
        """What was taken was not published: it is held again."""
        self._held += amount

    async def left(self) -> None:
        """An invocation has ended: what is held is given back with the last one, or if it was reserved long ago."""
        async with self._turn:
            if not self.users:
                await self._give_back(Amount())
            elif self._lasted >= _PORTION_SECONDS:
                await self._shrink(Amount())

    async def _look_at_spending(self, control: Control) -> None:
        """How much the run has published, which decides the tiers that it has come to: what was reserved when this was
        last asked, and has been published or given back since.
        """
        now = self.clock.monotonic()
        if control.most_dollars is not None and now - self._looked_at >= _PORTION_SECONDS:
            spent = await self.control.spent(self.run)
            reserved = max(spent.objects, 0), max(spent.size, 0)
            self._published = reserved if self._looked_at == float("-inf") else self._reserved
            self._reserved, self._looked_at = reserved, now

    def _amount(self, control: Control, objects: int, size: int, classes: Classes) -> Amount:
        if control.most_dollars is None or self.price is None:
            return Amount(objects, size)
        return Amount(objects, size, ceil(self.price(self._published, objects, size, classes) * NANODOLLARS))

    async def _reserve_portion(self, control: Control, wanted: Amount) -> bool:
        """Reserve for some batches like this one, for fewer, or for it alone. False if not even that fits."""
        self._batches = max(1, min(self._batches, wanted.times_in(control.ceilings, _SHARE)))
        while self._batches > 1:
            if await self._reserve(control, wanted * self._batches):
                return True
            self._batches = max(1, self._batches // _GROWTH)
        return await self._reserve(control, wanted.beyond(self._held))

    async def _reserve(self, control: Control, amount: Amount) -> bool:
        if not await self._count(amount, control):
            return False
        self._held += amount
        return True

    async def _shrink(self, wanted: Amount) -> None:
        """What was reserved long ago was too much."""
        self._batches = max(1, self._batches // _GROWTH)
        self._reserved_at = self.clock.monotonic()
        await self._give_back(wanted * self._batches)

    async def _give_back(self, kept: Amount) -> None:
        """Keep no more than so much. What is given back is no more held even if the store does not answer: counted
        twice at the worst, and never given away twice.
        """
        spare = self._held.beyond(kept)
        if spare:
            self._held -= spare
            await self._count(-spare, Control())

    async def _count(self, amount: Amount, control: Control) -> bool:
        """Each time in another shard, so that all fill up alike, however few instances there are."""
        self._asked += 1
        return await self.control.reserve(self.run, f"{self.owner}-{self._asked}", amount, control, self.clock.now())


@dataclass(slots=True)
class Portions:
    """One an instance, of its name: a portion for each run that it works on."""

    control: ControlStore
    clock: Clock
    owner: str = ""
    price: PriceAhead | None = None
    _of: dict[str, Portion] = field(default_factory=dict)

    def join(self, run: str) -> Portion:
        """Take part in what is held for a run, until `leave`."""
        known = self._of.get(run)
        if known is None:
            known = self._of[run] = Portion(run, self.control, self.clock, self.owner, self.price)
        known.users += 1
        return known

    async def leave(self, portion: Portion) -> None:
        """Give back what nobody uses."""
        portion.users -= 1
        if not portion.users:
            del self._of[portion.run]
        await portion.left()
