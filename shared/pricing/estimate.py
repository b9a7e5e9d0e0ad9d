"""What a run cost, about, by service, from what it counted: what nobody can avoid, and what this project adds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from shared.domain.page import PAGE_KEYS
from shared.domain.routes import DIRECT
from shared.pricing.catalog import Prices
from shared.pricing.egress import BYTES_CDN, BYTES_DIRECT, REQUESTS_CDN

KEY_BYTES = 140
"""Of a batch's message, for each key: key, ETag, size and time (measured by `make demo`)."""

LEAST_MESSAGE_BYTES = 1000
"""Pub/Sub's least for a request. https://cloud.google.com/pubsub/pricing"""

STANDARD = "STANDARD"

_REPLICATED = "gcs.replicated_bytes"
"""What is written to a dual- or multi-region is charged by the byte, besides the operation; a region has no such meter.
https://cloud.google.com/storage/pricing#inter-region-replication
"""

Amounts = Mapping[str, float]
"""By meter: bytes, requests, seconds."""

Classes = Mapping[str, tuple[int, int]]
"""Objects and bytes by S3's storage class."""


@dataclass(frozen=True, slots=True)
class Item:
    """service: who charges it. amount: with its unit. added: this project causes it; another way to copy might not.
    bytes: where the amount is of bytes alone, else None.
    """

    service: str
    what: str
    amount: str
    dollars: float
    added: bool = False
    bytes: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What a run used. listed: keys of the source. ways: copied objects and bytes by route. classes: copied objects and
    bytes by S3's storage class; what is in none of them is STANDARD. kms: copied objects for which S3 asked KMS.
    written: copied objects by Cloud Storage's class; the rest is STANDARD. own: by meter, what was used besides one GET
    and one write an object and one LIST a thousand keys.
    """

    listed: int
    ways: Mapping[str, tuple[int, int]]
    classes: Classes = field(default_factory=dict)
    kms: int = 0
    written: Mapping[str, int] = field(default_factory=dict)
    own: Amounts = field(default_factory=dict)

    @property
    def copied(self) -> int:
        """Objects, by whatever way."""
        return sum(objects for objects, _ in self.ways.values())


def bill(use: Use, prices: Prices) -> Iterator[Item]:
    """The services that charge something, or would but for an allowance. What the month has seen before counts."""
    meters = _Meters(prices, dict(prices.month))
    yield from _out(use, prices, meters)
    yield from meters.charge("s3.list", -(-use.listed // PAGE_KEYS))
    plain = max(use.copied - sum(objects for objects, _ in use.classes.values()), 0)
    for storage_class, (objects, size) in sorted({STANDARD: (plain, 0), **use.classes}.items()):
        yield from meters.charge(prices.name("s3.get", storage_class), objects)
        for meter in ("s3.retrieved_bytes", "s3.moved_back_bytes"):
            if f"{meter}.{storage_class}" in prices.meters:
                yield from meters.charge(f"{meter}.{storage_class}", size)
    yield from meters.charge("kms.request", use.kms)
    written = {**use.written, STANDARD: use.written.get(STANDARD, 0)}
    written[STANDARD] += max(use.copied - sum(written.values()), 0)
    for storage_class, objects in sorted(written.items()):
        yield from meters.charge(prices.name("gcs.class_a", storage_class), objects)
    if _REPLICATED in prices.meters:
        yield from meters.charge(_REPLICATED, sum(size for _, size in use.ways.values()))
    for name, amount in use.own.items():
        yield from meters.charge(name, amount, added=True)


@dataclass(slots=True)
class _Meters:
    """spent: what the month has seen of each meter so far."""

    prices: Prices
    spent: dict[str, float]

    def charge(self, name: str, amount: float, added: bool = False) -> Iterator[Item]:
        if amount:
            meter, before = self.prices.meters[name], self.spent.get(name, 0)
            unit = "bytes" if "bytes" in name else "s" if name.endswith("_seconds") else ""
            shown = f"{amount:,.0f} {unit}".strip()
            size = amount if unit == "bytes" else None
            yield Item(meter.service, meter.what, shown, meter.cost(amount, before), added, size)
            self.spent[name] = before + amount


def _out(use: Use, prices: Prices, meters: _Meters) -> Iterator[Item]:
    """Egress, by both ways."""
    through = [way for name, way in use.ways.items() if name != DIRECT]
    requests, size = sum(objects for objects, _ in through), sum(size for _, size in through)
    if prices.plan is None:
        yield from meters.charge(BYTES_CDN, size)
        yield from meters.charge(REQUESTS_CDN, requests)
    else:
        plan = prices.plan
        shown = f"{size:,} of {plan.bytes:,} bytes, {requests:,} of {plan.requests:,} requests"
        yield Item("CloudFront", "flat-rate plan, a month", shown, plan.dollars)
    yield from meters.charge(BYTES_DIRECT, use.ways.get(DIRECT, (0, 0))[1])


def overhead(copied: int, keys_per_message: int, seconds: float, gib: float) -> dict[str, float]:
    """By meter, what copying in batches adds: a message published and delivered, two writes and an invocation for each,
    and the seconds of instances with one vCPU and so much memory.
    """
    batches = -(-copied // keys_per_message)
    return {
        "pubsub.billed_bytes": 2 * batches * max(LEAST_MESSAGE_BYTES, keys_per_message * KEY_BYTES),
        "firestore.writes": 2 * batches,
        "run.cpu_seconds": seconds,
        "run.gib_seconds": seconds * gib,
        "run.requests": batches,
    }


def total(items: Iterable[Item]) -> float:
    """Dollars for all of it."""
    return sum(item.dollars for item in items)


def split(items: Iterable[Item]) -> tuple[float, float]:
    """Dollars that nobody can avoid who copies these objects by these ways, and dollars that this project adds."""
    found = list(items)
    return total(item for item in found if not item.added), total(item for item in found if item.added)
