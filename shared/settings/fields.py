"""How settings are read from text: pairs, lists, globs, times, names."""

import re
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field

from shared.domain.filters import translated
from shared.domain.page import rfc3339


def _pairs(text: object) -> object:
    """`old=new,older=newer`; either side may be percent-encoded."""
    if not isinstance(text, str):
        return text
    pairs = [item.partition("=") for item in text.split(",") if item]
    if any(not old or not equals for old, equals, _ in pairs):
        raise ValueError("must look like old=new,old=new")
    return tuple((unquote(old.strip()), unquote(new.strip())) for old, _, new in pairs)


Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)]


def _items(text: object) -> object:
    """`one,another`; each may be percent-encoded, so that a comma can be part of it."""
    return tuple(unquote(item.strip()) for item in text.split(",") if item.strip()) if isinstance(text, str) else text


def _glob(text: str) -> str:
    try:
        translated(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a glob: {error}") from None
    return text


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("must say its time zone, as in 2026-01-31T00:00:00Z")
    return rfc3339(moment.timestamp())


Names = Annotated[tuple[str, ...], BeforeValidator(_items)]
Globs = Annotated[tuple[Annotated[str, AfterValidator(_glob)], ...], BeforeValidator(_items)]
Moment = Annotated[str, AfterValidator(_moment)]


def _bucket(name: str) -> str:
    if name.endswith(DIRECTORY_BUCKET):
        raise ValueError("a directory bucket: it does not list in the order of its keys, which everything here needs")
    return name


def _origin(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// (http:// only for a local stack)")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]

SourceBucket = Annotated[BucketName, AfterValidator(_bucket)]

DIRECTORY_BUCKET = "--x-s3"
"""How the names of directory buckets end, which list in no order and know no StartAfter:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""

SECRET_VERSION = r"^projects/[^/]+/secrets/[^/]+/versions/[^/]+$"
STORAGE_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
"""https://cloud.google.com/storage/docs/storage-classes"""
