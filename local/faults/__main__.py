"""`python -m local.faults --control 9000 --door s3:http:9001:8600 --door firestore:grpc:9002:8604`: a door is its name,
what passes it, the port it listens on, and the port it leads to. `s3-tls:https:9003:8600`, with `--certificate` and
`--key`: TLS ends here, behind a wire of that name, and what is in it passes the door `s3` like any other.
"""

import argparse
import asyncio
import contextlib
import ssl

from aiohttp import web

from local.emulators.loopback import HOST
from local.faults.control import Control
from local.faults.fault import Plan
from local.faults.grpc_calls import Calls
from local.faults.http import HttpDoor
from local.faults.wire import Wire

SECURE = "-tls"
"""What the name of a door with TLS ends with."""


async def serve(control: int, described: list[str], tls: ssl.SSLContext | None) -> None:
    """Until cancelled."""
    plan, doors = Plan(), dict[str, Wire | HttpDoor]()
    for door in described:
        name, spoken, port, target = door.split(":")
        match spoken:
            case "grpc":
                behind = await Calls(name, int(target), plan).listen()
                doors[name] = Wire(name, behind, plan)
            case "https":
                server = await HttpDoor(name.removesuffix(SECURE), int(port), int(target), plan, tls).listen(0)
                doors[name] = Wire(name, server.sockets[0].getsockname()[1], plan)
            case _:
                doors[name] = HttpDoor(name, int(port), int(target), plan)
        await doors[name].listen(int(port))
    runner = web.ServerRunner(web.Server(Control(plan, doors).handle, access_log=None), handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, HOST, control).start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.faults", description=__doc__)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--door", action="append", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    given = parser.parse_args()
    tls = None
    if given.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(given.certificate, given.key)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.control, given.door, tls))


if __name__ == "__main__":
    main()
