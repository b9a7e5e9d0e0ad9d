"""What publishing objects will cost, about, before it is done: what a ceiling in dollars is held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from shared.pricing.catalog import Prices
from shared.pricing.estimate import Classes, Use, bill, overhead, total


@dataclass(frozen=True, slots=True)
class PriceAhead:
    """way: the route that copies take. keys_per_message: as batches are made. Not in it: what the listing has cost
    already, and the seconds of instances, about a hundredth of the whole. What a month has for nothing is not counted
    on: others may use it, and then a ceiling would be exceeded.
    """

    prices: Prices
    way: str
    keys_per_message: int

    @classmethod
    def of(cls, prices: Prices, way: str, keys_per_message: int) -> Self:
        """By a job's price list."""
        return cls(prices.without_allowances(), way, keys_per_message)

    def __call__(self, before: tuple[int, int], objects: int, size: int, classes: Classes | None = None) -> float:
        """Dollars for so many objects and bytes more. before: objects and bytes that the run has published: tiers and
        allowances of the month go by volume. classes: of the new ones, those that are not STANDARD at S3.
        """
        known, _ = before
        with_these = self._dollars(known + objects, before[1] + size, classes or {})
        return max(with_these - self._dollars(*before, {}), 0.0)

    def _dollars(self, objects: int, size: int, classes: Mapping[str, tuple[int, int]]) -> float:
        own = overhead(objects, self.keys_per_message, 0, 0)
        return total(bill(Use(0, {self.way: (objects, size)}, classes, own=own), self.prices))
