"""The wire below the HTTP client: connections in memory, with latency, cut answers, outages and dying instances.

The client's own parser, pool and retries run unchanged; what they write is framed here, handed to a server as a whole
request at the moment it arrives, and the answer goes back in pieces.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

from tests.schedules.faults import Fault, Passage
from tests.schedules.loop import OWNER, VirtualLoop

if TYPE_CHECKING:
    from tests.schedules.instance import Instance
    from tests.schedules.world import World


@dataclass(slots=True)
class Request:
    """headers: names in lower case. cut: the body is not all that was sent. by: the instance that sent it."""

    host: str
    method: str
    path: bytes
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    cut: bool = False
    by: str = ""

    @property
    def is_listing(self) -> bool:
        return self.method == "GET" and ("list-type" in self.query or self.path.endswith(b"/o"))

    @property
    def told(self) -> str:
        asked = "&".join(name if not value else f"{name}={value[:20]}" for name, value in self.query.items())
        return f"{self.method} {self.host}/{self.path.decode()}{'?' if asked else ''}{asked}"


@dataclass(slots=True)
class Reply:
    """length: what a HEAD says of a body that it does not send."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None

    def head(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} X",
            f"Content-Length: {len(self.body) if self.length is None else self.length}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(slots=True)
class Held:
    """A question that is answered once there is something to say. answer: set by whoever has asked, called once. gone:
    whether nobody waits for it any more.
    """

    answer: Callable[[Reply], None] | None = None
    gone: Callable[[], bool] = lambda: False


class Server(Protocol):
    """What answers at a host: at once, from its state at that moment, or when there is something to say."""

    def handle(self, request: Request) -> "Reply | Held": ...


class Network:
    """Hosts by name, and who is connected to them."""

    def __init__(self, world: "World", servers: dict[str, Server]) -> None:
        self.world, self.servers = world, servers
        self.open: dict[tuple[str, str], set[Wire]] = defaultdict(set)

    async def connect(self, owner: Any, factory: Callable[[], asyncio.BaseProtocol], host: str) -> Any:
        """A new connection of an instance. Raises OSError during an outage, or lets it wait in vain."""
        instance: Instance = owner
        world, draw = self.world, self.world.chance.of("connect")
        name = host.partition(".")[0]
        await asyncio.sleep(10 ** draw.uniform(-3.5, -1.5))
        weather = world.weather
        if weather.down(name, world.loop.time()) and instance.disturbed and not weather.front_end:
            world.trace(f"{instance.name} cannot reach {name}")
            if draw.random() < 0.3:
                await asyncio.sleep(3600)
            raise ConnectionRefusedError(f"{name} is down")
        protocol = factory()
        wire = Wire(self, instance, name, protocol)
        self.open[instance.name, name].add(wire)
        world.laws.connected(instance, name, len(self.open[instance.name, name]))
        protocol.connection_made(wire)
        return wire, protocol

    def forget(self, instance: str) -> None:
        """The connections of an instance that is gone."""
        for (name, _), wires in self.open.items():
            if name == instance:
                for wire in list(wires):
                    wire.vanish()


