"""`python -m local.faults --control 9000 --door s3:http:9001:8600 --door firestore:grpc:9002:8604`: a door is its name,
what passes it, the port it listens on, and the port it leads to.
"""

import argparse
import asyncio
import contextlib

from aiohttp import web

from local.emulators.loopback import HOST
from local.faults.control import Control
from local.faults.fault import Plan
from local.faults.grpc_calls import Calls
from local.faults.http import HttpDoor
from local.faults.wire import Wire


async def serve(control: int, doors: list[str]) -> None:
    """Until cancelled."""
    plan, wires = Plan(), dict[str, Wire]()
    for door in doors:
        name, spoken, port, target = door.split(":")
        if spoken == "grpc":
            wires[name] = Wire(await Calls(name, int(target), plan).listen())
            await wires[name].listen(int(port))
        else:
            await HttpDoor(name, int(target), plan).listen(int(port))
    runner = web.ServerRunner(web.Server(Control(plan, wires).handle, access_log=None), handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, HOST, control).start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.faults", description=__doc__)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--door", action="append", required=True)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.control, given.door))


if __name__ == "__main__":
    main()
