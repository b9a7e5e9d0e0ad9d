"""No more than a run's ceilings allow is published, however many ranges publish at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import ceil
from operator import add

from shared.domain.errors import BucketError
from shared.domain.spending import NANODOLLARS, Amount
from shared.ports.control_store import Control, ControlStore
from shared.pricing.ahead import PriceAhead
from shared.pricing.estimate import Classes
from shared.runs.job_control import JobControl

CANCELLED = "the run was cancelled"
"""Why its ranges end before their last keys."""

_SHARE = 50
"""A portion is no more than such a share of a ceiling."""

_FIRST = 4
"""Batches of a portion at first: hundreds of ranges are listed side by side, and most publish little."""

_GROWTH = 8

_PORTION_SECONDS = 30.0
"""A portion that was used up sooner is followed by a larger one, so that a range writes the run's spending about twice
a minute; what is left of one after so long is given back for others to use.
"""


Batch = tuple[int, int, Classes]
"""Objects and bytes, and those of them that are in other storage classes of S3 than STANDARD."""


class Stopped(BucketError):
    """A batch may not be published. paused: whether it may be later. cancelled: whether the run is over for good."""

    def __init__(self, why: str, paused: bool = False, cancelled: bool = False) -> None:
        super().__init__(why)
        self.paused, self.cancelled = paused, cancelled


@dataclass(slots=True)
class CeilingGuard:
    """One invocation's leave to publish for a run. A batch is published whole or not at all: what is left of a ceiling
    below a batch's size stays unused. owner: the invocation. price: what publishing costs, for a ceiling in dollars.
    """

    job_control: JobControl
    control: ControlStore
    run: str
    owner: str = ""
    price: PriceAhead | None = None
    _held: Amount = field(default_factory=Amount)
    _published: tuple[int, int] = (0, 0)
    _batches: int = _FIRST
    _reserved_at: float = float("-inf")

    async def begin_with(self, batches: Sequence[Batch]) -> None:
        """Reserve for a range's first batches together, if that is no large part of a ceiling: most ranges have no
        others, and so write what they have spent once. batches: as `reserve` will be asked for them.
        """
        if not batches or self._reserved_at > float("-inf"):
            return
        control = await self.job_control.read()
        if control.paused or self.run in control.cancelled or not control.bounded:
            return
        if control.most_dollars is not None:
            await self._look_at_spending()
        wanted = reduce(add, (Amount(*batch[:2], self._nanodollars(control, *batch)) for batch in batches))
        if not wanted.exceeds(wanted.capped(control.ceilings, _SHARE)) and await self._reserve(control, wanted):
            self._reserved_at = self.job_control.clock.monotonic()

    async def mind(self) -> None:
        """Raises Stopped if the run was cancelled: for whoever works on and publishes nothing."""
        if await self.job_control.is_cancelled(self.run):
            raise Stopped(CANCELLED, cancelled=True)

    async def reserve(self, objects: int, size: int, classes: Classes | None = None) -> None:
        """Raises Stopped if the run was cancelled or the job is paused, or if a ceiling would be exceeded by so many
        objects and bytes. classes: objects and bytes of storage classes of S3 that are not STANDARD.
        """
        control = await self.job_control.read()
        if self.run in control.cancelled:
            raise Stopped(CANCELLED, cancelled=True)
        if control.paused:
            raise Stopped("the job is paused", paused=True)
        if not control.bounded:
            return
        now = self.job_control.clock.monotonic()
        lasted, first = now - self._reserved_at, self._reserved_at == float("-inf")
        if control.most_dollars is not None and (first or lasted >= _PORTION_SECONDS):
            await self._look_at_spending()
        wanted = Amount(objects, size, self._nanodollars(control, objects, size, classes or {}))
        short = wanted.exceeds(self._held)
        if lasted >= _PORTION_SECONDS and not short:
            self._batches = max(1, self._batches // _GROWTH)
            await self._give_back(wanted * self._batches)
            self._reserved_at = now
        elif short:
            if lasted < _PORTION_SECONDS and not first:
                self._batches *= _GROWTH
            await self._reserve_portion(control, wanted)
            self._reserved_at = now
        self._held -= wanted

    async def _look_at_spending(self) -> None:
        """How much the run has published by now, which decides the tiers that it has come to."""
        spent = await self.control.spent(self.run)
        self._published = max(spent.objects, 0), max(spent.size, 0)

    def _nanodollars(self, control: Control, objects: int, size: int, classes: Classes) -> int:
        if control.most_dollars is None or self.price is None:
            return 0
        return ceil(self.price(self._published, objects, size, classes) * NANODOLLARS)

    async def _reserve_portion(self, control: Control, wanted: Amount) -> None:
        """Reserve for some batches like this one, for fewer, or for it alone. Raises Stopped if not even that fits."""
        lacking = wanted.beyond(self._held)
        batches = self._batches
        while batches > 1:
            portion = (wanted * batches).capped(control.ceilings, _SHARE)
            if not portion.exceeds(lacking):
                break
            if await self._reserve(control, lacking + portion.beyond(lacking)):
                return
            batches //= _GROWTH
            self._batches = max(1, batches)
        if not await self._reserve(control, lacking):
            raise Stopped(f"the ceiling of {_text(control)} a run is reached")

    async def _reserve(self, control: Control, amount: Amount) -> bool:
        now = self.job_control.clock.now()
        if not await self.control.reserve(self.run, self.owner, amount, control, now):
            return False
        self._held += amount
        return True

    async def release(self) -> None:
        """Give back what was reserved and not used."""
        await self._give_back(Amount())

    async def _give_back(self, kept: Amount) -> None:
        """Keep no more than so much."""
        spare = self._held.beyond(kept)
        if spare:
            now = self.job_control.clock.now()
            await self.control.reserve(self.run, self.owner, -spare, Control(), now)
            self._held -= spare


def _text(control: Control) -> str:
    named = ((control.most_objects, "objects"), (control.most_bytes, "bytes"), (control.most_dollars, "dollars"))
    return " and ".join(f"{most:,} {what}" for most, what in named if most is not None)
