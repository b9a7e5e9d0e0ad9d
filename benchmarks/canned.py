"""Pages and packed records that have arrived already, so that a benchmark measures what is done with them.

`canned_app` puts the production use cases together over them, by the production bootstrap.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast
from xml.sax.saxutils import escape

from botocore.credentials import Credentials

from shared.aws.address import S3Address
from shared.aws.s3 import S3Source
from shared.bootstrap import Adapters, App, JobConfig, bootstrap
from shared.clock import SystemClock
from shared.domain.counts import Outcome, RangeCounts
from shared.domain.objects import SourceObject
from shared.entrypoints import runtime
from shared.http.client import Answer, Request
from shared.ledger.compaction import GROUP_KEYS
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord, batch_id
from shared.ledger.table import Packed, Table, pack
from shared.ports.control_store import Control, Spoke
from shared.ports.ledger_store import KeyCount, Versioned
from shared.ports.range_store import Agrees, HeldRange, RangeId, always
from shared.ports.reports import Reports
from shared.ports.stores import Stores
from shared.settings import Settings
from shared.telemetry import Log

PAGE_KEYS = 1000
CANNED_PAGES = 200

SETTINGS: dict[str, Any] = {
    "google_cloud_project": "benchmark",
    "source_bucket": "source",
    "destination_bucket": "destination",
    "staging_bucket": "staging",
    "list_topic": "list",
    "transfer_topic": "transfer",
    "verify_topic": "verify",
    "dead_letter_topic": "dead-letters",
    "route": "direct",
}


@dataclass(frozen=True, slots=True)
class Canned:
    """A listing and the ledger that knows all of it. pages: XML bodies by the key they begin after."""

    pages: Mapping[str, bytes]
    records: Sequence[tuple[str, Packed]]
    keys: int

    @classmethod
    def make(cls, pages: int) -> "Canned":
        objects = [
            SourceObject(
                f"photos/2021/{n // 10_000:04d}/image-{n:09d}.jpg".encode(),
                f"{n * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128:032x}",
                n * 7919 % 10**6,
                1_700_000_000 + n % 86_400,
            )
            for n in range(pages * PAGE_KEYS)
        ]
        bodies, after = {}, ""
        for start in range(0, len(objects), PAGE_KEYS):
            page = objects[start : start + PAGE_KEYS]
            bodies[after] = _xml(page, start + PAGE_KEYS < len(objects))
            after = page[-1].text
        records = []
        for start in range(0, len(objects), GROUP_KEYS):
            some = objects[start : start + GROUP_KEYS]
            entries = [
                Entry(item.key, item.etag, item.size, item.modified, Outcome.COPIED, "", n, "AAAAAA==", "md5")
                for n, item in enumerate(some, 1_700_000_000_000_000)
            ]
            records.append((batch_id(MERGED, entries), pack(entries)))
        return cls(bodies, records, len(objects))


def _xml(page: Sequence[SourceObject], more: bool) -> bytes:
    """As S3 writes it."""
    rows = "".join(
        f"<Contents><Key>{escape(item.text)}</Key>"
        f"<LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(item.modified))}</LastModified>"
        f"<ETag>&quot;{item.etag}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
        f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{item.size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for item in page
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>b</Name><Prefix></Prefix><KeyCount>{len(page)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<EncodingType>url</EncodingType><IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        f"{f'<NextContinuationToken>{page[-1].text}</NextContinuationToken>' if more else ''}{rows}</ListBucketResult>"
    ).encode()


@dataclass(frozen=True, slots=True)
class CannedHttp:
    """Answers a listing with the page that begins after the asked-for key."""

    canned: Canned

    clock: SystemClock = field(default_factory=SystemClock)

    async def send(self, request: Request) -> Answer:
        after = next((part[12:] for part in request.url.split("&") if part.startswith("start-after=")), "")
        return Answer(200, {}, self.canned.pages[after.replace("%2F", "/")])


@dataclass(slots=True)
class CannedLedger:
    """A ledger whose documents have arrived and are still packed."""

    canned: Canned

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        for batch, packed in self.canned.records:
            yield Versioned(BatchRecord(batch, MERGED, 1.0, Table(packed)), None)

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        return KeyCount(self.canned.keys, len(self.canned.records))


class OneRun:
    """`shared.ports.run_store.RunStore` for a run that costs nothing here."""

    async def create(self, *_: object) -> bool:
        return True

    async def exists(self, _run: str) -> bool:
        return False

    async def running(self) -> list[object]:
        return []

    async def names_running(self) -> frozenset[str]:
        return frozenset()

    async def unreported(self) -> list[object]:
        return []

    async def heartbeat(self, *_: object) -> None: ...


@dataclass(slots=True)
class OneRange:
    """`shared.ports.range_store.RangeStore` for the one range of a run. counts: what it was closed with."""

    counts: RangeCounts | None = None

    async def acquire(
        self, range_id: RangeId, owner: str, _now: float, _seconds: float, _agrees: Agrees = always
    ) -> HeldRange:
        return HeldRange(range_id, owner, None)

    async def renew(self, held: HeldRange, _now: float, _seconds: float) -> HeldRange:
        return held

    async def complete(self, _held: object, counts: RangeCounts, _now: float) -> None:
        self.counts = counts

    async def is_open(self, _run: str) -> bool:
        return True


class NoPrefixes:
    """`shared.ports.prefix_store.PrefixStore`."""

    async def get(self, _prefix: bytes) -> dict[str, Any]:
        return {}

    async def update(self, *_: object) -> dict[str, Any]:
        return {}


class NoUploads:
    """`shared.ports.upload_store.UploadStore` without uploads."""

    async def unpublished_since(self, _moment: float) -> list[object]:
        return []


class NoControl:
    """`shared.ports.control_store.ControlStore`: never paused, no quotas."""

    async def get(self) -> Control:
        return Control()

    async def speak_for(self, identity: str, text: str) -> Spoke:
        return Spoke(identity, identity, text)


def canned_stores(ledger: Any, ranges: Any) -> Stores:
    """Stores of which a run uses few; everything but the ledger costs nothing."""
    runs, prefixes, control, none = OneRun(), NoPrefixes(), NoControl(), cast("Any", None)
    return Stores(
        ledger=ledger,
        runs=cast("Any", runs),
        ranges=ranges,
        prefixes=prefixes,
        control=cast("Any", control),
        uploads=cast("Any", NoUploads()),
        extras=none,
        rejected=none,
    )


def canned_app(http: Any, stores: Stores, destination: Any = None, reports: Reports | None = None) -> App:
    """The production use cases over canned answers, as an instance has them. Nothing is published."""
    clock, none = SystemClock(), cast("Any", None)
    address = S3Address.of("b", "us-east-1", None, Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), clock, False)
    source = S3Source(address, http)
    adapters = Adapters(
        log=Log("ERROR"),
        clock=clock,
        source=source,
        copy_source=source,
        download=none,
        direct=None,
        destination=destination,
        copy_destination=destination,
        staging=none,
        queue=none,
        stores=stores,
        reports=reports,
    )
    app = bootstrap(adapters, replace(JobConfig.of(Settings(**SETTINGS)), range_keys=10**9))
    runtime.spare_what_stays()
    return app
