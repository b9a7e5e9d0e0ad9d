"""How a test plans faults, and hears what became of them. HTTP, JSON:

GET    /faults   what was planned, each with how often it was seen and has fired; what is under way, what has passed
POST   /faults   a list of faults more (`fault.Fault`)
DELETE /faults   nothing goes wrong from now on; what was planned
POST   /wire     {"door": "firestore", "do": "cut"}            reset all its connections
                 {"door": …, "do": "stop", "seconds": 3}       open, and nothing passes for so long
                 {"door": …, "do": "late", "seconds": 0.05}    latency, 0 for none
                 {"door": …, "do": "rate", "rate": 100000}     bytes a second, 0 for any
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from local.faults.fault import Fault, NotAFault, Plan
from local.faults.wire import Wire


class Control:
    """wires: of the gRPC doors, by name."""

    def __init__(self, plan: Plan, wires: Mapping[str, Wire]) -> None:
        self._plan = plan
        self._wires = wires

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            match request.method, request.path:
                case "GET", "/faults":
                    return web.json_response(self._told())
                case "DELETE", "/faults":
                    told = self._told()
                    self._plan.faults.clear()
                    return web.json_response(told)
                case "POST", "/faults":
                    self._plan.faults.extend([Fault.of(item) for item in await request.json()])
                    return web.json_response(self._told())
                case "POST", "/wire":
                    return web.json_response({"connections": self._disturb(await request.json())})
        except (NotAFault, ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response({"error": f"no {request.method} {request.path} here"}, status=404)

    def _told(self) -> dict[str, Any]:
        faults = [asdict(fault) for fault in self._plan.faults]
        return {"faults": faults, "under_way": dict(+self._plan.under_way), "passed": dict(self._plan.passed)}

    def _disturb(self, given: Mapping[str, Any]) -> int:
        """How many connections it happens to."""
        wire = self._wires[given["door"]]
        match given["do"]:
            case "cut":
                return wire.cut()
            case "stop":
                wire.passes.clear()
                asyncio.get_running_loop().call_later(float(given["seconds"]), wire.passes.set)
            case "late":
                wire.late = float(given["seconds"])
            case "rate":
                wire.rate = int(given["rate"]) or None
            case unknown:
                raise NotAFault(f"a wire is not {unknown}")
        return len(wire.open)