class Wire(asyncio.Transport):
    """One connection: a request at a time, in order."""

    def __init__(self, network: Network, instance: "Instance", host: str, protocol: Any) -> None:
        super().__init__()
        self._network, self._instance, self._host, self._protocol = network, instance, host, protocol
        self._loop: VirtualLoop = network.world.loop
        self._sent = bytearray()
        self._busy = self._closed = self._paused = False
        self._held: list[bytes] = []

    def write(self, data: Any) -> None:
        if not self._closed and self._instance.alive:
            self._sent += data
            self._next()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        for data in list_of_data:
            self._sent += data if not self._closed else b""
        if not self._closed and self._instance.alive:
            self._next()

    def is_closing(self) -> bool:
        return self._closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._closed:
            self._gone()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for data in held:
            self._feed(data)

    def vanish(self) -> None:
        """The client has died; nobody hears of it here."""
        self._gone()

    def _gone(self) -> None:
        self._closed = True
        self._network.open[self._instance.name, self._host].discard(self)

    def _break(self) -> None:
        """The other end is gone."""
        if not self._closed:
            self._gone()
            if self._instance.alive:
                self._protocol.connection_lost(ConnectionResetError("reset by peer"))

    def _next(self) -> None:
        """Send the next request on its way, once all of it is here."""
        if self._busy:
            return
        request = _framed(self._host, self._sent)
        if request is None:
            return
        self._busy = True
        world = self._network.world
        passage = world.weather.passage(self._host, self._loop.time(), self._instance.disturbed, wire=True)
        if passage.fault is Fault.CRASH_BEFORE:
            self._loop.later(0, self._instance.crash, request.told)
            return
        self._loop.later(passage.before, self._arrive, request, passage)

    def _arrive(self, request: Request, passage: Passage) -> None:
        world, fault = self._network.world, passage.fault
        disturbed = self._instance.disturbed
        down = disturbed and world.weather.down(self._host, self._loop.time())
        if down and world.weather.front_end:
            self._replied(request, passage, Fault.ERROR, Reply(503, {}, b"nobody behind it answers"))
            return
        if down or fault is Fault.LOST_REQUEST:
            if world.tracing:
                world.trace(f"{self._instance.name} {request.told} {Fault.LOST_REQUEST.value}")
            self._break()
            return
        if disturbed and request.is_listing and world.weather.refuses(request.told, self._loop.time()):
            fault = Fault.THROTTLED
        if fault is Fault.THROTTLED:
            reply = throttled(self._host, world.chance.of("patience").choice((None, "1", "7")))
        elif fault is Fault.ERROR:
            reply = Reply(world.chance.of("errors").choice((500, 502, 503, 504)), {}, b"internal error")
        else:
            if fault is Fault.HALF_REQUEST and request.body:
                request.body, request.cut = request.body[: len(request.body) // 2], True
            request.by = self._instance.name
            found = self._network.servers[self._host].handle(request)
            if isinstance(found, Held):
                found.answer, found.gone = partial(self._found, request, passage, fault), self.is_closing
                return
            self._found(request, passage, fault, found)
            return
        self._replied(request, passage, fault, reply)

    def _found(self, request: Request, passage: Passage, fault: Fault, found: Reply) -> None:
        """What the server says to it."""
        reply = self._network.world.mutation.hears(request, found)
        if fault is Fault.LATE_ERROR:
            reply = Reply(503, {}, b"internal error")
        self._replied(request, passage, fault, reply)

    def _replied(self, request: Request, passage: Passage, fault: Fault, reply: Reply) -> None:
        world = self._network.world
        if request.method == "HEAD" and reply.body:
            reply = Reply(reply.status, reply.headers, b"", len(reply.body))
        if world.tracing:
            noted = "" if fault is Fault.NONE else fault.value
            world.trace(f"{self._instance.name} {request.told} {reply.status} {noted}")
        if fault is Fault.FREEZE:
            self._instance.freeze(request.told)
        if fault is Fault.CRASH_AFTER:
            self._instance.crash(request.told)
        elif fault in (Fault.LOST_ANSWER, Fault.HALF_REQUEST):
            self._loop.later(passage.after, self._break)
        elif fault is not Fault.SILENCE:
            self._loop.later(passage.after, self._answer, reply, fault is Fault.CUT_ANSWER and request.method != "HEAD")

    def _answer(self, reply: Reply, cut: bool) -> None:
        if self._closed or not self._instance.alive:
            return
        head, body = reply.head(), reply.body
        if cut:
            self._feed(head + body[: len(body) // 2])
            self._loop.later(0.01, self._break)
        elif len(body) < 64:
            self._last(head + body)
        else:
            half = len(body) // 2
            self._feed(head + body[:half])
            self._loop.later(10 ** self._network.world.chance.of("pieces").uniform(-4, -1), self._last, body[half:])

    def _last(self, data: bytes) -> None:
        if self._closed or not self._instance.alive:
            return
        self._busy = False
        self._feed(data)
        if not self._closed and self._network.world.chance.of("keep").random() < 0.05:
            self._loop.later(30.0, self._idle)
        if self._sent:
            self._next()

    def _idle(self) -> None:
        """Servers close what they have kept open for long."""
        if not self._busy:
            self._break()

    def _feed(self, data: bytes) -> None:
        if self._paused:
            self._held.append(data)
            return
        token = OWNER.set(self._instance)
        try:
            while data and not self._closed:
                buffer = self._protocol.get_buffer(-1)
                count = min(len(buffer), len(data))
                buffer[:count] = data[:count]
                data = data[count:]
                self._protocol.buffer_updated(count)
        finally:
            OWNER.reset(token)


def _framed(host: str, sent: bytearray) -> Request | None:
    """The first whole request of what was sent, taken out of it."""
    end = sent.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(sent[:end]).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    whole = end + 4 + int(headers.get("content-length", "0"))
    if len(sent) < whole:
        return None
    body = bytes(sent[end + 4 : whole])
    del sent[:whole]
    method, target, _ = first.split(" ")
    path, _, asked = target.partition("?")
    query = {
        name: unquote_to_bytes(value).decode()
        for name, _, value in (item.partition("=") for item in asked.split("&") if item)
    }
    return Request(host, method, unquote_to_bytes(path).removeprefix(b"/"), query, headers, body)


def throttled(host: str, patience: str | None) -> Reply:
    """As each host says that it is too much."""
    headers = {"Retry-After": patience} if patience else {}
    if host == "gcs":
        return Reply(429, headers, b'{"error": {"code": 429, "errors": [{"reason": "rateLimitExceeded"}]}}')
    if host == "sqs":
        return Reply(400, headers, b'{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "slower"}')
    return Reply(503, headers, b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
