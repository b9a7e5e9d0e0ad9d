"""From an HTTP answer to an error that knows its fate and says what to do.

    status   sign                                               error
    ------   ------------------------------------------------   ------------
    301,307  PermanentRedirect, TemporaryRedirect               WrongRegion
    400      AuthorizationHeaderMalformed, IllegalLocation…     WrongRegion
    400      ExpiredToken, RequestTimeout                       Transient
    400      UserProjectMissing, "requester pays"               NoPayer
    400      KMS.…                                              KmsDenied
    401      any                                                BadKeys
    403      InvalidObjectState                                 Archived
    403      RequestTimeTooSkewed                               ClockSkew
    403      RequestExpired                                     Transient
    403      InvalidAccessKeyId, SignatureDoesNotMatch, …       BadKeys
    403      "kms:" or "Cloud KMS" in the message               KmsDenied
    403      retentionPolicyNotMet, "retention", "hold"         Retained
    403      any other                                          Forbidden
    404      NoSuchBucket, "bucket does not exist"              NoSuchBucket
    404,410  any other                                          Gone
    408      any                                                Transient
    412      any                                                Changed (reading), LostRace (writing)
    429      any                                                Throttled
    503      SlowDown                                           Throttled
    5xx      any other                                          Transient
    other    any                                                Refused

A sign is S3's error code, a reason of the JSON API, or words of the message, which is all that some answers have.
S3's codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
GCS's: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

import re
from collections.abc import Mapping

from shared.domain.errors import (
    Archived,
    BadKeys,
    Changed,
    ClockSkew,
    Forbidden,
    Gone,
    KmsDenied,
    LostRace,
    NoPayer,
    NoSuchBucket,
    ObjectError,
    Refused,
    Retained,
    Throttled,
    Transient,
    WrongRegion,
)

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]+)</Code>")
_REASON = re.compile(rb'"reason"\s*:\s*"([A-Za-z]+)"')
_RETENTION = re.compile(r"retention polic|retained until|\bhold\b", re.IGNORECASE)

_BAD_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidKey", "MissingKey"})
_ELSEWHERE = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
    }
)

_ADVICE: dict[type[ObjectError], str] = {
    WrongRegion: "set AWS_REGION to the bucket's region",
    NoPayer: "set REQUESTER_PAYS=true for a source bucket; a destination bucket must not have it",
    BadKeys: "check the credentials: the service account, AWS_CREDENTIALS_SECRET or the role, CDN_KEY_PAIR_ID",
    KmsDenied: "grant decryption with the bucket's KMS key on AWS, or its use to Cloud Storage's service agent",
    Retained: "the destination's retention policy or a hold forbids replacing this object",
    NoSuchBucket: "check SOURCE_BUCKET, DESTINATION_BUCKET and STAGING_BUCKET",
    ClockSkew: "the instance's clock is wrong",
    Forbidden: "check the policies of bucket and role; REQUESTER_PAYS=true if the source makes the requester pay",
}


def error_code(body: bytes) -> str:
    """S3's error code or the JSON API's reason in an error body, "" where there is none (a HEAD has no body)."""
    found = _CODE.search(body) or _REASON.search(body)
    return found.group(1).decode() if found else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of patience asked for. The HTTP-date form is read as "not said": no clock here."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def reading(what: str, status: int, headers: Mapping[str, str], body: bytes = b"") -> ObjectError:
    """The error for a failed read of `what` (a phrase that names side and key)."""
    return Changed(f"{what}: not the version asked for") if status == 412 else _common(what, status, headers, body)


def writing(what: str, status: int, headers: Mapping[str, str], body: bytes = b"") -> ObjectError:
    """The error for a failed write of `what`."""
    if status == 412:
        return LostRace(f"{what}: the destination has another generation than the one looked at")
    return _common(what, status, headers, body)


def _common(what: str, status: int, headers: Mapping[str, str], body: bytes) -> ObjectError:
    code, text = error_code(body), body[:2000].decode(errors="replace")
    kind = _kind(status, code, text)
    said = f"{what}: HTTP {status} {code or text[:200]}".rstrip()
    if kind is Throttled:
        return Throttled(said, retry_after(headers))
    return kind(f"{said}; {_ADVICE[kind]}" if kind in _ADVICE else said)


def _kind(status: int, code: str, text: str) -> type[ObjectError]:
    match status:
        case 301 | 307 | 400 if code in _ELSEWHERE:
            return WrongRegion
        case 400 if code in ("ExpiredToken", "RequestTimeout"):
            return Transient
        case 400 if code == "UserProjectMissing" or "requester pays" in text:
            return NoPayer
        case 400 if code.startswith("KMS."):
            return KmsDenied
        case 401:
            return BadKeys
        case 403:
            return _denied(code, text)
        case 404 if code == "NoSuchBucket" or "bucket does not exist" in text:
            return NoSuchBucket
        case 404 | 410:
            return Gone
        case 408:
            return Transient
        case 429:
            return Throttled
        case 503 if code == "SlowDown":
            return Throttled
        case _:
            return Transient if status >= 500 else Refused


def _denied(code: str, text: str) -> type[ObjectError]:
    if code == "InvalidObjectState":
        return Archived
    if code == "RequestTimeTooSkewed":
        return ClockSkew
    if code in ("RequestExpired", "RequestTimeout"):
        return Transient
    if code in _BAD_KEYS:
        return BadKeys
    if "kms:" in text or "Cloud KMS" in text:
        return KmsDenied
    if code == "retentionPolicyNotMet" or _RETENTION.search(text):
        return Retained
    return Forbidden
