"""Connections to hosts: whose turn it is to have one, and which are kept for the next request.

A lane is a pool for one purpose. A copy that holds a download may wait for an upload, and whoever holds one of the two
may wait for the answer to a question; nobody waits the other way round, so no request ever waits for a connection that
is held by somebody who waits for it:

    DOWNLOAD → UPLOAD → QUESTION
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum, auto

from shared.domain.errors import Transient, Unreachable
from shared.http.connection import HEAD_BYTES, Connection
from shared.http.tls import Shared, Tls

CONNECT_SECONDS = 10
STALL_SECONDS = 60
"""A connection that moves no byte for this long is given up, unless its request says that it may take longer."""

_IDLE_SECONDS = 50
_SWEEP_SECONDS = 5


class Lane(Enum):
    """What a connection is wanted for."""

    DOWNLOAD = auto()
    UPLOAD = auto()
    QUESTION = auto()


class Turns:
    """A FIFO semaphore: room for some at a time. Leaving the queue costs the same wherever one stands in it."""

    __slots__ = ("_room", "_waiting")

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter_now(self) -> bool:
        """Take a turn if there is one. Nobody waits then, so nobody is overtaken."""
        if not self._room:
            return False
        self._room -= 1
        return True

    async def enter(self) -> None:
        """Wait for a turn."""
        if self.enter_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                del self._waiting[turn]
            elif not turn.cancelled():
                self.leave()  # the turn had come in the same moment
            raise

    def leave(self) -> None:
        """Pass the turn on to whoever has waited longest."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return
        self._room += 1


class Host:
    """One origin. Idle connections serve every lane; turns are a lane's own."""

    __slots__ = ("authority", "idle", "scheme", "turns")

    def __init__(self, scheme: str, authority: str, room: int) -> None:
        self.scheme, self.authority = scheme, authority
        self.idle: list[Connection] = []
        self.turns = {lane: Turns(room) for lane in Lane}

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"


class Pool:
    """connections: the most that are open at a time to each host, in each lane. settings: origins by the setting that
    names them, for errors. Must be made on the loop that uses it.
    """

    def __init__(self, connections: int, settings: Mapping[str, str]) -> None:
        self._connections = connections
        self._settings = settings
        self._hosts: dict[str, Host] = {}
        self._busy: dict[Connection, Host] = {}
        self._loop = asyncio.get_running_loop()
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        # Python has OpenSSL take a cut connection for a finished one; some versions then end a body without a length:
        # https://docs.python.org/3/library/ssl.html#ssl.OP_IGNORE_UNEXPECTED_EOF
        self._tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self._heads, self._sealed = memoryview(bytearray(HEAD_BYTES)), Shared()

    def close(self) -> None:
        """Give every connection up."""
        self._sweeper.cancel()
        for connection in [*self._busy, *(item for host in self._hosts.values() for item in host.idle)]:
            connection.close()

    def host(self, scheme: str, authority: str) -> Host:
        """The pool's host of an origin, made when it is first asked for."""
        origin = f"{scheme}://{authority}"
        found = self._hosts.get(origin)
        if found is None:
            found = self._hosts[origin] = Host(scheme, authority, self._connections)
        return found

    def take_idle(self, host: Host) -> Connection | None:
        """A connection to a host that was used before, None if there is none."""
        while host.idle:
            connection = host.idle.pop()
            if connection.open and self._loop.time() - connection.moved < _IDLE_SECONDS:
                self._busy[connection] = host
                return connection
            connection.close()
        return None

    async def take_new(self, host: Host) -> Connection:
        """A connection to a host that was not used before."""
        connection = await self._connect(host)
        self._busy[connection] = host
        return connection

    def give(self, host: Host, connection: Connection) -> None:
        """Take a connection back."""
        self._busy.pop(connection, None)
        if connection.release():
            host.idle.append(connection)

    async def _connect(self, host: Host) -> Connection:
        name, port = _split(host.authority, host.scheme)
        setting = self._settings.get(host.origin, "its name")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = Connection(host.authority, self._heads)
                if host.scheme == "https":
                    await self._sealed_connection(connection, name, port)
                else:
                    await self._loop.create_connection(lambda: connection, name, port)
        except TimeoutError:
            raise Unreachable(
                f"{host.authority} does not answer within {CONNECT_SECONDS} s; check {setting} and the network"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"the certificate of {host.authority} is not trusted ({error}); check {setting}, and where an "
                "authority of your own signs certificates, name its file in SSL_CERT_FILE"
            ) from error
        except OSError as error:
            raise Unreachable(
                f"{host.authority} cannot be reached: {error}; check {setting} and the network"
            ) from error
        return connection

    async def _sealed_connection(self, connection: Connection, name: str, port: int) -> None:
        transport, tls = await self._loop.create_connection(
            lambda: Tls(connection, self._tls, name, self._sealed), name, port
        )
        try:
            await tls.ready
        except BaseException:
            transport.abort()
            raise

    def _sweep(self) -> None:
        """Give up what stalls. What lies idle to the same host has most likely gone silent, too."""
        now = self._loop.time()
        for connection, host in list(self._busy.items()):
            since = connection.stuck_since
            if since is not None and now - since > connection.stall_seconds:
                connection.close(Transient(f"{host.authority}: no byte moved for {connection.stall_seconds:g} s"))
                for idle in host.idle:
                    idle.close()
                host.idle.clear()
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


def _split(authority: str, scheme: str) -> tuple[str, int]:
    name, _, port = authority.rpartition(":")
    if name and port.isdigit() and not name.endswith("]:"):
        return name.strip("[]"), int(port)
    return authority.strip("[]"), 443 if scheme == "https" else 80
