"""Where a bucket's objects are, and the right to read them.

A request is signed for S3's own host and path. Through a CloudFront distribution that forwards every
viewer header but Host and caches nothing, the same signature is valid at the origin, so the bucket stays
private and no key pair has to be kept:
https://cloud.google.com/storage-transfer/docs/s3-cloudfront
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from botocore.credentials import Credentials

from shared.aws.sigv4 import EMPTY_SHA256, Keys, signed_headers
from shared.domain.keys import quote_key
from shared.ports.clock import Clock

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class S3Address:
    """base: URL of the bucket, without a slash at its end. credentials: botocore's, which renew themselves.
    requester_pays: whether to say with every request that its sender pays.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
    """

    base: str
    region: str
    credentials: Credentials
    clock: Clock
    requester_pays: bool = False

    @classmethod
    def of(
        cls,
        bucket: str,
        region: str,
        endpoint: str | None,
        credentials: Credentials,
        clock: Clock,
        requester_pays: bool = False,
    ) -> "S3Address":
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
        return cls(base, region, credentials, clock, requester_pays)

    def url(self, key: bytes = b"", query: str = "") -> str:
        """The URL of a key, or of the bucket with a query."""
        return f"{self.base}/{quote_key(key)}{'?' if query else ''}{query}"

    def signed(self, method: str, url: str, amz: Mapping[str, str] = NOTHING, body: bytes = b"") -> dict[str, str]:
        """Headers that make a request one of ours. amz: further x-amz- headers, in lower case."""
        parts = urlsplit(url)
        frozen = self.credentials.get_frozen_credentials()
        given = {**amz, "x-amz-request-payer": "requester"} if self.requester_pays else amz
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
        now, digest = self.clock.now(), hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        return signed_headers(
            method, parts.netloc, parts.path, parts.query, keys, self.region, now, given, body_sha256=digest
        )
