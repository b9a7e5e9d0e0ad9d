"""A CloudFront-like edge in front of the S3 server.

It caches errors, as CloudFront does, and no objects. It asks in one of three ways who may read:

    sigv4        forwards every viewer header but Host, as a distribution with the managed policies CachingDisabled
                 and AllViewerExceptHostHeader does: a request signed for the origin stays valid there
    signed-url   checks a custom policy, and signs for the origin itself, as origin access control does
    public       lets everybody in, and signs for the origin itself

    POST   /_local/stale {"key": "a/b"}   keep the next version that passes, and serve it from then on
    DELETE /_local/stale                  serve what the origin has again
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import aiohttp
from aiohttp import web
from yarl import URL

from local.emulators.edge.errors import ErrorCache
from local.emulators.edge.origin import Origin, answer_headers, request_id
from local.emulators.edge.policy import PARAMETERS, Denied, PolicyCheck
from local.emulators.instruments import Fault, Instruments, Refusal, Reset, drop, send

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length", "date", "server"})
_STEP = 256 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A response that the edge holds on to."""

    status: int
    headers: dict[str, str]
    body: bytes


class Edge:
    """origin: the bucket behind the edge. errors: those of its answers that are kept. policy: the check of signed URLs,
    None where there is none.
    """

    def __init__(
        self, instruments: Instruments, origin: Origin, errors: ErrorCache, policy: PolicyCheck | None = None
    ) -> None:
        self.instruments = instruments
        self._errors = errors
        self._origin = origin
        self._policy = policy
        self._stale: dict[str, Kept | None] = {}
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_local/stale":
            return await self._set_stale(request)
        if request.raw_path.startswith("/_local/"):
            return await self.instruments.control(request)
        key = unquote(request.raw_path.partition("?")[0][1:], errors="replace")
        identity = request_id()
        named = answer_headers(identity)
        try:
            fault = await self.instruments.enter("cdn.request", key)
            if self._policy is not None:
                self._policy.check(*_signed_part(request))
            return await self._serve(request, key, fault, identity)
        except Denied as denied:
            text = f"<Error><Code>{denied.code}</Code><Message>{denied}</Message></Error>"
            return web.Response(status=403, text=text, content_type="text/xml", headers=named)
        except Refusal as refusal:
            text = f"<Error><Code>{refusal.code}</Code></Error>"
            return web.Response(status=refusal.status, text=text, headers=named)
        except Reset:
            drop(request)
        except aiohttp.ClientPayloadError:
            drop(request)
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"the edge cannot reach its origin: {error}", headers=named)
        return web.Response(status=502)

    async def _set_stale(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            self._stale.clear()
        else:
            self._stale[json.loads(await request.read())["key"]] = None
        return web.json_response({"stale": list(self._stale)})

    async def _serve(
        self, request: web.BaseRequest, key: str, fault: Fault | None, identity: str
    ) -> web.StreamResponse:
        named, path = answer_headers(identity), request.raw_path.partition("?")[0]
        kept = self._stale.get(key)
        if kept is not None and request.method == "GET":
            self.instruments.count("cdn.stale_answers")
            self.instruments.count("cdn.egress_bytes", len(kept.body))
            headers = {**kept.headers, **named, "X-Cache": "Hit from cloudfront", "Age": "86399"}
            return await send(request, kept.status, headers, _steps(kept.body), len(kept.body), fault)
        error = self._errors.get(path)
        if error is not None and request.method in ("GET", "HEAD"):
            self.instruments.count("cdn.cached_errors")
            headers = {**error.headers, **named, "Age": str(self._errors.age(error))}
            return web.Response(status=error.status, headers=headers, body=error.body)
        url = self._origin.base + _without_signature(request.raw_path)
        viewers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        headers = self._origin.headers(request.method, url, viewers, identity)
        async with self._connect().request(
            request.method, URL(url, encoded=True), headers=headers, allow_redirects=False
        ) as answer:
            out = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            out |= {**named, "X-Cache": "Miss from cloudfront" if answer.status < 400 else "Error from cloudfront"}
            if self._errors.takes(request.method, answer.status):
                self._errors.keep(path, answer.status, out, await answer.read())
            if key in self._stale and answer.status == 200:
                kept = self._stale[key] = Kept(answer.status, dict(out), await answer.read())
                self.instruments.count("cdn.egress_bytes", len(kept.body))
                return await send(request, kept.status, out, _steps(kept.body), len(kept.body), fault)
            if fault is not None or answer.status >= 400:
                body = await answer.read()
                return await send(request, answer.status, out, _steps(body), len(body), fault)
            response = web.StreamResponse(status=answer.status, headers=out)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                self.instruments.count("cdn.egress_bytes", len(chunk))
                await response.write(chunk)
            await response.write_eof()
            return response

    def _connect(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=_STEP,
            )
        return self._session


def _signed_part(request: web.BaseRequest) -> tuple[str, dict[str, str]]:
    """The URL that a policy must cover, and the query that carries the policy."""
    path, _, query = request.raw_path.partition("?")
    return f"{request.scheme}://{request.host}{path}", dict(parse_qsl(query, keep_blank_values=True))


def _without_signature(raw_path: str) -> str:
    path, _, query = raw_path.partition("?")
    kept = "&".join(item for item in query.split("&") if item.partition("=")[0] not in PARAMETERS)
    return f"{path}?{kept}" if kept else path


def _steps(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _STEP):
        yield body[start : start + _STEP]
