"""Pages of ListObjectsV2, read.

An XML parser spends most of a scan's time (docs/decisions.md, Listing, has figures). So what looks exactly as S3 writes
it is read by one regular expression. Where that does not account for every element (another order, another server),
ElementTree reads the page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

from shared.domain.archive import Restore
from shared.domain.page import Page

_CONTENTS = re.compile(
    "<Contents><Key>([^<]*)</Key>"
    r"<LastModified>([0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\.[0-9]{3}Z)</LastModified>"
    "<ETag>&quot;([^&]*)&quot;</ETag>"
    "(?:<Checksum(?:Algorithm|Type)>[^<]*</Checksum(?:Algorithm|Type)>)*"
    "<Size>([0-9]+)</Size><StorageClass>([^<]*)</StorageClass></Contents>"
)
_PREFIX = re.compile("<CommonPrefixes><Prefix>([^<]*)</Prefix></CommonPrefixes>")
_NEXT = re.compile("<NextContinuationToken>([^<]*)</NextContinuationToken>")
_MOST_BYTES = 2**60
"""A million times S3's largest object: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

_FIRST_YEAR = 1970
_NAMESPACE = re.compile(r"\{.*?\}")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a page says. prefixes: rolled up by a delimiter. truncated: whether there is more. token: of the next page,
    where this one names nothing that the next could begin behind.
    """

    page: Page
    prefixes: Sequence[bytes]
    truncated: bool
    token: str = ""


class NotAListing(Exception):
    """A body that is no page of a listing, or not all of one."""


def parse(body: bytes) -> Listing:
    """Read a page. Raises NotAListing."""
    try:
        return _read(body.decode())
    except (ValueError, ElementTree.ParseError) as error:
        raise NotAListing(str(error)) from None


def _read(text: str) -> Listing:
    if text.rstrip().endswith("</ListBucketResult>"):
        truncated, encoded = "<IsTruncated>true</IsTruncated>" in text, "<EncodingType>url</EncodingType>" in text
        rows, rolled_up = _CONTENTS.findall(text), text.count("<CommonPrefixes>")
        prefixes = _PREFIX.findall(text) if rolled_up else []
        whole = (text.count("<Contents>"), rolled_up) == (len(rows), len(prefixes))
        plain = text.count("&") == 2 * len(rows)
        if whole and plain and encoded and (truncated or "<IsTruncated>false</IsTruncated>" in text):
            token = _NEXT.search(text) if truncated and not rows else None
            return Listing(_page(rows), list(map(_decoded, prefixes)), truncated, token[1] if token else "")
    return _by_parser(text)


def unquoted(etag: str) -> str:
    """An ETag without its quotes, and without the weak mark a CDN may have put on it."""
    return etag.removeprefix("W/").strip('"')


def _page(rows: Sequence[tuple[str, str, str, str, str]]) -> Page:
    if not rows:
        return Page((), (), (), (), ())
    keys, modified, etags, sizes, classes = zip(*rows, strict=True)
    return _sensible(Page(_all_decoded(keys), etags, list(map(int, sizes)), modified, classes))


def _sensible(page: Page) -> Page:
    """Raises ValueError for what no object has: a key that is no UTF-8, a size, a time or an ETag that is none. An ETag
    goes into a header.
    """
    b"\n".join(page.keys).decode()
    etags = "".join(page.etags)
    if not (etags.isascii() and etags.isprintable()):
        raise ValueError("an ETag that no header can carry")
    if len(page) and not 0 <= min(page.sizes) <= max(page.sizes) <= _MOST_BYTES:
        raise ValueError("a size that no object has")
    for moment in {text[:19] for text in page.modified}:
        if datetime.fromisoformat(moment).year < _FIRST_YEAR:
            raise ValueError(f"LastModified {moment}")
    return page


def _all_decoded(keys: Sequence[str]) -> list[bytes]:
    """Keys that have nothing to be decoded are encoded all at once."""
    text = "\n".join(keys)
    plain = "%" not in text and "+" not in text and text.count("\n") == len(keys) - 1
    return text.encode().split(b"\n") if plain else list(map(_decoded, keys))


def _decoded(text: str) -> bytes:
    """What encoding-type=url says. S3 writes a space as `+`."""
    return unquote_to_bytes(text.replace("+", "%20")) if "%" in text or "+" in text else text.encode()


def _by_parser(text: str) -> Listing:
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
    if root.tag != "ListBucketResult" or root.findtext("IsTruncated") not in ("true", "false"):
        raise ValueError(f"<{root.tag}>, IsTruncated {root.findtext('IsTruncated')}")
    decoded = _decoded if root.findtext("EncodingType") == "url" else str.encode
    found = [
        (
            item.findtext("Key", ""),
            item.findtext("LastModified", ""),
            unquoted(item.findtext("ETag", "")),
            int(item.findtext("Size", "")),
            item.findtext("StorageClass", "STANDARD"),
        )
        for item in root.iterfind("Contents")
    ]
    prefixes = [decoded(item.findtext("Prefix", "")) for item in root.iterfind("CommonPrefixes")]
    columns = [list(column) for column in zip(*found, strict=True)] or [[], [], [], [], []]
    keys, modified, etags, sizes, classes = columns
    restores = {
        decoded(item.findtext("Key", "")): _restore(status)
        for item in root.iterfind("Contents")
        if (status := item.find("RestoreStatus")) is not None
    }
    if any(datetime.fromisoformat(str(moment)).tzinfo is None for moment in modified):
        raise ValueError("a LastModified without a time zone")
    page = _sensible(Page([decoded(str(key)) for key in keys], etags, sizes, modified, classes, restores))
    token = "" if found else root.findtext("NextContinuationToken", "")
    return Listing(page, prefixes, root.findtext("IsTruncated") == "true", token)


def _restore(status: ElementTree.Element) -> Restore:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html"""
    if status.findtext("IsRestoreInProgress") == "true":
        return Restore.UNDER_WAY
    return Restore.DONE if status.findtext("RestoreExpiryDate") else Restore.NEEDED
