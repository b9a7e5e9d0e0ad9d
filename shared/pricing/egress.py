"""Which way out of S3 costs less: straight, or through the CDN.

A byte is cheaper through CloudFront, a request is not (S3 asks for its GET either way). So only small objects belong on
the straight way, and how small depends on the tiers in which both ways stand when the month ends: both fall with
volume, CloudFront's faster. An object's price *now* cannot decide it. In the first tiers an object of 150 KB costs less
straight from S3; who chooses so for a petabyte of them never enters CloudFront's cheap tiers, and pays 15 % more than
if all had come through it. No rule can know that from the past alone: what a month will copy is an input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from shared.pricing.catalog import Prices

BYTES_CDN, REQUESTS_CDN, BYTES_DIRECT = "cdn.egress_bytes", "cdn.request", "s3.egress_bytes"


@dataclass(frozen=True, slots=True)
class Threshold:
    """least_bytes: requests for at least so many bytes go through the CDN, smaller ones straight to S3."""

    least_bytes: float

    def by_cdn(self, size: int) -> bool:
        """Which way a request for `size` bytes takes."""
        return size >= self.least_bytes


ALL_BY_CDN, ALL_DIRECT = Threshold(0), Threshold(inf)


@dataclass(frozen=True, slots=True)
class Marginal:
    """Dollars for one more: a byte and a request through the CDN, a byte straight from S3."""

    cdn_byte: float
    cdn_request: float
    direct_byte: float

    @property
    def threshold(self) -> Threshold:
        """The size at which both ways cost the same."""
        saved = self.direct_byte - self.cdn_byte
        if saved > 0:
            return Threshold(self.cdn_request / saved)
        return ALL_BY_CDN if saved == 0 and self.cdn_request == 0 else ALL_DIRECT


def by_cdn(prices: Prices, size: float, requests: float) -> float:
    """Dollars for so many bytes in so many requests through the CDN; nothing more under a flat-rate plan."""
    if prices.plan is not None:
        return 0.0
    return prices.cost(BYTES_CDN, size) + prices.cost(REQUESTS_CDN, requests)


def direct(prices: Prices, size: float) -> float:
    """Dollars for so many bytes straight from S3."""
    return prices.cost(BYTES_DIRECT, size)


def marginal(prices: Prices) -> Marginal:
    """What one more object costs where the month stands, once what is free is used up."""
    if prices.plan is not None:
        return Marginal(0.0, 0.0, _paid(prices, BYTES_DIRECT))
    return Marginal(*(_paid(prices, meter) for meter in (BYTES_CDN, REQUESTS_CDN, BYTES_DIRECT)))


def cheapest(prices: Prices, sizes: Mapping[int, int]) -> Threshold:
    """The way for each object of a month that will copy `sizes` (bytes an object = objects). It is never dearer than
    either way alone: both are among the thresholds that are compared. Nothing but a threshold is worth a look: for a
    given sum of bytes through the CDN, the fewest requests are those of the largest objects.

    If nothing is expected, the price of one more object decides, which promises nothing of a whole month.
    """
    mix = sorted(((size, count) for size, count in sizes.items() if count), reverse=True)
    if not mix:
        return marginal(prices).threshold
    all_bytes = sum(size * count for size, count in mix)
    best, choice = direct(prices, all_bytes), ALL_DIRECT
    through, requests = 0, 0
    for place, (size, count) in enumerate(mix, 1):
        through, requests = through + size * count, requests + count
        dollars = by_cdn(prices, through, requests) + direct(prices, all_bytes - through)
        if dollars <= best:
            best, choice = dollars, Threshold(size) if place < len(mix) else ALL_BY_CDN
    return choice


def _paid(prices: Prices, name: str) -> float:
    meter = prices.meters[name]
    return meter.marginal(max(prices.month.get(name, 0), meter.free * meter.per))
