"""What the counted operations would have cost: list prices of the first tier, without what is free every month."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.pricing.catalog import published

PRICES = published().at("us-east-1").without_allowances()

COUNTED = (
    *("s3.list", "s3.get", "s3.head", "cdn.request", "cdn.egress_bytes", "gcs.class_a", "gcs.class_b"),
    *("pubsub.billed_bytes", "firestore.reads", "firestore.writes", "firestore.deletes"),
)
"""What the local servers count, by the names of the price list's meters."""


@dataclass(frozen=True, slots=True)
class Line:
    """counter: a meter's name. service: who charges it."""

    counter: str
    service: str
    what: str
    amount: int
    dollars: float


def priced(bill: Mapping[str, int]) -> Iterator[Line]:
    """What of a bill costs anything."""
    for counter in COUNTED:
        if counter in bill:
            meter, amount = PRICES.meters[counter], bill[counter]
            what = f"{meter.what}, bytes" if counter.endswith("_bytes") else meter.what
            yield Line(counter, meter.service, what, amount, PRICES.cost(counter, amount))


def total(bill: Mapping[str, int]) -> float:
    """Dollars for a whole bill."""
    return sum(line.dollars for line in priced(bill))
