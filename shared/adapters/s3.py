"""The source bucket, asked directly: listing, HEAD, and the way around the CDN."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree

from shared.adapters.cdn_access import Access
from shared.adapters.http import Http
from shared.adapters.s3_address import S3Address
from shared.core import verdicts
from shared.core.errors import Changed, Refused
from shared.core.objects import Attributes, SourceObject
from shared.ports import Body

_NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_META = "x-amz-meta-"


class S3Source:
    """`shared.ports.Source` over S3's REST API."""

    def __init__(self, address: S3Address, http: Http) -> None:
        self._address = address
        self._http = http

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Sequence[SourceObject]]:
        """ListObjectsV2, 1,000 keys a page; keys come URL-encoded because XML cannot hold them all.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        token: str | None = None
        while True:
            fields = {"encoding-type": "url", "list-type": "2", "prefix": quote(prefix, safe="")}
            if token is not None:
                fields["continuation-token"] = quote(token, safe="")
            elif after:
                fields["start-after"] = quote(after, safe="")
            query = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
            url = self._address.url(query=query)
            answer = await self._http.ask(
                f"listing s3 prefix {prefix.decode()!r}",
                verdicts.reading,
                lambda url=url: ("GET", url, self._address.signed("GET", url)),  # type: ignore[misc]
            )
            page, token = parse_page(answer.body)
            if page:
                yield page
            if token is None:
                return

    async def head(self, key: bytes) -> SourceObject:
        url = self._address.url(key)
        answer = await self._http.ask(
            f"s3 HEAD {key.decode()}", verdicts.reading, lambda: ("HEAD", url, self._address.signed("HEAD", url))
        )
        headers = answer.headers
        return SourceObject(
            key=key,
            etag=unquoted(headers.get("etag", "")),
            size=int(headers.get("content-length", "0")),
            modified=int(parsedate_to_datetime(headers["last-modified"]).timestamp()),
            storage_class=headers.get("x-amz-storage-class", "STANDARD"),
        )


class ObjectDownload:
    """`shared.ports.Download` by one way to the bytes."""

    def __init__(self, access: Access, http: Http) -> None:
        self._access = access
        self._http = http

    @asynccontextmanager
    async def open(self, source: SourceObject) -> AsyncIterator[Body]:
        url, headers = self._access.request(source.key)
        headers["If-Match"] = f'"{source.etag}"'
        what = f"{self._access.side} GET {source.text}"
        async with self._http.open("GET", url, headers) as response:
            if response.status != 200:
                raise verdicts.reading(what, response.status, response.headers, await response.read())
            etag = unquoted(response.headers.get("etag", ""))
            if etag != source.etag:
                raise Changed(f"{what}: ETag {etag}, asked for {source.etag}")
            if response.length is None:
                raise Refused(f"{what}: the answer does not say how long it is")
            yield Body(etag, response.length, attributes(response.headers), response)


def parse_page(body: bytes) -> tuple[list[SourceObject], str | None]:
    """The objects of a ListObjectsV2 page, and the token of the next one."""
    root = ElementTree.fromstring(body)
    page = []
    for item in root.iter(f"{_NS}Contents"):
        page.append(
            SourceObject(
                key=unquote_to_bytes(item.findtext(f"{_NS}Key", "").replace("+", "%20")),
                etag=unquoted(item.findtext(f"{_NS}ETag", "")),
                size=int(item.findtext(f"{_NS}Size", "0")),
                modified=int(datetime.fromisoformat(item.findtext(f"{_NS}LastModified", "")).timestamp()),
                storage_class=item.findtext(f"{_NS}StorageClass", "STANDARD"),
            )
        )
    truncated = root.findtext(f"{_NS}IsTruncated") == "true"
    return page, root.findtext(f"{_NS}NextContinuationToken") if truncated else None


def attributes(headers: Mapping[str, str]) -> Attributes:
    """What an S3 response says about the object besides its bytes."""
    return Attributes(
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        content_language=headers.get("content-language"),
        content_disposition=headers.get("content-disposition"),
        cache_control=headers.get("cache-control"),
        metadata={name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)},
        encryption=headers.get("x-amz-server-side-encryption"),
    )


def unquoted(etag: str) -> str:
    """An ETag without its quotes, and without the weak mark a CDN may have put on it."""
    return etag.removeprefix("W/").strip('"')
