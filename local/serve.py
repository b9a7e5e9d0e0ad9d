"""Runs one server of the stack as a process: `python -m local.serve s3 --port 9000`."""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine

from local.children import ROOT
from local.serving import HOST, PortTaken, check_free, listen_both, listen_http, scheme

ACCESS_KEY, SECRET_KEY = "test", "test"


async def _s3(port: int, _origin: str) -> None:
    from local.instruments import Instruments
    from local.s3.api import S3Server

    await listen_http(S3Server(Instruments(), {ACCESS_KEY: SECRET_KEY}).handle, port)


async def _edge(port: int, origin: str) -> None:
    from botocore.credentials import Credentials

    from local.cdn_policy import PolicyCheck
    from local.edge import Edge
    from local.instruments import Instruments
    from shared.aws.address import S3Address
    from shared.aws.credentials import SigningKeys
    from shared.clock import SystemClock
    from shared.settings import CdnAuth

    auth = CdnAuth(os.environ.get("EDGE_AUTH", CdnAuth.SIGV4))
    policy = None
    if auth is CdnAuth.SIGNED_URL:
        policy = PolicyCheck(os.environ["EDGE_KEY_PAIR_ID"], os.environ["EDGE_PUBLIC_KEY"])
    address = S3Address(origin, "us-east-1", SigningKeys(Credentials(ACCESS_KEY, SECRET_KEY)), SystemClock())
    await listen_http(Edge(Instruments(), address, auth is not CdnAuth.SIGV4, policy).handle, port)


async def _gcs(port: int, _origin: str) -> None:
    from local.gcs.api import GcsServer
    from local.instruments import Instruments

    await listen_http(GcsServer(Instruments(), f"{scheme()}://{HOST}:{port}").handle, port)


async def _pubsub(port: int, _origin: str) -> None:
    from local.instruments import Instruments
    from local.pubsub.broker import Broker
    from local.pubsub.grpc_api import handlers
    from local.pubsub.rest_api import RestApi

    broker = Broker(Instruments())
    await listen_both(handlers(broker), RestApi(broker).handle, port)


async def _firestore(port: int, _origin: str) -> None:
    from local.firestore.indexes import Indexes
    from local.firestore.service import Firestore, handlers
    from local.instruments import Instruments

    service = Firestore(Instruments(), Indexes.read(ROOT / "terraform" / "firestore.indexes.json"))
    await listen_both(handlers(service), service.instruments.control, port)


async def _secrets(port: int, _origin: str) -> None:
    from local.instruments import Instruments
    from local.secrets import Secrets, handlers

    await listen_both(handlers(Secrets()), Instruments().control, port)


async def _scheduler(port: int, _origin: str) -> None:
    from local.scheduler import serve

    await serve(port)


SERVERS: dict[str, Callable[[int, str], Coroutine[None, None, None]]] = {
    "s3": _s3,
    "edge": _edge,
    "gcs": _gcs,
    "pubsub": _pubsub,
    "firestore": _firestore,
    "secrets": _secrets,
    "scheduler": _scheduler,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--origin", default="", help="what the edge stands in front of")
    given = parser.parse_args()
    try:
        check_free(given.server, given.port)
    except PortTaken as taken:
        sys.exit(f"{taken}; choose another one")
    try:
        import uvloop

        uvloop.run(SERVERS[given.server](given.port, given.origin))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
