"""The URLs of a bucket's objects, and signed headers for them.

A request is signed for S3's own host and path. Through a CloudFront distribution that forwards every
viewer header but Host and caches nothing, the same signature is valid at the origin, so the bucket stays
private and no key pair has to be kept:
https://cloud.google.com/storage-transfer/docs/s3-cloudfront
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from botocore.credentials import Credentials

from shared.aws.credentials import SigningKeys
from shared.aws.sigv4 import EMPTY_SHA256, signed_headers
from shared.domain.keys import quote_key
from shared.ports.clock import Clock

NOTHING: Mapping[str, str] = MappingProxyType({})

CHECKSUMS = MappingProxyType({"x-amz-checksum-mode": "ENABLED"})
"""Asks S3 for the checksums that it keeps."""


@dataclass(frozen=True, slots=True)
class S3Address:
    """base: URL of the bucket, without a slash at its end. requester_pays: whether to say with every request that its
    sender pays.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
    """

    base: str
    region: str
    keys: SigningKeys
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
        addressed by path. credentials: botocore's, which renew themselves. China has a domain of its own.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html
        """
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        if endpoint is not None:
            base = f"{endpoint}/{bucket}"
        elif "." in bucket:
            base = f"https://s3.{region}.{domain}/{bucket}"
        else:
            base = f"https://{bucket}.s3.{region}.{domain}"
        return cls(base, region, SigningKeys(credentials), clock, requester_pays)

    def url(self, key: bytes = b"", query: str = "") -> str:
        """The URL of a key, or of the bucket with a query."""
        return f"{self.base}/{quote_key(key)}{'?' if query else ''}{query}"

    async def signed(
        self, method: str, url: str, amz: Mapping[str, str] = NOTHING, body: bytes = b""
    ) -> dict[str, str]:
        """Headers that make a request one of ours. amz: further x-amz- headers, in lower case.

        Raises Transient while there are no credentials.
        """
        target, _, query = url.partition("?")
        host, slash, path = target.partition("://")[2].partition("/")
        given = {**amz, "x-amz-request-payer": "requester"} if self.requester_pays else amz
        keys = await self.keys.current()
        now, digest = self.clock.now(), hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        return signed_headers(method, host, slash + path, query, keys, self.region, now, given, body_sha256=digest)
