"""The source bucket, asked directly: listing, HEAD, restores, and the way around the CDN."""

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import quote

from shared.aws.address import NOTHING, S3Address
from shared.aws.cloudfront import Access
from shared.aws.listing import Listing, NotAListing, parse, unquoted
from shared.domain.archive import CLASSES, SILENT_CLASSES, Restore, Tier, read_header
from shared.domain.errors import Changed, Corrupt, Unsorted
from shared.domain.objects import Attributes, SourceObject
from shared.domain.page import Page, in_order
from shared.http import classification
from shared.http.client import Answer, Http
from shared.http.connection import Response
from shared.ports.download import OpenDownload, Span
from shared.ports.source import Children

_META = "x-amz-meta-"
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
RESTORES = MappingProxyType({"x-amz-optional-object-attributes": "RestoreStatus"})
"""Asks for what a listing does not say by itself."""

CHECKSUMS = MappingProxyType({"x-amz-checksum-mode": "ENABLED"})
"""Asks S3 to say the checksums that it keeps."""


class S3Source:
    """`shared.ports.Source` over S3's REST API."""

    def __init__(self, address: S3Address, http: Http) -> None:
        self._address = address
        self._http = http

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        """ListObjectsV2, 1,000 keys a page, each asked for by the last key of the one before: a continuation token
        may expire, a key does not. Pages with archived objects are asked for with what S3 knows of their restores.
        """
        told = False
        while True:
            listing = await self._list(prefix, after, amz=RESTORES if told else NOTHING)
            told, asked = not CLASSES.isdisjoint(listing.page.storage_classes), told
            if told and not asked:
                continue
            if len(listing.page):
                yield listing.page
                after = listing.page.last
            if not listing.truncated:
                return

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        page = (await self._list(prefix, after, {"max-keys": "1"})).page
        return page.last if len(page) else None

    async def children(self, prefix: bytes, after: bytes) -> Children:
        listing = await self._list(prefix, after, {"delimiter": "%2F"})
        return Children([item.decode() for item in listing.prefixes], not listing.truncated)

    async def _list(
        self, prefix: bytes, after: bytes, more: Mapping[str, str] = NOTHING, amz: Mapping[str, str] = NOTHING
    ) -> Listing:
        """Keys come URL-encoded because XML cannot hold them all. A damaged page is asked for again.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        fields = {"encoding-type": "url", "list-type": "2", "prefix": quote(prefix, safe=""), **more}
        if after:
            fields["start-after"] = quote(after, safe="")
        url = self._address.url(query="&".join(f"{name}={value}" for name, value in sorted(fields.items())))
        what = f"listing s3 prefix {prefix.decode()!r}"

        def read(answer: Answer) -> Listing:
            try:
                listing = parse(answer.body)
            except NotAListing as error:
                raise Corrupt(f"{what}: not a listing: {error}") from None
            if not in_order(listing.page.keys, after):
                raise Unsorted(
                    f"{what}: the page after {after.decode()!r} is not in the order of the keys' bytes; only general "
                    "purpose buckets list in order"
                )
            return listing

        return await self._http.read(
            what, classification.reading, lambda: ("GET", url, self._address.signed("GET", url, amz)), read
        )

    async def head(self, key: bytes) -> SourceObject:
        return (await self.inspect(key))[0]

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        headers = (await self._head(key)).headers
        found = SourceObject(
            key=key,
            etag=unquoted(headers.get("etag", "")),
            size=int(headers.get("content-length", "0")),
            modified=int(parsedate_to_datetime(headers["last-modified"]).timestamp()),
            storage_class=headers.get("x-amz-storage-class", "STANDARD"),
            restore=_restore(headers),
        )
        return found, attributes(headers)

    async def restore(self, source: SourceObject, tier: Tier, days: int) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html"""
        for_days = "" if source.storage_class in SILENT_CLASSES else f"<Days>{days}</Days>"
        job = f"<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>"
        body = f'<RestoreRequest xmlns="{_XMLNS}">{for_days}{job}</RestoreRequest>'.encode()
        url, what = self._address.url(source.key, "restore="), f"s3 restore of {source.text}"
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()

        def read(answer: Answer) -> None:
            if answer.status == 409 and b"<Code>RestoreAlreadyInProgress</Code>" not in answer.body:
                raise classification.reading(what, answer.status, answer.headers, answer.body)

        await self._http.read(
            what,
            classification.reading,
            lambda: ("POST", url, {**self._address.signed("POST", url, body=body), "Content-MD5": md5}),
            read,
            good=(200, 202, 409),
            body=body,
        )

    async def part_bytes(self, source: SourceObject) -> int | None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: partNumber"""
        headers = (await self._head(source.key, "partNumber=1", {"If-Match": f'"{source.etag}"'})).headers
        return int(headers["content-length"]) if "x-amz-mp-parts-count" in headers else None

    async def _head(self, key: bytes, query: str = "", more: Mapping[str, str] = NOTHING) -> Answer:
        url = self._address.url(key, query)
        return await self._http.ask(
            f"s3 HEAD {key.decode()}",
            classification.reading,
            lambda: ("HEAD", url, {**self._address.signed("HEAD", url, CHECKSUMS), **more}),
            good=(200, 206),
        )


class ObjectDownload:
    """`shared.ports.Download` by one way to the bytes."""

    def __init__(self, access: Access, http: Http) -> None:
        self._access = access
        self._http = http

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        url, headers = self._access.request(source.key, CHECKSUMS)
        headers["If-Match"] = f'"{source.etag}"'
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{span[1] - 1}"
        what = f"{self._access.route} GET {source.text}"
        exchange = self._http.open("GET", url, headers)
        response = await exchange.begin()
        try:
            if response.status not in (200, 206) or (span is None and response.status == 206):
                raise classification.reading(what, response.status, response.headers, await response.read())
            if span is not None:
                _check_span(what, response, span, source.size)
            etag = unquoted(response.headers.get("etag", ""))
            if etag != source.etag:
                raise Changed(f"{what}: ETag {etag}, asked for {source.etag}")
            size = source.size if span is None else span[1] - span[0]
            if response.length != size:
                raise Corrupt(f"{what}: {response.length} bytes are answered, this version has {size}")
            return OpenDownload(etag, size, attributes(response.headers), response, exchange.end, self._access.route)
        except BaseException:
            exchange.end()
            raise


def _check_span(what: str, response: Response, span: Span, size: int) -> None:
    """A CDN may answer with more than was asked for, or with all of it."""
    told = response.headers.get("content-range", "everything")
    if response.status != 206 or told != f"bytes {span[0]}-{span[1] - 1}/{size}":
        raise Changed(f"{what}: answered with {told}, asked for bytes {span[0]}-{span[1] - 1}/{size}")


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


def _restore(headers: Mapping[str, str]) -> Restore | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    if headers.get("x-amz-storage-class") in CLASSES or "x-amz-archive-status" in headers:
        return read_header(headers.get("x-amz-restore", ""))
    return None


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
