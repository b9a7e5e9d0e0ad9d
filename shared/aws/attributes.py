"""What the headers of an S3 response say about an object besides its bytes."""

from binascii import a2b_base64
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from unicodedata import category

from shared.domain.digests import ALGORITHMS
from shared.domain.objects import Attributes

_META = "x-amz-meta-"
_META_LENGTH = len(_META)
_CHECKSUMS = [(f"x-amz-checksum-{name}", name, len(new().digest())) for name, new in ALGORITHMS.items()]
"""Header, algorithm, and bytes of a digest."""


def attributes(headers: Mapping[str, str]) -> Attributes:
    """What an S3 response says about the object besides its bytes. A header without a value says nothing: up to
    November 2024 S3 kept an empty Content-Encoding of what SDKs uploaded in chunks.
    https://github.com/aws/aws-sdk-kotlin/issues/1358
    """
    whole, composite = checksums(headers)
    if "md5" in whole:
        whole["md5"] = a2b_base64(whole["md5"]).hex()
    return Attributes(
        content_type=headers.get("content-type") or None,
        content_encoding=headers.get("content-encoding") or None,
        content_language=headers.get("content-language") or None,
        content_disposition=headers.get("content-disposition") or None,
        cache_control=headers.get("cache-control") or None,
        metadata={n[_META_LENGTH:]: _text(value) for n, value in headers.items() if n[:_META_LENGTH] == _META},
        encryption=headers.get("x-amz-server-side-encryption"),
        bucket_key=headers.get("x-amz-server-side-encryption-bucket-key-enabled", "").lower() == "true",
        composite=composite,
        storage_class=headers.get("x-amz-storage-class", "STANDARD"),
        **whole,
    )


def _is_digest(value: str, length: int) -> bool:
    try:
        return len(a2b_base64(value, strict_mode=True)) == length
    except ValueError:
        return False


def checksums(headers: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Checksums of the whole object by algorithm, and that of its parts' checksums with its algorithm.

    What ends with a dash and a number is of the parts, whatever the header of the type says; what the type calls
    composite without saying of how many parts is of no use.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html#large-object-checksums
    """
    whole, composite = {}, None
    full = headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT"
    for header, name, length in _CHECKSUMS:
        if header in headers:
            value = headers[header]
            if "-" in value:
                composite = (name, value)
            elif full and _is_digest(value, length):
                whole[name] = value
    return whole, composite


def _text(value: str) -> str:
    """User metadata as its owner wrote it: S3 sends what is not ASCII as RFC 2047 encoded words. What only looks like
    such words, because it would mean control characters or half a character, stays as it came.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    if not (value.startswith("=?") and value.endswith("?=")):
        return value
    try:
        text = str(make_header(decode_header(value)))
    except (ValueError, LookupError, HeaderParseError):
        return value
    return value if any(category(character) in ("Cc", "Cs") for character in text) else text
