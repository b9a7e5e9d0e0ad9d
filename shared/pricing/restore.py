"""What bringing archived objects back costs: retrieval, requests and the readable copies for some days.

A restore makes a readable copy that is paid for like any object in S3 Standard; the archived object stays and is paid
for as before. In INTELLIGENT_TIERING the object itself moves back instead.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

from collections.abc import Iterator

from shared.pricing.catalog import Prices

DAYS_A_MONTH = 30
_BYTES, _REQUESTS = "s3.restored_bytes", "s3.restore_requests"
_NO_COPY = frozenset({"INTELLIGENT_TIERING"})


def restores(prices: Prices, storage_class: str, keys: int, size: int, days: int) -> Iterator[tuple[str, float]]:
    """Dollars for restoring so many objects of so many bytes for some days, by every tier that the class has."""
    kept = 0.0 if storage_class in _NO_COPY else prices.cost("s3.kept_bytes", size) * days / DAYS_A_MONTH
    for name in prices.meters:
        if name.startswith(f"{_BYTES}.{storage_class}."):
            tier = name.rpartition(".")[2]
            yield tier, prices.cost(name, size) + prices.cost(f"{_REQUESTS}.{storage_class}.{tier}", keys) + kept
