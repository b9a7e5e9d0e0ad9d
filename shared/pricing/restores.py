"""What bringing archived objects back costs: retrieval, requests and the readable copies for some days.

A restore makes a readable copy for some days, which is paid for like any other object in S3 Standard; the archived
object stays and is paid for as before. In INTELLIGENT_TIERING the object itself moves back instead.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

from collections.abc import Iterator

from shared.domain.archive import SILENT_CLASSES, Tier
from shared.pricing.catalog import Prices

_DAYS_A_MONTH = 30


def restore_prices(prices: Prices, storage_class: str, keys: int, size: int, days: int) -> Iterator[tuple[Tier, float]]:
    """Dollars for restoring so many objects of so many bytes for some days, by every tier that the class has."""
    kept = 0.0 if storage_class in SILENT_CLASSES else prices.cost("s3.kept_bytes", size) * days / _DAYS_A_MONTH
    for tier in Tier:
        read, asked = f"s3.restored_bytes.{storage_class}.{tier}", f"s3.restore_requests.{storage_class}.{tier}"
        if read in prices.meters:
            yield tier, prices.cost(read, size) + prices.cost(asked, keys) + kept
