"""What bringing archived objects back costs.

A restore makes a readable copy for some days, which is paid for like any other object in S3 Standard; the archived
object stays and is paid for as before. https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

from collections.abc import Iterator

from shared.domain.archive import SILENT_CLASSES, Tier
from shared.pricing.prices import GB

RETRIEVAL: dict[str, dict[Tier, tuple[float, float]]] = {
    "GLACIER": {Tier.BULK: (0.0, 0.0), Tier.STANDARD: (0.01, 0.05), Tier.EXPEDITED: (0.03, 10.0)},
    "DEEP_ARCHIVE": {Tier.BULK: (0.0025, 0.025), Tier.STANDARD: (0.02, 0.1)},
    "INTELLIGENT_TIERING": {Tier.BULK: (0.0, 0.0), Tier.STANDARD: (0.0, 0.0)},
}
"""US dollars for a GB and for a thousand requests, by class and tier; a tier that is missing does not exist.
https://aws.amazon.com/s3/pricing/, United States, as published in November 2026"""

STANDARD_GB_MONTH = 0.023
"""Of the readable copy: https://aws.amazon.com/s3/pricing/"""

_DAYS_A_MONTH = 30


def restore_prices(storage_class: str, keys: int, size: int, days: int) -> Iterator[tuple[Tier, float]]:
    """Dollars for restoring so many objects of so many bytes for some days, by every tier there is."""
    kept = 0.0 if storage_class in SILENT_CLASSES else size / GB * STANDARD_GB_MONTH * days / _DAYS_A_MONTH
    for tier, (a_gb, a_thousand) in RETRIEVAL.get(storage_class, {}).items():
        yield tier, size / GB * a_gb + keys / 1000 * a_thousand + kept
