"""gRPC passed on, call by call, with what goes wrong on the way. Messages stay bytes; only of a commit it is looked at
whether it ends a transaction, where a fault is planned for those.

A call that is lost is told as UNAVAILABLE, as gRPC tells a connection that broke:
https://grpc.github.io/grpc/core/md_doc_statuscodes.html
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.cloud.firestore_v1.types import CommitRequest

from local.emulators.loopback import HOST
from local.faults.fault import OF_CALLS, Kind, Met, Plan

_MOST_BYTES = 64 << 20
_OPTIONS = [("grpc.max_receive_message_length", _MOST_BYTES), ("grpc.max_send_message_length", _MOST_BYTES)]
_BROKEN = "recvmsg:Connection reset by peer"

OF_A_TRANSACTION = "of a transaction"
"""What the `body` of a fault says that is of such commits."""


class Calls(grpc.GenericRpcHandler):
    """name: of the door. target: the port that it leads to. Must be made on the loop that serves it."""

    def __init__(self, name: str, target: int, plan: Plan) -> None:
        self.name = name
        self._plan = plan
        self._channel = grpc.aio.insecure_channel(f"{HOST}:{target}", options=_OPTIONS)
        self._repeats: set[asyncio.Task[Any]] = set()

    async def listen(self) -> int:
        """The port behind the door."""
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self,))
        port = server.add_insecure_port(f"{HOST}:0")
        await server.start()
        self._server = server
        return port

    def service(self, details: Any) -> Any:
        """Every method is taken for one with streams both ways, which on the wire are the same as single messages."""

        async def call(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            about = ""
            if details.method.endswith("/Commit") and self._plan.reads(self.name):
                sent = [message async for message in requests]
                about, requests = _about(sent[0] if sent else b""), _each(sent)
            with self._plan.meeting(self.name, details.method, about) as met:
                try:
                    async for answer in self._call(details, requests, context, met):
                        yield answer
                except grpc.aio.AioRpcError as error:
                    await context.abort(error.code(), error.details() or "", _kept(error.trailing_metadata()))

        return grpc.stream_stream_rpc_method_handler(call)

    async def _call(self, details: Any, requests: AsyncIterator[bytes], context: Any, met: Met) -> AsyncIterator[bytes]:
        fault, unavailable = met.fault, grpc.StatusCode.UNAVAILABLE
        match met.kind:
            case Kind.LOST_REQUEST:
                met.happens()
                await context.abort(unavailable, _BROKEN)
            case Kind.REFUSED:
                met.happens()
                await context.abort(getattr(grpc.StatusCode, fault.code), "a fault that was planned")
            case Kind.DELAY:
                met.happens()
                await asyncio.sleep(fault.seconds)
        if met.kind not in OF_CALLS or met.kind is Kind.DELAY:
            async for answer in self._pass(details, requests, context):
                yield answer
            return
        sent = [message async for message in requests]
        if met.kind is Kind.AGAIN and not fault.seconds:
            self._repeat(details, sent, context, 0)
        answers = [answer async for answer in self._pass(details, _each(sent), context)]
        met.happens()
        match met.kind:
            case Kind.LOST_ANSWER:
                await context.abort(unavailable, _BROKEN)
            case Kind.LATE_ERROR:
                await context.abort(getattr(grpc.StatusCode, fault.code), "a fault that was planned")
            case Kind.SILENCE:
                await asyncio.sleep(fault.seconds)
                await context.abort(unavailable, _BROKEN)
            case Kind.AGAIN if fault.seconds:
                self._repeat(details, sent, context, fault.seconds)
        for answer in answers:
            yield answer

    def _pass(self, details: Any, requests: AsyncIterator[bytes], context: Any) -> Any:
        method: Any = self._channel.stream_stream(details.method)
        return method(requests, timeout=context.time_remaining(), metadata=_kept(details.invocation_metadata))

    def _repeat(self, details: Any, sent: list[bytes], context: Any, seconds: float) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            try:
                async for _ in self._pass(details, _each(sent), context):
                    continue
            except grpc.aio.AioRpcError:
                return

        task = asyncio.create_task(later())
        self._repeats.add(task)
        task.add_done_callback(self._repeats.discard)


def _about(commit: bytes) -> str:
    """What a fault's `body` is held against."""
    return OF_A_TRANSACTION if CommitRequest.deserialize(commit).transaction else ""


async def _each(messages: list[bytes]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


def _kept(metadata: Any) -> tuple[tuple[str, Any], ...]:
    """What is the caller's of a call's metadata, and not gRPC's."""
    return tuple(
        (key, value) for key, value in metadata or () if key != "user-agent" and not key.startswith(("grpc-", ":"))
    )
