"""One job's stores in memory."""

from collections.abc import Callable

from shared.ports.stores import Stores
from tests.fakes.control import FakeControl
from tests.fakes.extras import FakeExtras
from tests.fakes.ledger import FakeLedger
from tests.fakes.prefixes import FakePrefixes
from tests.fakes.ranges import FakeRanges
from tests.fakes.rejected import FakeRejected
from tests.fakes.runs import FakeRuns
from tests.fakes.uploads import FakeUploads


class FakeStores:
    """As `shared.ports.stores.Stores`, with all that the fakes show. now: the time of the server."""

    def __init__(self, now: Callable[[], float] = lambda: 1_000_000.0) -> None:
        self.ranges = FakeRanges(now)
        self.ledger = FakeLedger(now, self.ranges)
        self.runs = FakeRuns(self.ranges, self.ledger)
        self.prefixes = FakePrefixes()
        self.control = FakeControl()
        self.uploads = FakeUploads()
        self.extras = FakeExtras()
        self.rejected = FakeRejected()

    def stamp_by(self, now: Callable[[], float]) -> None:
        """Let the server's time be this one."""
        self.ledger.now = self.ranges.now = now

    @property
    def ports(self) -> Stores:
        """As use cases take them."""
        return Stores(
            ledger=self.ledger,
            runs=self.runs,
            ranges=self.ranges,
            prefixes=self.prefixes,
            control=self.control,
            uploads=self.uploads,
            extras=self.extras,
            rejected=self.rejected,
        )
