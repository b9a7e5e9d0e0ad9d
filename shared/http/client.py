"""One pooled HTTP client an instance, and the translation of its failures.

Paths are sent exactly as given: nothing between here and the wire may normalise `//` or `../`.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from shared.domain.backoff import delay_seconds
from shared.domain.errors import ObjectError, Transient, Unreachable
from shared.http.connection import Connection, RequestBody, Response
from shared.ports.clock import Clock

CONNECT_SECONDS = 10
STALL_SECONDS = 60
"""A connection that moves no byte for this long is given up."""

_IDLE_SECONDS = 50
_SWEEP_SECONDS = 5
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A response read whole. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


T = TypeVar("T")
Classifier = Callable[[str, int, Mapping[str, str], bytes], ObjectError]


class Http:
    """connections: the most that are open at a time to each host. Must be made on the loop that uses it."""

    def __init__(self, connections: int, clock: Clock) -> None:
        self._clock = clock
        self._connections = connections
        self._hosts: dict[str, _Host] = {}
        self._busy: set[Connection] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])

    async def close(self) -> None:
        self._sweeper.cancel()
        for connection in [*self._busy, *(item for host in self._hosts.values() for item in host.idle)]:
            connection.close()

    def open(self, method: str, url: str, headers: Mapping[str, str], body: RequestBody = None) -> "Exchange":
        """A context manager: the response, its body still on the wire. Network failures become Transient.

        A body that is an iterator needs a Content-Length among the headers.
        """
        scheme, _, rest = url.partition("://")
        authority, slash, target = rest.partition("/")
        origin = f"{scheme}://{authority}"
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = _Host(scheme, authority, self._connections)
        lines = [f"{method} {slash}{target} HTTP/1.1\r\nHost: {authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if isinstance(body, Sequence) and "Content-Length" not in headers:
            length = len(body) if isinstance(body, bytes) else sum(map(len, body))
            lines.append(f"Content-Length: {length}")
        head = "\r\n".join(lines)
        if not head.count("\r") == head.count("\n") == len(lines):
            raise ValueError(f"{method} {origin}: a line break in the request's head")
        return Exchange(self, host, f"{head}\r\n\r\n".encode(), body, method == "HEAD")

    async def once(self, method: str, url: str, headers: Mapping[str, str], body: RequestBody = None) -> Answer:
        """One request, its answer read whole."""
        async with self.open(method, url, headers, body) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ask(
        self,
        what: str,
        verdict: Classifier,
        request: Callable[[], tuple[str, str, Mapping[str, str]]],
        good: tuple[int, ...] = (200,),
        body: bytes | None = None,
    ) -> Answer:
        """A small, repeatable request: tried again while its verdict is that this may help.

        request is called for every try, so that a signature is never older than the try.
        """
        return await self.read(what, verdict, request, lambda answer: answer, good, body)

    async def read(
        self,
        what: str,
        verdict: Classifier,
        request: Callable[[], tuple[str, str, Mapping[str, str]]],
        make: Callable[[Answer], T],
        good: tuple[int, ...] = (200,),
        body: bytes | None = None,
    ) -> T:
        """As `ask`, for what is made of a good answer; what `make` raises is a verdict, too."""
        for attempt in range(1, _TRIES + 1):
            try:
                method, url, headers = request()
                answer = await self.once(method, url, headers, body)
                if answer.status in good:
                    return make(answer)
                raise verdict(what, answer.status, answer.headers, answer.body)
            except Transient as failure:
                if attempt == _TRIES:
                    raise
                await self._clock.sleep(delay_seconds(attempt, self._clock.draw(), failure.retry_after))
        raise AssertionError("unreachable")

    async def take(self, host: "_Host") -> tuple[Connection, bool]:
        """A connection to a host, and whether it was used before."""
        while host.idle:
            connection = host.idle.pop()
            if connection.open and self._loop.time() - connection.moved < _IDLE_SECONDS:
                self._busy.add(connection)
                return connection, True
            connection.close()
        connection = await self._connect(host)
        self._busy.add(connection)
        return connection, False

    def give(self, host: "_Host", connection: Connection) -> None:
        """Take a connection back."""
        self._busy.discard(connection)
        if connection.release():
            host.idle.append(connection)

    async def _connect(self, host: "_Host") -> Connection:
        name, port = _split(host.authority, host.scheme)
        tls = self._tls if host.scheme == "https" else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(host.authority), name, port, ssl=tls, server_hostname=name if tls else None
                )
        except TimeoutError:
            raise Unreachable(f"{host.authority} does not answer within {CONNECT_SECONDS} s") from None
        except OSError as error:
            raise Unreachable(f"{host.authority} cannot be reached: {error}; check its name and the network") from error
        return connection

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in list(self._busy):
            since = connection.stuck_since
            if since is not None and now - since > STALL_SECONDS:
                connection.close(Transient(f"no byte moved for {STALL_SECONDS} s"))
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class _Host:
    """room: connections that may still be taken."""

    __slots__ = ("_waiting", "authority", "idle", "room", "scheme")

    def __init__(self, scheme: str, authority: str, room: int) -> None:
        self.scheme, self.authority, self.room = scheme, authority, room
        self.idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a connection's worth of room."""
        if self.room:
            self.room -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Pass the room on to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.room += 1


class Exchange:
    """A request under way: begun once, ended once; a context manager does both."""

    __slots__ = ("_body", "_bodyless", "_connection", "_head", "_host", "_http")

    def __init__(self, http: Http, host: _Host, head: bytes, body: RequestBody, bodyless: bool) -> None:
        self._http, self._host = http, host
        self._head, self._body, self._bodyless = head, body, bodyless
        self._connection: Connection | None = None

    async def begin(self) -> Response:
        """Send it. A connection that the other end closed while it was idle is replaced by a new one, once."""
        await self._host.enter()
        try:
            while True:
                self._connection, used = await self._http.take(self._host)
                try:
                    return await self._connection.exchange(self._head, self._body, self._bodyless)
                except Transient:
                    replayable = self._body is None or isinstance(self._body, Sequence)
                    if not used or self._connection.heard or not replayable:
                        raise
                    self._http.give(self._host, self._connection)
                    self._connection = None
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Give the connection back; one whose answer was not read to its end is closed."""
        if self._connection is not None:
            self._http.give(self._host, self._connection)
        self._host.leave()

    async def __aenter__(self) -> Response:
        return await self.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _split(authority: str, scheme: str) -> tuple[str, int]:
    name, _, port = authority.rpartition(":")
    if name and port.isdigit() and not name.endswith("]:"):
        return name.strip("[]"), int(port)
    return authority.strip("[]"), 443 if scheme == "https" else 80
