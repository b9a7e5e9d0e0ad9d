"""TLS between a socket and a connection, in memory that is the same whatever the connection carries.

The event loop's own keeps up to 256 KiB of what was read, and as much again in each direction as was ever under way at
once, for as long as a connection lives. With hundreds of connections that is more than all bodies together. Here all
connections of a loop share the memory that ciphertext passes through, and what goes is encrypted as the socket takes
it.
https://docs.python.org/3/library/ssl.html#memory-bio-support

    socket → Shared.buffer → Shared.incoming → OpenSSL's record → the memory that the connection gives
    the connection's bytes → OpenSSL's record → Shared.outgoing → one bytes object → socket
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

from shared.http.connection import Connection

READ_BYTES = 256 * 1024
"""The most that is read from a socket at once, and decrypted."""

_PIECE_BYTES = 64 * 1024
"""What is encrypted at once: OpenSSL takes no less than it is given, and the socket may take less."""


class Shared:
    """What all TLS connections of a loop pass their ciphertext through. Nothing waits between the filling and the
    emptying: a record that has not come whole lies in OpenSSL's own memory of its connection. Whoever leaves anything
    behind spoils another's connection, which then fails its authentication.
    """

    __slots__ = ("buffer", "incoming", "outgoing")

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()


class Tls(asyncio.BufferedProtocol, asyncio.Transport):
    """A protocol to the socket's transport, and a transport to the connection. ready: done when the handshake is; it
    raises what ended it (ssl.SSLError, OSError).
    """

    def __init__(self, inner: Connection, context: ssl.SSLContext, name: str, shared: Shared) -> None:
        super().__init__()
        self._inner, self._buffer = inner, shared.buffer
        self._transport: asyncio.Transport | None = None
        self._incoming, self._outgoing = shared.incoming, shared.outgoing
        self._tls = context.wrap_bio(shared.incoming, shared.outgoing, server_hostname=name)
        self._read = cast(Callable[[int, memoryview], int], self._tls.read)
        self._backlog: deque[memoryview] = deque()
        self._shaken = self._full = self._holds_back = False
        self._torn: Exception | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready.add_done_callback(_seen)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._shake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        why = exc or self._torn
        if self._shaken:
            self._inner.connection_lost(why)
        elif not self.ready.done():
            self.ready.set_exception(why or ConnectionResetError("closed during the TLS handshake"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._incoming.write(self._buffer[:nbytes])
            if not self._shaken:
                self._shake()
            if self._shaken:
                self._take()
        finally:
            self._incoming.read()  # nothing, unless this connection has ended

    def eof_received(self) -> None:
        """The other end has not said that it is done, or this one would be closed."""
        self._tear(ssl.SSLEOFError("the connection was closed without TLS's farewell"))

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._inner.went_on()
        self._encrypt()

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the other end why
            self._tear(error)
        else:
            self._shaken = True
        self._flush()
        if self._shaken:
            self._inner.connection_made(self)
            if not self.ready.done():
                self.ready.set_result(None)

    def _take(self) -> None:
        """Decrypt what has come, straight into the memory that the connection gives. One that wants no more just now
        still gets it: no more is read from the socket.
        """
        inner, read = self._inner, self._read
        target, filled = inner.get_buffer(-1), 0
        try:
            while count := read(len(target) - filled, target[filled:]):
                filled += count
                if filled == len(target):
                    inner.buffer_updated(filled)
                    target, filled = inner.get_buffer(-1), 0
            self.close()  # the other end has said that it is done
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._tear(error)
        finally:
            self._flush()
        if filled:
            inner.buffer_updated(filled)
        if self._backlog and self._torn is None:
            self._encrypt()

    def _tear(self, error: Exception) -> None:
        """It ends, and not as it should."""
        self._torn = self._torn or error
        if not self._shaken and not self.ready.done():
            self.ready.set_exception(error)
        self.close()

    def _flush(self) -> None:
        if self._outgoing.pending:
            data = self._outgoing.read()
            if self._transport is not None:
                self._transport.write(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._backlog.append(memoryview(data))
        self._encrypt()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._backlog.extend(map(memoryview, list_of_data))
        self._encrypt()

    def _encrypt(self) -> None:
        """As much as the socket takes; the connection waits while anything is left."""
        backlog, write, outgoing = self._backlog, self._tls.write, self._outgoing
        while backlog and not self._full and self._transport is not None:
            rest = backlog[0]
            try:
                sent = write(rest[:_PIECE_BYTES]) if rest.nbytes else 0  # OpenSSL would encrypt all of it at once
            except ssl.SSLWantReadError:
                break  # the other end of a TLS 1.2 connection shakes hands anew: `_take` goes on
            except ssl.SSLError as error:
                self._tear(error)
                break
            if sent == rest.nbytes:
                backlog.popleft()
            else:
                backlog[0] = rest[sent:]
            if outgoing.pending >= _PIECE_BYTES:
                self._flush()
        self._flush()
        if bool(backlog) is not self._holds_back:
            self._holds_back = not self._holds_back
            if self._holds_back:
                self._inner.pause_writing()
            else:
                self._inner.resume_writing()

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _seen(ready: "asyncio.Future[None]") -> None:
    """Nobody may be there to be told of a failure: who asked for the connection may have been cancelled."""
    if not ready.cancelled():
        ready.exception()
