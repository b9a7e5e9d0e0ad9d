"""Runs one emulator as a process: `python -m local.emulators s3 --port 9000`."""

import argparse
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine
from pathlib import Path

from local.emulators.loopback import HOST, PortTaken, check_free
from local.emulators.serving import listen_both, listen_http, scheme, until_told

ACCESS_KEY, SECRET_KEY = "test", os.environ.get("S3_SECRET_KEY", "test")
"""Of the one who may do everything at S3."""


async def _s3(given: Namespace) -> None:
    from local.emulators.instruments import Instruments
    from local.emulators.s3.api import S3Server
    from local.emulators.s3.outbox import MOST_A_REQUEST

    secrets, queues = {ACCESS_KEY: SECRET_KEY}, os.environ.get("EVENT_QUEUES", "")
    a_request = int(os.environ.get("EVENTS_A_REQUEST", MOST_A_REQUEST))
    await listen_http(S3Server(Instruments(), secrets, queues, a_request).handle, given.port)


async def _edge(given: Namespace) -> None:
    from botocore.credentials import Credentials

    from local.emulators.edge.api import Edge
    from local.emulators.edge.errors import ERROR_SECONDS, ErrorCache
    from local.emulators.edge.origin import Origin
    from local.emulators.edge.policy import PolicyCheck
    from local.emulators.instruments import Instruments

    credentials: Credentials | None = Credentials(ACCESS_KEY, SECRET_KEY)
    policy = None
    match os.environ.get("EDGE_AUTH", "sigv4"):
        case "sigv4":
            credentials = None
        case "signed-url":
            policy = PolicyCheck(os.environ["EDGE_KEY_PAIR_ID"], os.environ["EDGE_PUBLIC_KEY"])
        case "public":
            pass
        case unknown:
            sys.exit(f"EDGE_AUTH={unknown} is unknown; it is one of sigv4, signed-url, public")
    errors = ErrorCache(float(os.environ.get("EDGE_ERROR_SECONDS", ERROR_SECONDS)))
    origin = Origin(given.origin, credentials, custom=os.environ.get("EDGE_CUSTOM_ORIGIN") == "1")
    await listen_http(Edge(Instruments(), origin, errors, policy).handle, given.port)


async def _gcs(given: Namespace) -> None:
    from local.emulators.gcs.api import GcsServer
    from local.emulators.instruments import Instruments

    await listen_http(GcsServer(Instruments(), f"{scheme()}://{HOST}:{given.port}").handle, given.port)


async def _pubsub(given: Namespace) -> None:
    from local.emulators.instruments import Instruments
    from local.emulators.pubsub.broker import Broker
    from local.emulators.pubsub.grpc_api import handlers
    from local.emulators.pubsub.rest_api import RestApi

    broker = Broker(Instruments())
    await listen_both(handlers(broker), RestApi(broker).handle, given.port)


async def _firestore(given: Namespace) -> None:
    from local.emulators.firestore.indexes import Indexes
    from local.emulators.firestore.service import Firestore, handlers
    from local.emulators.instruments import Instruments

    service = Firestore(Instruments(), Indexes.read(given.indexes) if given.indexes else None)
    await listen_both(handlers(service), service.instruments.control, given.port)


async def _secrets(given: Namespace) -> None:
    from local.emulators.instruments import Instruments
    from local.emulators.secrets.service import Secrets, handlers

    await listen_both(handlers(Secrets()), Instruments().control, given.port)


async def _scheduler(given: Namespace) -> None:
    from local.emulators.scheduler.api import serve

    await serve(given.port)


SERVERS: dict[str, Callable[[Namespace], Coroutine[None, None, None]]] = {
    "s3": _s3,
    "edge": _edge,
    "gcs": _gcs,
    "pubsub": _pubsub,
    "firestore": _firestore,
    "secrets": _secrets,
    "scheduler": _scheduler,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.emulators", description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--origin", default="", help="URL of the bucket that the edge stands in front of")
    parser.add_argument("--indexes", type=Path, help="the file of Firestore's composite indexes")
    given = parser.parse_args()
    try:
        check_free(given.server, given.port)
    except PortTaken as taken:
        sys.exit(f"{taken}; choose another one")
    try:
        import uvloop

        uvloop.run(until_told(SERVERS[given.server](given)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
