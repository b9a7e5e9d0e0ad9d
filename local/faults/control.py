"""How a test plans faults, and hears what became of them. HTTP, JSON:

GET    /faults   what was planned, each with how often it was seen and has fired; what is under way, what has passed
POST   /faults   a list of faults more (`fault.Fault`)
DELETE /faults   nothing goes wrong from now on; what was planned
POST   /wire     {"door": "firestore", "do": "cut"}            reset all its connections
                 {"door": …, "do": "down", "seconds": 3}       the same, and nobody answers for so long: the server was
                                                               killed, and starts again with what it had kept
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
from local.faults.http import HttpDoor
from local.faults.wire import Wire


class Control:
    """doors: by name; `stop`, `late` and `rate` are for those that are wires."""

    def __init__(self, plan: Plan, doors: Mapping[str, Wire | HttpDoor]) -> None:
        self._plan = plan
        self._doors = doors

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
        door, loop = self._doors[given["door"]], asyncio.get_running_loop()
        match given["do"], door:
            case "cut", _:
                return door.cut()
            case "down", _:
                door.down = True
                loop.call_later(float(given["seconds"]), setattr, door, "down", False)
                return door.cut()
            case "stop", Wire():
                door.passes.clear()
                loop.call_later(float(given["seconds"]), door.passes.set)
            case "late", Wire():
                door.late = float(given["seconds"])
            case "rate", Wire():
                door.rate = int(given["rate"]) or None
            case unknown, _:
                raise NotAFault(f"a door of this kind is not {unknown}")
        return len(door.open)
