"""Signature Version 4, verified as S3 does.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from local.emulators.s3.store import S3Error

SKEW_SECONDS = 15 * 60

_PRESIGNED = frozenset(f"X-Amz-{name}" for name in ("Credential", "Date", "Expires", "Signature", "SignedHeaders"))
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""


def verify(method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Raises S3Error 403 unless the request is signed by one of the access keys in `secrets`."""
    pairs = parse_qsl(raw_query, keep_blank_values=True)
    given = dict(pairs)
    if "X-Amz-Signature" in given:
        if not set(given) >= _PRESIGNED or not re.fullmatch("[0-9]{1,6}", given["X-Amz-Expires"], re.ASCII):
            message = f"Query-string authentication version 4 requires the {', '.join(sorted(_PRESIGNED))} parameters."
            raise S3Error(400, "AuthorizationQueryParametersError", message)
        scope, names, signature = given["X-Amz-Credential"], given["X-Amz-SignedHeaders"], given["X-Amz-Signature"]
        moment, payload = given["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        if time.time() > _epoch(moment) + int(given["X-Amz-Expires"]):
            raise S3Error(403, "AccessDenied", "Request has expired")
    else:
        fields = _fields(headers.get("Authorization", ""))
        scope, names, signature = fields["Credential"], fields["SignedHeaders"], fields["Signature"]
        moment, payload = headers.get("x-amz-date", ""), headers.get("x-amz-content-sha256", "")
        if abs(time.time() - _epoch(moment)) > SKEW_SECONDS:
            raise S3Error(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
    steps = scope.split("/")
    if len(steps) != 5:
        raise S3Error(
            400, "AuthorizationHeaderMalformed", "The authorization header is malformed; a Credential has 5 parts"
        )
    access_key, date, region, service, _ = steps
    if access_key not in secrets:
        raise S3Error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    _check_signed(headers, names.split(";"))
    canonical = "\n".join(
        (
            method,
            quote(unquote_to_bytes(raw_path), safe="/~"),
            "&".join(sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)),
            "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names.split(";")),
            names,
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{date}/{region}/{service}/aws4_request\n{digest}"
    key = _signing_key(secrets[access_key], date, region, service)
    if not hmac.compare_digest(_hmac(key, text), _bytes(signature)):
        raise S3Error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )


def _check_signed(headers: Mapping[str, str], names: list[str]) -> None:
    """Every x-amz- header has to be signed; one that somebody on the way has added is refused.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html ("Calculating a signature", headers);
    the answer as S3 gives it: https://github.com/apache/arrow-rs-object-store/issues/484
    """
    unsigned = sorted({name.lower() for name in headers if name.lower().startswith("x-amz-")} - set(names))
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise S3Error(403, "AccessDenied", message, HeadersNotSigned=", ".join(unsigned))


def _fields(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(item.strip().partition("=")[::2] for item in rest.split(","))
    if algorithm != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= set(fields):
        raise S3Error(403, "AccessDenied", "Access Denied")
    return fields


def _bytes(signature: str) -> bytes:
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""


def _epoch(moment: str) -> float:
    try:
        return timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise S3Error(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


@lru_cache(64)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = _hmac(f"AWS4{secret}".encode(), date)
    for step in (region, service, "aws4_request"):
        key = _hmac(key, step)
    return key
