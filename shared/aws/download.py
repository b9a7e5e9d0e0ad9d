"""An object's bytes, by one way to them."""

from typing import Self

from shared.aws.address import CHECKSUMS
from shared.aws.attributes import attributes
from shared.aws.cloudfront import Access
from shared.aws.listing import unquoted
from shared.domain.backoff import BODY
from shared.domain.checksums import Chunk
from shared.domain.errors import Changed, Corrupt, Forbidden, Gone, Refused, Transient
from shared.domain.objects import SourceObject
from shared.domain.reasons import Party, Scope
from shared.domain.routes import DIRECT
from shared.http.classification import Classifier
from shared.http.client import REFUSAL_BYTES, Exchange, Http, Request
from shared.http.pool import Lane
from shared.http.response import Response
from shared.ports.download import OpenDownload, Span


class ObjectDownload:
    """`shared.ports.download.Download`."""

    def __init__(self, access: Access, http: Http) -> None:
        self._access, self._http = access, http
        self._classify = Classifier(Party.S3 if access.route == DIRECT else Party.EDGE)

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        body = _Body(self._access, self._http, self._classify, source, span)
        try:
            response = await body.begin()
        except BaseException:
            body.close()
            raise
        size = body.end - body.start
        return OpenDownload(source.etag, size, attributes(response.headers), body, body.close, self._access.route)


class _Body:
    """The chunks of a span, exactly as many bytes. Where the connection breaks off another one goes on from there, with
    the same version. It takes no new turn: whoever holds a turn must not wait for one.
    """

    __slots__ = (
        "_access", "_at", "_breaks", "_classify", "_exchange", "_http", "_response", "_since", "_source", "_whole",
        "end", "start",
    )  # fmt: skip

    def __init__(
        self, access: Access, http: Http, classify: Classifier, source: SourceObject, span: Span | None
    ) -> None:
        self._access, self._http, self._classify, self._source = access, http, classify, source
        self._whole = span is None
        self.start, self.end = (0, source.size) if span is None else span
        self._at = self.start
        self._breaks = 0
        self._since = 0.0
        self._exchange: Exchange | None = None
        self._response: Response | None = None

    async def begin(self) -> Response:
        """Ask for what is still missing. Whoever calls this calls `close`, whatever comes of it."""
        url, headers = await self._access.request(self._source.key, CHECKSUMS)
        headers["If-Match"] = f'"{self._source.etag}"'
        whole = self._whole and self._at == self.start
        if not whole:
            headers["Range"] = f"bytes={self._at}-{self.end - 1}"
        request = Request("GET", url, headers, lane=Lane.DOWNLOAD)
        self._exchange = self._http.open(request) if self._exchange is None else self._exchange.instead(request)
        response = await self._exchange.begin()
        if response.status != 200 and (response.status != 206 or whole):
            body = await response.read(REFUSAL_BYTES)
            raise self._classify(self._what, response.status, response.headers, body)
        if not whole:
            self._check_range(response)
        etag = unquoted(response.headers.get("etag", ""))
        if etag != self._source.etag:
            raise Changed(f"{self._what}: ETag {etag}, asked for {self._source.etag}", party=self._party)
        length = response.length
        if length is not None and length != self.end - self._at:
            raise Corrupt(f"{self._what}: {length} bytes are answered, {self.end - self._at} are missing")
        self._response = response
        return response

    def _check_range(self, response: Response) -> None:
        """A CDN may answer with more than was asked for, or with all of it."""
        sent = response.headers.get("content-range", "everything")
        asked = f"bytes {self._at}-{self.end - 1}/{self._source.size}"
        if response.status != 206 or sent != asked:
            raise Changed(f"{self._what}: answered with {sent}, asked for {asked}", party=self._party)

    @property
    def _party(self) -> Party:
        return self._classify.party

    @property
    def _what(self) -> str:
        return f"{self._access.route} GET {self._source.text}"

    def close(self) -> None:
        """Give the connection back."""
        if self._exchange is not None:
            self._exchange.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        if self._at == self.end and self._response is not None and self._response.drained:
            raise StopAsyncIteration
        while True:
            try:
                response = self._response or await self.begin()
                chunk = await anext(response, None)
                if chunk is None and self._at < self.end:
                    raise Transient(f"{self._what}: it ends {self.end - self._at} bytes early")
                break
            except Transient as broken:
                await self._wait(broken)
            except (Forbidden, Gone, Refused) as refused:
                if self._party is not Party.EDGE or refused.reason.scope is not Scope.KEY:
                    raise
                text = f"{refused}; that of the rest of a body that broke off"  # whoever opens it anew asks S3
                raise Transient(text, party=Party.EDGE, status=refused.status) from refused
        if chunk is None:
            raise StopAsyncIteration
        self._at += len(chunk)
        if self._at > self.end:
            raise Corrupt(f"{self._what}: more bytes came than the {self.end - self.start} promised")
        return chunk

    async def _wait(self, broken: Transient) -> None:
        """Until it is worth going on; raises what broke it if it is not."""
        clock = self._http.clock
        self._response = None
        self._since = self._since if self._breaks else clock.monotonic()
        self._breaks += 1
        wait = BODY.wait(self._breaks, clock.monotonic() - self._since, clock.draw(), broken.retry_after)
        if wait is None or isinstance(broken, Corrupt) or not self.start < self._at < self.end:
            raise broken
        await clock.sleep(wait)
