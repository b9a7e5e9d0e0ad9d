"""The ports in memory, one a file. The contract suites hold them to the same behaviour as the real adapters."""

from tests.fakes.bucket import FakeBucket, Stored
from tests.fakes.clock import FakeClock
from tests.fakes.control import FakeControl
from tests.fakes.destination import FakeDestination, crc32c_of
from tests.fakes.download import FakeDownload
from tests.fakes.events import FakeEvents
from tests.fakes.extras import FakeExtras
from tests.fakes.ledger import FakeLedger
from tests.fakes.log import FakeLog
from tests.fakes.prefixes import FakePrefixes
from tests.fakes.queue import FakeQueue
from tests.fakes.ranges import FakeRanges
from tests.fakes.rejected import FakeRejected
from tests.fakes.reports import FakeReports
from tests.fakes.runs import FakeRuns, StoredRun
from tests.fakes.staging import FakeStaging
from tests.fakes.stores import FakeStores
from tests.fakes.uploads import FakeUploads

__all__ = [
    "FakeBucket",
    "FakeClock",
    "FakeControl",
    "FakeDestination",
    "FakeDownload",
    "FakeEvents",
    "FakeExtras",
    "FakeLedger",
    "FakeLog",
    "FakePrefixes",
    "FakeQueue",
    "FakeRanges",
    "FakeRejected",
    "FakeReports",
    "FakeRuns",
    "FakeStaging",
    "FakeStores",
    "FakeUploads",
    "Stored",
    "StoredRun",
    "crc32c_of",
]
