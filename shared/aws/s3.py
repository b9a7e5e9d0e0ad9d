"""The source bucket, asked directly: listing, HEAD, restores, and the way around the CDN."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import quote

from shared.aws.address import CHECKSUMS, NOTHING, S3Address
from shared.aws.attributes import attributes
from shared.aws.listing import Listing, NotAListing, parse, unquoted
from shared.domain.archive import ARCHIVE_CLASSES, SILENT_CLASSES, Restore, Tier, read_header
from shared.domain.backoff import BARREN_SECONDS, QUESTIONS, RetryPolicy
from shared.domain.checksums import even_sizes
from shared.domain.errors import Corrupt, Refused, Transient, Unsorted
from shared.domain.objects import Attributes, SourceObject
from shared.domain.page import Page, in_order
from shared.domain.reasons import Party
from shared.http.classification import Classifier
from shared.http.client import NO_HEADERS, Answer, Headers, Http, Request
from shared.http.retry import read
from shared.ports.source import Children

_S3 = Classifier(Party.S3)
_PARTS_AT_ONCE = 32
BARREN_PAGES = 4
"""Of a question about where to split, before it counts as answered by nothing: nobody tells how many deleted keys S3
passes on a page. A split asks some eighty such questions one after the other, a page takes about a tenth of a second,
and the lease is not renewed meanwhile: all together fit into the minute that it lasts.
"""

_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
RESTORES = MappingProxyType({"x-amz-optional-object-attributes": "RestoreStatus"})
"""Asks for the restore status of archived objects, which a listing leaves out by default."""


class S3Source:
    """`shared.ports.source.Source` over S3's REST API.

    retry: of requests for one key; listings are retried in any case.
    """

    def __init__(self, address: S3Address, http: Http, retry: RetryPolicy = QUESTIONS) -> None:
        self._address, self._http, self._retry = address, http, retry

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        """ListObjectsV2, 1,000 keys a page, each asked for by the last key of the one before: a continuation token
        may expire, a key does not. Pages with archived objects are asked for with what S3 knows of their restores. S3
        may end a page before it has found a key, among many that were deleted: then its token alone leads on, and the
        page is handed on empty.
        """
        archives, token, named_at = False, "", self._http.clock.monotonic()
        while True:
            more = {"continuation-token": quote(token, safe="")} if token else NOTHING
            listing = await self._list(prefix, after, more, RESTORES if archives else NOTHING)
            archives, asked = not ARCHIVE_CLASSES.isdisjoint(listing.page.storage_classes), archives
            if archives and not asked:
                continue
            if len(listing.page) or listing.truncated:
                yield listing.page
            if not listing.truncated:
                return
            if len(listing.page):
                after, named_at = listing.page.last, self._http.clock.monotonic()
            elif self._http.clock.monotonic() - named_at > BARREN_SECONDS:
                raise Refused(
                    f"{_listing(prefix)}: pages behind {after!r} say that there are more, and name no key for "
                    f"{BARREN_SECONDS:g} s: what was deleted there must go",
                    party=Party.S3,
                )
            token = listing.token

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        page = (await self._named(prefix, after, {"max-keys": "1"})).page
        return page.last if len(page) else None

    async def children(self, prefix: bytes, after: bytes) -> Children:
        listing = await self._named(prefix, after, {"delimiter": "%2F"})
        return Children(list(listing.prefixes), not listing.truncated)

    async def _named(self, prefix: bytes, after: bytes, asked: Mapping[str, str]) -> Listing:
        """The first page that names something, behind BARREN_PAGES at the most that do not."""
        listing = await self._list(prefix, after, asked)
        for _ in range(BARREN_PAGES):
            if len(listing.page) or listing.prefixes or not listing.truncated:
                break
            token = quote(listing.token, safe="")
            listing = await self._list(prefix, after, {**asked, "continuation-token": token})
        return listing

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
        what = _listing(prefix)

        def page(answer: Answer) -> Listing:
            try:
                listing = parse(answer.body)
            except NotAListing as error:
                raise Corrupt(f"{what}: not a listing: {error}") from None
            named = len(listing.page) or ("delimiter" in more and listing.prefixes)
            onward = quote(listing.token, safe="") != more.get("continuation-token", "")
            if listing.truncated and not (named or onward):
                raise Corrupt(f"{what}: a page without keys says that there are more, and not where")
            if not in_order(listing.page.keys, after):
                raise Unsorted(
                    f"{what}: the page after {after.decode()!r} is not in the order of the keys' bytes; only general "
                    "purpose buckets list in order"
                )
            return listing

        async def ask() -> Answer:
            return await self._http.send(Request("GET", url, await self._address.signed("GET", url, amz)))

        return await read(QUESTIONS, self._http.clock, what, _S3, ask, page)

    async def head(self, key: bytes) -> SourceObject:
        return (await self.inspect(key))[0]

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        headers = await self._head(key)
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

        def taken(answer: Answer) -> None:
            if answer.status == 409 and b"<Code>RestoreAlreadyInProgress</Code>" not in answer.body:
                raise _S3(what, answer.status, answer.headers, answer.body)

        async def ask() -> Answer:
            headers = {**await self._address.signed("POST", url, body=body), "Content-MD5": md5}
            return await self._http.send(Request("POST", url, headers, body, idempotent=True))

        good = (200, 202, 409)
        await read(QUESTIONS, self._http.clock, what, _S3, ask, taken, good)

    async def part_sizes(self, source: SourceObject, exact: bool = False) -> Sequence[int] | None:
        """One HEAD for the first part, one for the last, and one for each other where these two do not add up.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: partNumber
        """
        headers = await self._part(source, 1)
        if "x-amz-mp-parts-count" not in headers:
            return None
        count, first = int(headers["x-amz-mp-parts-count"]), int(headers["content-length"])
        if count == 1:
            return (first,)
        last = int((await self._part(source, count))["content-length"])
        even = even_sizes(source.size, count, first, last)
        if even is not None and (count == 2 or not exact):
            return even
        sizes = [first]
        for start in range(2, count, _PARTS_AT_ONCE):
            numbers = range(start, min(count, start + _PARTS_AT_ONCE))
            found = await asyncio.gather(*(self._part(source, number) for number in numbers))
            sizes += [int(item["content-length"]) for item in found]
        return (*sizes, last)

    async def _part(self, source: SourceObject, number: int) -> Headers:
        return await self._head(source.key, f"partNumber={number}", {"If-Match": f'"{source.etag}"'})

    async def _head(self, key: bytes, query: str = "", more: Headers = NO_HEADERS) -> Headers:
        """The headers of a HEAD's answer. Its refusal has no body, so the reason is asked for by a GET of one byte:
        HEAD says the same of a bucket that is gone and of a key that is.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        what = f"s3 HEAD {key.decode()}"

        async def ask() -> Answer:
            answer = await self._send("HEAD", self._address.url(key, query), more)
            if answer.status not in (400, 403, 404, 503):
                return answer
            probe = await self._send("GET", self._address.url(key), {**more, "Range": "bytes=0-0"})
            if answer.status == 503:  # S3 may ask for patience, which is no key's fault, and only a body says so
                return probe if probe.status == 503 else answer
            if probe.status in (200, 206, 416):
                raise Transient(f"{what}: HTTP {answer.status}, and yet the object can be read")
            return probe

        def headers(answer: Answer) -> Headers:
            return answer.headers

        return await read(self._retry, self._http.clock, what, _S3, ask, headers, good=(200, 206))

    async def _send(self, method: str, url: str, more: Headers) -> Answer:
        signed = await self._address.signed(method, url, CHECKSUMS)
        return await self._http.send(Request(method, url, {**signed, **more}))


def _listing(prefix: bytes) -> str:
    return f"listing s3 prefix {prefix.decode()!r}"


def _restore(headers: Mapping[str, str]) -> Restore | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    if headers.get("x-amz-storage-class") in ARCHIVE_CLASSES or "x-amz-archive-status" in headers:
        return read_header(headers.get("x-amz-restore", ""))
    return None
