"""Conditions under which an object is read or written.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from local.emulators.s3.store import S3Error, StoredObject

_UNMET = "At least one of the pre-conditions you specified did not hold"


def check_read(headers: Mapping[str, str], stored: StoredObject) -> None:
    """Raises S3Error 304 or 412: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html"""
    known = (f'"{stored.etag}"', stored.etag, "*")
    match = headers.get("If-Match")
    if match is not None and match not in known:
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Match")
    if headers.get("If-None-Match") in known:
        raise S3Error(304, "NotModified")
    since = headers.get("If-Unmodified-Since")
    if since is not None and match is None and int(stored.modified) > parsedate_to_datetime(since).timestamp():
        raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Unmodified-Since")


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
