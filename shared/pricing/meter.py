"""One line of a price list: what a counted amount costs, by how much of it the month has already seen."""

from itertools import pairwise
from math import inf
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _tiers(price: object) -> object:
    """One price for every amount may be written as a number."""
    return ((None, price),) if isinstance(price, int | float) and not isinstance(price, bool) else price


Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
UpTo = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tiers = Annotated[tuple[tuple[UpTo | None, Dollars], ...], BeforeValidator(_tiers)]


class Meter(BaseModel):
    """service: who charges. per: how much of what is counted makes one unit (bytes in a GB, requests in ten thousand).
    free: units a calendar month that cost nothing. price: dollars a unit, as steps of (up to so many units a month,
    dollars), the last without an end; what is free counts as the month's first. source: a key of the list's sources.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str = Field(min_length=1)
    what: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    per: int = Field(ge=1)
    free: float = Field(default=0, ge=0, allow_inf_nan=False)
    price: Tiers
    source: str

    @model_validator(mode="after")
    def _rises(self) -> Self:
        ends = [inf if end is None else end for end, _ in self.price]
        if not ends or ends[-1] != inf or any(later <= sooner for sooner, later in pairwise(ends)):
            raise ValueError("price: steps of [up to, dollars], rising, and only the last goes up to null")
        return self

    def cost(self, amount: float, before: float = 0) -> float:
        """Dollars for an amount (bytes, requests) after so much of it in the same month."""
        return self._since_the_first(before + amount) - self._since_the_first(before)

    def marginal(self, before: float) -> float:
        """Dollars for one more after so much of it in the same month."""
        units = before / self.per
        if units < self.free:
            return 0.0
        return next(dollars for end, dollars in self.price if end is None or units < end) / self.per

    def without_allowance(self) -> "Meter":
        """The same for who has used up what is free."""
        return self.model_copy(update={"free": 0.0})

    def at(self, dollars: float) -> "Meter":
        """The same at one price for every amount, nothing free: what a contract says."""
        return self.model_copy(update={"free": 0.0, "price": ((None, dollars),)})

    def _since_the_first(self, amount: float) -> float:
        units, start, dollars = amount / self.per, self.free, 0.0
        for end, price in self.price:
            stop = units if end is None else min(units, end)
            if stop > start:
                dollars += (stop - start) * price
                start = stop
        return dollars
