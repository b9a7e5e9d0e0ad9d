"""Putting a server on a loopback port; gRPC and HTTP/1.1 of one service share it."""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

import grpc
from aiohttp import web

from local.emulators.loopback import BACKLOG, HOST

_HTTP2_PREFACE = b"PRI * HT"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def scheme() -> str:
    """What `listen_http` speaks."""
    return "https" if os.environ.get("TLS_CERTIFICATE") else "http"


async def listen_http(handler: Handler, port: int) -> None:
    """Serve HTTP on a port until cancelled; HTTPS if TLS_CERTIFICATE and TLS_KEY name their files."""
    tls = None
    if os.environ.get("TLS_CERTIFICATE"):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(os.environ["TLS_CERTIFICATE"], os.environ["TLS_KEY"])
    runner = await _runner(handler)
    await web.TCPSite(runner, HOST, port, ssl_context=tls, backlog=BACKLOG).start()
    await asyncio.Event().wait()


async def listen_both(grpc_handlers: list[grpc.GenericRpcHandler], http: Handler, port: int) -> None:
    """Serve gRPC and HTTP/1.1 on one port until cancelled: a connection's first bytes tell what it speaks.

    The emulators that the client libraries know are one host:port each, and answer both there.
    """
    folder = tempfile.mkdtemp(prefix="local-stack-")
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    try:
        grpc_path, http_path = os.path.join(folder, "grpc"), os.path.join(folder, "http")
        server.add_generic_rpc_handlers(tuple(grpc_handlers))
        server.add_insecure_port(f"unix:{grpc_path}")
        await server.start()
        runner = await _runner(http)
        await web.UnixSite(runner, http_path).start()
        front = await asyncio.start_server(partial(_connected, grpc_path, http_path), HOST, port, backlog=BACKLOG)
        try:
            await asyncio.Event().wait()
        finally:
            front.close()  # a server that no name holds is collected, and answers nobody
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # before anything that waits: whoever ends this has little patience
        await server.stop(grace=None)


async def until_told(serving: Coroutine[None, None, None]) -> None:
    """Serve until SIGTERM, which may come more than once: to a process, and to its group."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    server, end = asyncio.ensure_future(serving), asyncio.ensure_future(told.wait())
    await asyncio.wait({server, end}, return_when=asyncio.FIRST_COMPLETED)
    server.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await server


async def _connected(
    grpc_path: str, http_path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        first = await reader.readexactly(len(_HTTP2_PREFACE))
        inner = await asyncio.open_unix_connection(grpc_path if first == _HTTP2_PREFACE else http_path)
        inner[1].write(first)
        await asyncio.gather(_pump(reader, inner[1]), _pump(inner[0], writer))


async def _runner(handler: Handler) -> web.ServerRunner:
    runner = web.ServerRunner(web.Server(handler, access_log=None, auto_decompress=False), handle_signals=False)
    await runner.setup()
    return runner


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
