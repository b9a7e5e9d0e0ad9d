"""What a run cost, about, by what it counted: list prices, first tier, no free allowance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.pricing.prices import (
    FIRESTORE_100K_WRITES,
    GB,
    GCS_1K_CLASS_A,
    PUBSUB_TIB,
    RUN_CPU_SECOND,
    RUN_GIB_SECOND,
    S3_1K_GETS,
    S3_1K_LISTS,
    EgressPrices,
)

DIRECT = "direct"
"""The route that goes around the CDN."""

TIB = 2**40

_PAGE_KEYS = 1000
KEY_BYTES = 140
"""Of a batch's message, for each key: key, ETag, size and time (measured by `make demo`)."""

_INSTANCE_SECOND = RUN_CPU_SECOND + 0.5 * RUN_GIB_SECOND
_LEAST_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Item:
    """service: who charges it. dollars: for all of it."""

    service: str
    what: str
    amount: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Use:
    """What a run used. listed: keys. compared: whether the destination was listed, too. ways: copied objects and bytes
    by route. seconds: that instances of the transfer and of whoever listed were at work.
    """

    listed: int
    compared: bool
    ways: Mapping[str, tuple[int, int]]
    seconds: float
    keys_per_message: int


def bill(use: Use, prices: EgressPrices) -> Iterator[Item]:
    """The services that charge something."""
    copied = sum(objects for objects, _ in use.ways.values())
    around, through = use.ways.get(DIRECT, (0, 0)), [way for name, way in use.ways.items() if name != DIRECT]
    requests, size = sum(objects for objects, _ in through), sum(size for _, size in through)
    if requests:
        yield Item("CloudFront", "egress", f"{size:,} bytes", size / GB * prices.cdn_gb)
        yield Item("CloudFront", "HTTPS requests", f"{requests:,}", requests / 10_000 * prices.cdn_10k_requests)
    if around[0]:
        yield Item("S3", "egress", f"{around[1]:,} bytes", prices.direct(around[1]))
    pages = -(-use.listed // _PAGE_KEYS)
    yield Item("S3", "LIST requests", f"{pages:,}", pages / 1000 * S3_1K_LISTS)
    if copied:
        yield Item("S3", "GET requests", f"{copied:,}", copied / 1000 * S3_1K_GETS)
    writes = copied + (pages if use.compared else 0)
    if writes:
        yield Item("Cloud Storage", "class A operations", f"{writes:,}", writes / 1000 * GCS_1K_CLASS_A)
    yield Item("Cloud Run", "one CPU, 0.5 GiB", f"{use.seconds:,.0f} s", use.seconds * _INSTANCE_SECOND)
    batches = -(-copied // use.keys_per_message)
    if batches:
        each = max(_LEAST_MESSAGE, use.keys_per_message * KEY_BYTES)
        yield Item("Pub/Sub", "published and delivered", f"{batches:,} messages", 2 * batches * each / TIB * PUBSUB_TIB)
        yield Item("Firestore", "document writes", f"{2 * batches:,}", 2 * batches / 100_000 * FIRESTORE_100K_WRITES)
