"""Which servers of others are tried together; ours run in the place of all that a pair does not name."""

from dataclasses import dataclass, field

from tests.foreign import servers
from tests.foreign.servers import Server


@dataclass(frozen=True, slots=True)
class Pair:
    """edge: how nginx asks who may read, None for the direct route. parts: whether Cloud Storage has the XML API's
    multipart uploads, by which large objects are copied. known: sentences about what differs by the servers' nature.
    """

    others: tuple[Server, ...]
    edge: str | None = None
    parts: bool = True
    known: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        way = "" if servers.NGINX not in self.others else f" ({self.edge})"
        return " + ".join(f"{server.name}{way if server is servers.NGINX else ''}" for server in self.others)

    @property
    def settings(self) -> dict[str, str]:
        """Of the functions."""
        return {"ROUTE": "direct"} if self.edge is None else {"CDN_AUTH": self.edge}

    def versions(self) -> str:
        """Raises Missing where one of them is not on this machine."""
        return ", ".join(f"{server.name} {server.version()}".strip() for server in self.others)


_GOOGLES = (servers.PUBSUB, servers.FIRESTORE)

PAIRS = (
    Pair((servers.MOTO,)),
    Pair((servers.MOTO, servers.NGINX), "sigv4"),
    Pair((servers.MOTO, servers.NGINX), "public"),
    Pair((servers.RCLONE,)),
    Pair((servers.RCLONE, servers.NGINX), "sigv4"),
    Pair((servers.RCLONE, servers.NGINX), "public"),
    Pair((servers.TESTBENCH,), parts=False),
    Pair((servers.FAKE_GCS,), parts=False),
    Pair(_GOOGLES),
    Pair((servers.MOTO, servers.NGINX, servers.TESTBENCH, *_GOOGLES), "sigv4", parts=False),
)
