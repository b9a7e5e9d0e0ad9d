"""What the counted operations would have cost: list prices in US dollars, first tier, no free allowance.

As published in 2026-11; check the pages before you rely on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.pricing.bill import TIB
from shared.pricing.prices import (
    CDN_10K_REQUESTS,
    CDN_EGRESS_GB,
    FIRESTORE_100K_WRITES,
    GB,
    GCS_1K_CLASS_A,
    PUBSUB_TIB,
    S3_1K_GETS,
    S3_1K_LISTS,
)


@dataclass(frozen=True, slots=True)
class Price:
    """dollars for each `unit` of a counter. bill: who charges it."""

    bill: str
    what: str
    dollars: float
    unit: float
    source: str


_S3 = "https://aws.amazon.com/s3/pricing/"
_CDN = "https://aws.amazon.com/cloudfront/pricing/"
_GCS = "https://cloud.google.com/storage/pricing"
_FIRESTORE = "https://cloud.google.com/firestore/pricing"
_PUBSUB = "https://cloud.google.com/pubsub/pricing"

PRICES = {
    "s3.list": Price("S3", "LIST requests", S3_1K_LISTS, 1_000, _S3),
    "s3.get": Price("S3", "GET requests", S3_1K_GETS, 1_000, _S3),
    "s3.head": Price("S3", "HEAD requests", S3_1K_GETS, 1_000, _S3),
    "cdn.request": Price("CloudFront", "HTTPS requests", CDN_10K_REQUESTS, 10_000, _CDN),
    "cdn.egress_bytes": Price("CloudFront", "bytes out", CDN_EGRESS_GB, GB, _CDN),
    "gcs.class_a": Price("Cloud Storage", "class A operations", GCS_1K_CLASS_A, 1_000, _GCS),
    "gcs.class_b": Price("Cloud Storage", "class B operations", 0.0004, 1_000, _GCS),
    "pubsub.billed_bytes": Price("Pub/Sub", "billed bytes", PUBSUB_TIB, TIB, _PUBSUB),
    "firestore.reads": Price("Firestore", "document reads", 0.06, 100_000, _FIRESTORE),
    "firestore.writes": Price("Firestore", "document writes", FIRESTORE_100K_WRITES, 100_000, _FIRESTORE),
    "firestore.deletes": Price("Firestore", "document deletes", 0.02, 100_000, _FIRESTORE),
}


def cost(counter: str, amount: int) -> float:
    """Dollars for an amount of a counter."""
    price = PRICES[counter]
    return price.dollars * amount / price.unit


def total(bill: Mapping[str, int]) -> float:
    """Dollars for a whole bill."""
    return sum(cost(counter, bill.get(counter, 0)) for counter in PRICES)
