"""Which servers of others are tried together; ours run in the place of all that a pair does not name."""

from dataclasses import dataclass

from tests.foreign import servers
from tests.foreign.servers import Server


@dataclass(frozen=True, slots=True)
class Pair:
    """edge: how nginx asks who may read, None for the direct route. whole: why large objects are not copied in parts
    here, "" where they are.
    """

    others: tuple[Server, ...]
    edge: str | None = None
    whole: str = ""

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


NO_RANGES = "a range is answered with 200, so large objects are copied whole"
NO_XML = "there are no multipart uploads (XML API), so large objects are copied whole"
_GOOGLES = (servers.PUBSUB, servers.FIRESTORE)

PAIRS = (
    Pair((servers.MOTO,)),
    Pair((servers.MOTO, servers.NGINX), "sigv4"),
    Pair((servers.MOTO, servers.NGINX), "public"),
    Pair((servers.RCLONE,), whole=NO_RANGES),
    Pair((servers.RCLONE, servers.NGINX), "sigv4"),
    Pair((servers.RCLONE, servers.NGINX), "public"),
    Pair((servers.TESTBENCH,), whole=NO_XML),
    Pair((servers.FAKE_GCS,), whole=NO_XML),
    Pair(_GOOGLES),
    Pair((servers.MOTO, servers.NGINX, servers.TESTBENCH, *_GOOGLES), "sigv4", whole=NO_XML),
)
