"""Where a bucket's objects are, and the right to read them.

A request is signed for S3's own host and path. Through a CloudFront distribution that forwards every
viewer header but Host and caches nothing, the same signature is valid at the origin, so the bucket stays
private and no key pair has to be kept:
https://cloud.google.com/storage-transfer/docs/s3-cloudfront
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.credentials import Credentials

from shared.core.keys import quote_key
from shared.core.sigv4 import Keys, signed_headers
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class S3Address:
    """base: URL of the bucket, without a slash at its end. credentials: botocore's, which renew themselves."""

    base: str
    region: str
    credentials: Credentials
    clock: Clock

    @classmethod
    def of(cls, bucket: str, region: str, endpoint: str | None, credentials: Credentials, clock: Clock) -> "S3Address":
        """Virtual-hosted where S3 allows it. A bucket with dots in its name, and any other endpoint, is
        addressed by path.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        """
        if endpoint is not None:
            base = f"{endpoint}/{bucket}"
        elif "." in bucket:
            base = f"https://s3.{region}.amazonaws.com/{bucket}"
        else:
            base = f"https://{bucket}.s3.{region}.amazonaws.com"
        return cls(base, region, credentials, clock)

    def url(self, key: bytes = b"", query: str = "") -> str:
        """The URL of a key, or of the bucket with a query."""
        return f"{self.base}/{quote_key(key)}{'?' if query else ''}{query}"

    def signed(self, method: str, url: str) -> dict[str, str]:
        """Headers that make a request without a body one of ours."""
        parts = urlsplit(url)
        frozen = self.credentials.get_frozen_credentials()
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
        return signed_headers(method, parts.netloc, parts.path, parts.query, keys, self.region, self.clock.now())
