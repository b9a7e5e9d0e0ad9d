"""What the headers of an S3 response say about an object besides its bytes."""

from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from shared.domain.objects import Attributes

_META = "x-amz-meta-"


def attributes(headers: Mapping[str, str]) -> Attributes:
    """What an S3 response says about the object besides its bytes."""
    whole = headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT"
    return Attributes(
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        content_language=headers.get("content-language"),
        content_disposition=headers.get("content-disposition"),
        cache_control=headers.get("cache-control"),
        metadata={name[len(_META) :]: _text(value) for name, value in headers.items() if name.startswith(_META)},
        encryption=headers.get("x-amz-server-side-encryption"),
        crc32c=headers.get("x-amz-checksum-crc32c") if whole else None,
        crc64nvme=headers.get("x-amz-checksum-crc64nvme") if whole else None,
        storage_class=headers.get("x-amz-storage-class", "STANDARD"),
    )


def _text(value: str) -> str:
    """User metadata as its owner wrote it: S3 sends what is not ASCII as RFC 2047 encoded words.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    if not (value.startswith("=?") and value.endswith("?=")):
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, HeaderParseError):
        return value
