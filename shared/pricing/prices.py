"""What the services charge: list prices in US dollars, first tier, no free allowance.

As published in November 2026 for the United States and Europe; a job's settings replace those of egress by its own.
https://aws.amazon.com/s3/pricing/, https://aws.amazon.com/cloudfront/pricing/,
https://cloud.google.com/storage/pricing, https://cloud.google.com/run/pricing, https://cloud.google.com/pubsub/pricing,
https://cloud.google.com/firestore/pricing
"""

from dataclasses import dataclass

GB = 1e9

S3_EGRESS_GB = 0.09
CDN_EGRESS_GB = 0.085
CDN_10K_REQUESTS = 0.01

S3_1K_LISTS = 0.005
S3_1K_GETS = 0.0004
GCS_1K_CLASS_A = 0.005
PUBSUB_TIB = 40.0
FIRESTORE_100K_WRITES = 0.18
RUN_CPU_SECOND = 0.000024
RUN_GIB_SECOND = 0.0000025


@dataclass(frozen=True, slots=True)
class EgressPrices:
    """Dollars: for a GB out of S3, for a GB out of CloudFront, for 10,000 HTTPS requests to CloudFront. A GET at
    S3 is paid on both ways.
    """

    s3_gb: float = S3_EGRESS_GB
    cdn_gb: float = CDN_EGRESS_GB
    cdn_10k_requests: float = CDN_10K_REQUESTS

    def direct(self, size: int) -> float:
        """Dollars for `size` bytes straight from S3."""
        return size / GB * self.s3_gb

    def by_cdn(self, size: int) -> float:
        """Dollars for `size` bytes through the CDN, in one request."""
        return size / GB * self.cdn_gb + self.cdn_10k_requests / 10_000

    def cdn_is_cheaper(self, size: int) -> bool:
        """With list prices: above 200,000 bytes."""
        return self.by_cdn(size) < self.direct(size)
