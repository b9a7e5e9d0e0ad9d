"""What a first copy would cost, by service, for each way out of S3."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.domain.routes import CLOUDFRONT, DIRECT
from shared.pricing.catalog import Plan, Prices
from shared.pricing.egress import ALL_BY_CDN, ALL_DIRECT, Threshold, cheapest
from shared.pricing.estimate import STANDARD, Amounts, Classes, Item, Use, bill, overhead, total

CHEAPEST = "cheapest"
FLAT_RATE = "flat-rate"

Sizes = Mapping[float, tuple[int, int]]
"""Objects and bytes, by about how many bytes such an object has."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be copied. listed: keys of the source, wanted or not. classes: of S3, all. written: objects by Cloud
    Storage's class. further_parts: of large objects, all parts but each one's first. seconds: that instances work.
    gib: memory of one.
    """

    listed: int
    sizes: Sizes
    classes: Classes
    keys_per_message: int
    seconds: float
    gib: float
    written: Mapping[str, int] = field(default_factory=dict)
    further_parts: int = 0

    @property
    def objects(self) -> int:
        return sum(objects for objects, _ in self.sizes.values())

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.sizes.values())

    def use(self, threshold: Threshold) -> Use:
        """What the services are asked for, where objects from a size on go through the CDN."""
        through = [amount for size, amount in self.sizes.items() if threshold.by_cdn(round(size))]
        by_cdn = sum(objects for objects, _ in through), sum(size for _, size in through)
        straight = self.objects - by_cdn[0], self.bytes - by_cdn[1]
        return Use(
            listed=self.listed,
            ways={CLOUDFRONT: by_cdn, DIRECT: straight},
            classes={name: amount for name, amount in self.classes.items() if name != STANDARD},
            written=self.written,
            own={**overhead(self.objects, self.keys_per_message, self.seconds, self.gib), **self._parts(threshold)},
        )

    def _parts(self, threshold: Threshold) -> Amounts:
        """Each further part is a request to read it and one to keep it."""
        if not self.further_parts:
            return {}
        amounts = {"s3.get": float(self.further_parts), "gcs.class_a": float(self.further_parts)}
        return amounts if threshold == ALL_DIRECT else {**amounts, "cdn.request": float(self.further_parts)}


def routes(wanted: Wanted, prices: Prices, plans: Iterable[Plan]) -> dict[str, list[Item]]:
    """The bill of each way, this month's allowances and tiers counted once, as if all were copied within a month. Of
    the flat-rate plans the cheapest one that is meant for as much; none of that name where none is.
    """
    own = replace(prices, plan=None)
    sizes = {round(size): objects for size, (objects, _) in wanted.sizes.items()}
    found = {
        CLOUDFRONT: list(bill(wanted.use(ALL_BY_CDN), own)),
        DIRECT: list(bill(wanted.use(ALL_DIRECT), own)),
        CHEAPEST: list(bill(wanted.use(cheapest(own, sizes)), own)),
    }
    requests = wanted.objects + wanted.further_parts
    fitting = [plan for plan in plans if plan.bytes >= wanted.bytes and plan.requests >= requests]
    if fitting:
        plan = min(fitting, key=lambda plan: plan.dollars)
        flat = replace(prices, plan=plan)
        items = bill(wanted.use(ALL_BY_CDN), flat)
        found[FLAT_RATE] = [item for item in items if not (item.service == "CloudFront" and item.added)]
    return found


def by_service(items: Iterable[Item]) -> dict[str, float]:
    """Dollars by who charges them, the most first."""
    found: dict[str, float] = {}
    for item in items:
        found[item.service] = found.get(item.service, 0.0) + item.dollars
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def cost(items: Iterable[Item]) -> float:
    """Dollars for all of it."""
    return total(items)
