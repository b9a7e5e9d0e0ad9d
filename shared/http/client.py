"""One pooled HTTP client an instance. It repeats a request in one case only, and leaves all other retrying to `retry`.

Paths are sent exactly as given: nothing between here and the wire may normalise `//` or `../`.
"""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType, TracebackType

from shared.domain.errors import Corrupt, Transient
from shared.domain.valueclass import valueclass
from shared.http import USER_AGENT, pool
from shared.http.connection import WHOLE, Connection, RequestBody
from shared.http.pool import Host, Lane, Pool
from shared.http.response import Response
from shared.ports.clock import Clock

REFUSAL_BYTES = 64 * 1024
"""As much of a refusal's body is read: S3's and Cloud Storage's have under 2 KiB, a proxy's page has any length."""

ANSWER_BYTES = 64 * 1024 * 1024
"""The most that an answer which is read whole may have: a page of 1,000 keys of 1,024 bytes has under 8 MiB."""

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""https://www.rfc-editor.org/rfc/rfc9110#name-idempotent-methods"""

_WHO = f"User-Agent: {USER_AGENT}\r\n"

Headers = Mapping[str, str]
NO_HEADERS: Headers = MappingProxyType({})


@valueclass(frozen=True, slots=True)
class Answer:
    """A response read whole. headers: names in lower case."""

    status: int
    headers: Headers
    body: bytes


@valueclass(frozen=True, slots=True)
class Request:
    """lane: what its connection is for. idempotent: whether to receive it twice is as good as once; None for what its
    method says. stall_seconds: without a byte before it is given up; None for the default.

    A body that is an iterator needs a Content-Length among the headers.
    """

    method: str
    url: str
    headers: Headers = field(default_factory=dict)
    body: RequestBody = field(default=None, repr=False)
    lane: Lane = Lane.QUESTION
    idempotent: bool | None = None
    stall_seconds: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again after a connection was lost that had not answered a byte."""
        whole = self.body is None or isinstance(self.body, WHOLE)
        return whole and (self.method in _IDEMPOTENT if self.idempotent is None else self.idempotent)


class Http:
    """connections: the most that are open at a time to each host, in each lane. settings: origins by the setting that
    names them. Must be made on the loop that uses it, and closed.
    """

    def __init__(self, connections: int, clock: Clock, settings: Mapping[str, str] = NO_HEADERS) -> None:
        self.clock = clock
        self._pool = Pool(connections, settings)

    async def close(self) -> None:
        self._pool.close()

    def open(self, request: Request) -> "Exchange":
        """A context manager: the response, its body still on the wire. Network failures become Transient."""
        return Exchange(self._pool, request)

    async def send(self, request: Request) -> Answer:
        """One request, its answer read whole; of a refusal, the first 64 KiB."""
        exchange = self.open(request)
        try:
            response = await exchange.begin()
            if response.status >= 300:
                return Answer(response.status, response.headers, await response.read(REFUSAL_BYTES))
            body = await response.read(ANSWER_BYTES + 1)
            if len(body) > ANSWER_BYTES:
                raise Corrupt(f"{request.method} {_origin(request.url)}: an answer of more than {ANSWER_BYTES} bytes")
            return Answer(response.status, response.headers, body)
        finally:
            exchange.end()

    async def once(self, method: str, url: str, headers: Headers = NO_HEADERS, body: RequestBody = None) -> Answer:
        """See `send`: a question."""
        return await self.send(Request(method, url, headers, body))


class Exchange:
    """A request under way: begun once, ended once; a context manager does both."""

    __slots__ = ("_admitted", "_connection", "_head", "_host", "_pool", "_request", "_turns")

    def __init__(self, connections: Pool, request: Request) -> None:
        scheme, _, rest = request.url.partition("://")
        authority, slash, target = rest.partition("/")
        self._pool, self._request = connections, request
        self._host: Host = connections.host(scheme, authority)
        self._turns = self._host.turns[request.lane]
        self._head = _head(request, authority, slash + target)
        self._connection: Connection | None = None
        self._admitted = False

    async def begin(self) -> Response:
        """Send it, when its turn has come. Whoever calls this calls `end`, whatever comes of it. A pooled connection
        that the other end has closed while it lay idle is replaced by a new one, once.
        """
        request, bodyless = self._request, self._request.method == "HEAD"
        if not self._admitted:
            if not self._turns.enter_now():
                await self._turns.enter()
            self._admitted = True
        stall = pool.STALL_SECONDS if request.stall_seconds is None else request.stall_seconds
        used = self._connection = self._pool.take_idle(self._host)
        if used is not None:
            try:
                return await used.exchange(self._head, request.body, bodyless, stall)
            except Transient:
                if not (used.was_stale and request.repeatable):
                    raise
            self._give()
        self._connection = await self._pool.take_new(self._host)
        return await self._connection.exchange(self._head, request.body, bodyless, stall)

    def instead(self, request: Request) -> "Exchange":
        """Another request to the same host in this one's place: it does not wait for a turn, and this one is over."""
        other = Exchange(self._pool, request)
        if other._turns is not self._turns:
            raise ValueError("another host or lane: its turn is another one")
        other._admitted, self._admitted = self._admitted, False
        self._give()
        return other

    def end(self) -> None:
        """Give the connection back; one whose answer was not read to its end is closed. Harmless if repeated."""
        self._give()
        if self._admitted:
            self._admitted = False
            self._turns.leave()

    def _give(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give(self._host, connection)

    async def __aenter__(self) -> Response:
        try:
            return await self.begin()
        except BaseException:
            self.end()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _head(request: Request, authority: str, target: str) -> bytes:
    """The request's first bytes. Raises ValueError if a line break would smuggle something into them."""
    headers, body = request.headers, request.body
    lines, count = "".join([f"{name}: {value}\r\n" for name, value in headers.items()]), len(headers) + 4
    if isinstance(body, WHOLE) and "Content-Length" not in headers:
        lines += f"Content-Length: {len(body) if isinstance(body, bytes) else sum(map(len, body))}\r\n"
        count += 1
    head = f"{request.method} {target} HTTP/1.1\r\nHost: {authority}\r\n{_WHO}{lines}\r\n"
    if not head.count("\r") == head.count("\n") == count:
        raise ValueError(f"{request.method} {_origin(request.url)}: a line break in the request's head")
    return head.encode()


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
