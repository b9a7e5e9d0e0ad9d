"""What a run cost, about: list prices in US dollars, first tier, no free allowance, on amounts that the run counted.

As published in November 2026: https://aws.amazon.com/s3/pricing/, https://aws.amazon.com/cloudfront/pricing/,
https://cloud.google.com/storage/pricing, https://cloud.google.com/run/pricing, https://cloud.google.com/pubsub/pricing,
https://cloud.google.com/firestore/pricing
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.core.prices import GB, EgressPrices

DIRECT = "direct"
"""The route that goes around the CDN."""

_PAGE_KEYS = 1000
_KEY_BYTES = 200
"""Of a batch's message, for each key: key, ETag, size and time."""

_S3_LIST, _S3_GET = 0.005 / 1000, 0.0004 / 1000
_GCS_CLASS_A = 0.005 / 1000
_CPU_SECOND, _GIB_SECOND = 0.000024, 0.0000025
_MEMORY_GIB = 0.5
_PUBSUB_BYTE = 40 / 2**40
_WRITE = 0.18 / 100_000
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
    yield Item("S3", "LIST requests", f"{pages:,}", pages * _S3_LIST)
    if copied:
        yield Item("S3", "GET requests", f"{copied:,}", copied * _S3_GET)
    writes = copied + (pages if use.compared else 0)
    if writes:
        yield Item("Cloud Storage", "class A operations", f"{writes:,}", writes * _GCS_CLASS_A)
    yield Item("Cloud Run", "one CPU, 0.5 GiB", f"{use.seconds:,.0f} s", use.seconds * _second())
    batches = -(-copied // use.keys_per_message)
    if batches:
        each = max(_LEAST_MESSAGE, use.keys_per_message * _KEY_BYTES)
        yield Item("Pub/Sub", "published and delivered", f"{batches:,} messages", 2 * batches * each * _PUBSUB_BYTE)
        yield Item("Firestore", "document writes", f"{2 * batches:,}", 2 * batches * _WRITE)


def _second() -> float:
    return _CPU_SECOND + _MEMORY_GIB * _GIB_SECOND
