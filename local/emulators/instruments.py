"""What every local server has besides its service: a meter of billed operations, and scripted faults.

Both are reached over HTTP on the service's own port:

    GET    /_local/bill      {"s3.list": 12, "s3.get": 3000, "s3.get_bytes": 81920, …}
    POST   /_local/faults    {"op": "s3.get", "key": "a/*", "do": "status", "status": 503, "times": 2}
    DELETE /_local/faults    forget all faults
"""

import asyncio
import fnmatch
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

ACTIONS = ("status", "delay", "reset", "truncate", "corrupt")


@dataclass(slots=True)
class Fault:
    """A misbehaviour for the next `times` requests whose operation and key match the globs.

    do: "status" answers `status`; "delay" waits `seconds` first; "reset" drops the connection; "truncate"
    breaks the body off after `bytes`; "corrupt" flips a bit in the body's first chunk.
    """

    op: str = "*"
    key: str = "*"
    do: str = "status"
    times: int = 1
    status: int = 503
    code: str = "InternalError"
    seconds: float = 1.0
    bytes: int = 0

    def matches(self, op: str, key: str) -> bool:
        return self.times > 0 and fnmatch.fnmatchcase(op, self.op) and fnmatch.fnmatchcase(key, self.key)


class Reset(Exception):
    """The connection is to be dropped without an answer."""


class Refusal(Exception):
    """An injected error answer."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Instruments:
    """The meter and the faults of one server."""

    meter: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def count(self, operation: str, amount: int = 1) -> None:
        """Count a billed operation, or an amount of bytes."""
        self.meter[operation] += amount

    async def enter(self, op: str, key: str = "") -> Fault | None:
        """Count an operation and suffer its faults. A fault of the body is returned to its sender."""
        self.count(op)
        for fault in self.faults:
            if not fault.matches(op, key):
                continue
            fault.times -= 1
            match fault.do:
                case "status":
                    raise Refusal(fault.status, fault.code)
                case "reset":
                    raise Reset
                case "delay":
                    await asyncio.sleep(fault.seconds)
                case _:
                    return fault
        return None

    async def control(self, request: web.BaseRequest) -> web.Response:
        """Answer a request under /_local/."""
        path, method = request.path, request.method
        if path == "/_local/bill" and method == "GET":
            return web.json_response(dict(self.meter))
        if path == "/_local/faults" and method == "POST":
            return self._add(await request.read())
        if path == "/_local/faults" and method == "DELETE":
            self.faults.clear()
            return web.json_response({})
        return web.json_response({"error": f"no {method} {path} here"}, status=404)

    def _add(self, body: bytes) -> web.Response:
        try:
            fault = Fault(**json.loads(body))
        except (ValueError, TypeError) as error:
            return web.json_response({"error": f"not a fault: {error}"}, status=400)
        if fault.do not in ACTIONS:
            return web.json_response({"error": f'"do" must be one of {", ".join(ACTIONS)}'}, status=400)
        self.faults.append(fault)
        return web.json_response({})


async def send(
    request: web.BaseRequest, status: int, headers: dict[str, str], body: Any, length: int, fault: Fault | None
) -> web.StreamResponse:
    """Send a body of `length` bytes from an iterable of chunks, with the fault that was asked for."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length
    await response.prepare(request)
    left = fault.bytes if fault is not None and fault.do == "truncate" else None
    corrupt = fault is not None and fault.do == "corrupt"
    for content in body:
        chunk = content
        if corrupt and chunk:
            chunk, corrupt = bytes([chunk[0] ^ 1]) + bytes(chunk[1:]), False
        if left is not None:
            await response.write(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                drop(request)
                return response
            continue
        await response.write(chunk)
    await response.write_eof()
    return response


def drop(request: web.BaseRequest) -> None:
    """Close the connection where it stands."""
    if request.transport is not None:
        request.transport.close()
