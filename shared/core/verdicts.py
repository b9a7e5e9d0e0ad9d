"""From an HTTP answer to an error that knows its fate.

    status   code                                      error
    ------   ---------------------------------------   ---------
    403      InvalidObjectState                        Archived
    403      RequestTimeTooSkewed, RequestTimeout…     Transient
    401,403  any other                                 Forbidden
    404,410  any                                       Gone
    408      any                                       Transient
    412      any                                       Changed (reading), LostRace (writing)
    429      any                                       Throttled
    503      SlowDown                                  Throttled
    5xx      any other                                 Transient
    other    any                                       Refused

S3's codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
GCS's: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

import re
from collections.abc import Mapping

from shared.core.errors import (
    Archived,
    Changed,
    Forbidden,
    Gone,
    LostRace,
    ObjectError,
    Refused,
    Throttled,
    Transient,
)

_CODE = re.compile(rb"<Code>([A-Za-z0-9]+)</Code>")
_PASSING_403 = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "RequestExpired"})


def error_code(body: bytes) -> str:
    """S3's error code in an XML error body, or "" where there is none (a HEAD has no body)."""
    found = _CODE.search(body)
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
    code = error_code(body)
    said = f"{what}: HTTP {status} {code or body[:200].decode(errors='replace')}".rstrip()
    match status:
        case 403 if code == "InvalidObjectState":
            return Archived(said)
        case 403 if code in _PASSING_403:
            return Transient(said)
        case 401 | 403:
            return Forbidden(said)
        case 404 | 410:
            return Gone(said)
        case 408:
            return Transient(said)
        case 429:
            return Throttled(said, retry_after(headers))
        case 503 if code == "SlowDown":
            return Throttled(said, retry_after(headers))
        case _ if status >= 500:
            return Transient(said)
        case _:
            return Refused(said)
