"""Conditions under which an object is read or written.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import time
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

from local.emulators.s3.store import S3Error, StoredObject

_UNMET = "At least one of the pre-conditions you specified did not hold"


def check_read(headers: Mapping[str, str], stored: StoredObject, prefix: str = "") -> None:
    """Raises S3Error 304 or 412: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html

    An ETag decides before a date does. A date that is none, or that is not over yet in If-Modified-Since, is no
    condition: https://www.rfc-editor.org/rfc/rfc7232#section-3.3
    prefix: of the headers' names; a copy's conditions are of its source (`check_source`).
    """
    known = (f'"{stored.etag}"', stored.etag, "*")
    match, none_match = headers.get(f"{prefix}If-Match"), headers.get(f"{prefix}If-None-Match")
    if match is not None and match not in known:
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Match")
    if none_match in known:
        raise _not_modified(stored)
    unmodified = _moment(headers.get(f"{prefix}If-Unmodified-Since"))
    if unmodified is not None and match is None and int(stored.modified) > unmodified:
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Unmodified-Since")
    modified = _moment(headers.get(f"{prefix}If-Modified-Since"))
    if modified is not None and none_match is None and int(stored.modified) <= modified <= time.time():
        raise _not_modified(stored)


def _not_modified(stored: StoredObject) -> S3Error:
    """With what a 200 would say of the object: https://www.rfc-editor.org/rfc/rfc7232#section-4.1"""
    answer = S3Error(304, "NotModified")
    answer.headers = {"ETag": f'"{stored.etag}"', "Last-Modified": formatdate(stored.modified, usegmt=True)}
    return answer


def check_source(headers: Mapping[str, str], stored: StoredObject) -> None:
    """Raises S3Error 412 where the source of a copy is not what was to be copied.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    try:
        check_read(headers, stored, "x-amz-copy-source-")
    except S3Error as unmet:
        raise S3Error(412, "PreconditionFailed", _UNMET, **unmet.details) from None


def _moment(date: str | None) -> float | None:
    """Seconds since the epoch; None for no date, and for what is none."""
    try:
        return parsedate_to_datetime(date).timestamp() if date is not None else None
    except (ValueError, OverflowError):
        return None


def check_write(headers: Mapping[str, str], stored: StoredObject | None) -> None:
    """Raises S3Error where the object that is there (None if there is none) must not be written over.

    If-None-Match takes nothing but `*`, If-Match an ETag; a missing object has none to match:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if none_match not in (None, "*") or match == "*":
        raise S3Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    if none_match == "*" and stored is not None:
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-None-Match")
    if match is not None and stored is None:
        raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
    if match is not None and stored is not None and match.strip('"') != stored.etag:
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Match")


def check_delete(headers: Mapping[str, str]) -> None:
    """Raises S3Error for any condition, since none is kept here, as of DeleteObjects.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    """
    if any(name.lower() == "if-match" or name.lower().startswith("x-amz-if-match-") for name in headers):
        raise S3Error(501, "NotImplemented", "Conditions of a deletion are not implemented")
