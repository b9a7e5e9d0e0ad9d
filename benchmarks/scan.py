"""How much CPU a delta scan takes for a key that has not changed: `make bench-scan`.

Two tables, medians of RUNS=5 runs, CPU (user + system) of the client alone:

    canned   no wire: the same 1,000-key pages are given to both, and to ours the packed records of the ledger
             ours     S3Source's parser, the memory scan, the diff, filters and books: the production ListRange
             boto3    list_objects_v2's paginator, which only lists
    wires    on the local servers, KEYS=200000 objects
             ours     the lister function under functions-framework, pushed one message; S3 listed, Firestore read
             rclone   `rclone check` between two buckets that hold the same, which is how one compares without a memory
             boto3    the paginator again, over the wire
"""

import asyncio
import base64
import json
import os
import platform
import statistics
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.processes import Usage, of_group, spawned
from local import runs
from local.children import ROOT
from local.clients import s3_client
from local.names import PROJECT, SOURCE
from local.stack import Stack
from shared.aws.address import S3Address
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.domain.batching import batches
from shared.domain.budget import Budget
from shared.domain.counts import Outcome, RangeCounts
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage
from shared.domain.objects import SourceObject
from shared.gcp.firestore.stores import firestore_stores
from shared.http.client import Answer, Http, Request
from shared.ledger.compaction import GROUP_KEYS
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord, batch_id
from shared.ledger.table import Packed, Table, pack
from shared.listing.list_range import ListRange
from shared.ports.control_store import Control
from shared.ports.ledger_store import KeyCount, Versioned
from shared.ports.range_store import HeldRange, OpenRange
from shared.ports.source import Source
from shared.ports.stores import Stores
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.range_work import RangeWork
from shared.ranges.ranges import Ranges
from shared.ranges.split_range import SplitRange
from shared.runs.follow_up import FollowUp
from shared.runs.heartbeat import Heartbeat
from shared.runs.lifecycle import RunLifecycle
from shared.runs.quota import JobControl
from shared.telemetry import Log

RESULTS = ROOT / "benchmarks" / "results" / "scan.json"
PAGE_KEYS = 1000
CANNED_PAGES = 200
BOTO_PAGES = 20
MIRROR = "mirror-bucket"


@dataclass(frozen=True, slots=True)
class Canned:
    """A listing and the ledger that remembers all of it. pages: XML bodies by the key they begin after."""

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

    async def running(self) -> list[object]:
        return []

    async def heartbeat(self, *_: object) -> None: ...


@dataclass(slots=True)
class OneRange:
    """`shared.ports.range_store.RangeStore` for the one range of a run. counts: what it was closed with."""

    counts: RangeCounts | None = None

    async def acquire(self, opened: OpenRange, owner: str, _now: float, _seconds: float) -> HeldRange:
        return HeldRange(opened.piece, owner, None)

    async def renew(self, held: HeldRange, _now: float, _seconds: float) -> HeldRange:
        return held

    async def complete(self, _held: object, counts: RangeCounts, _now: float) -> None:
        self.counts = counts

    async def is_open(self, _run: str) -> bool:
        return True


class NoPrefixes:
    """`shared.ports.prefix_store.PrefixStore`."""

    async def get(self, _prefix: str) -> dict[str, Any]:
        return {}

    async def update(self, *_: object) -> dict[str, Any]:
        return {}


class NoControl:
    """`shared.ports.control_store.ControlStore`: nothing was said."""

    async def get(self) -> Control:
        return Control()


def canned_stores(ledger: Any, ranges: Any) -> Stores:
    """Stores of which a run uses few; everything but the ledger costs nothing."""
    runs, prefixes, control, none = OneRun(), NoPrefixes(), NoControl(), cast("Any", None)
    return Stores(
        ledger=ledger,
        runs=cast("Any", runs),
        ranges=ranges,
        prefixes=prefixes,
        control=cast("Any", control),
        uploads=none,
        extras=none,
        rejected=none,
    )


def range_work(source: Source, stores: Stores, clock: SystemClock, log: Log) -> RangeWork:
    """As shared/bootstrap builds it, without a queue: nothing is published where nothing has changed."""
    queue: Any = None
    switch = JobControl(stores.control, clock)
    pulse, follow_up = Heartbeat(stores.runs, clock), FollowUp(queue, "verify", 1, False, False)
    return RangeWork(
        source=source,
        control=stores.control,
        clock=clock,
        split=SplitRange(source, stores.ledger, range_keys=10**9),
        ranges=Ranges(stores.runs, stores.ranges, queue, clock, pulse, "list", "", 60),
        runs=RunLifecycle(
            runs=stores.runs,
            ranges=stores.ranges,
            prefixes=stores.prefixes,
            switch=switch,
            follow_up=follow_up,
            report=None,
            sweep=None,
            clock=clock,
            log=log,
            life_seconds=3600,
        ),
        publish=PublishBatches(stores.ledger, queue, clock, "transfer", 100, 2**33),
        switch=switch,
        log=log,
    )


def canned_ours(canned: Canned) -> float:
    """CPU seconds of one scan that finds everything unchanged."""
    clock, log = SystemClock(), Log("ERROR")
    ranges = OneRange()
    stores = canned_stores(CannedLedger(canned), ranges)
    address = S3Address.of("b", "us-east-1", None, Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), clock, False)
    source = S3Source(address, CannedHttp(canned))  # type: ignore[arg-type]
    lister = ListRange(
        source=source,
        ledger=stores.ledger,
        runs=stores.runs,
        ranges=stores.ranges,
        prefixes=stores.prefixes,
        work=range_work(source, stores, clock, log),
        filters=Filters(),
        clock=clock,
        log=log,
        life_seconds=3600,
    )
    before = time.process_time()
    asyncio.run(lister(ListMessage(prefix="photos/"), "run", Budget(clock.monotonic(), 540)))
    spent = time.process_time() - before
    unchanged = ranges.counts.outcomes.keys if ranges.counts else {}
    if unchanged != {Outcome.UNCHANGED: canned.keys}:
        raise SystemExit(f"the scan went wrong: {unchanged}")
    return spent


def canned_boto3(canned: Canned) -> float:
    """CPU seconds of listing the first pages."""
    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="secret"
    )
    bodies = list(canned.pages.values())[:BOTO_PAGES]
    served = iter(bodies)

    class Raw:
        def __init__(self, body: bytes) -> None:
            self._body = body

        def stream(self) -> Any:
            yield self._body

    def answer(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, {"content-type": "application/xml"}, Raw(next(served)))

    client.meta.events.register("before-send.s3", answer)
    before = time.process_time()
    found = 0
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="b")
    for _, page in zip(range(len(bodies)), pages, strict=False):
        found += len(page["Contents"])
    spent = time.process_time() - before
    if found != len(bodies) * PAGE_KEYS:
        raise SystemExit(f"boto3 listed {found} keys")
    return spent


def canned_table(count: int, console: Console) -> dict[str, Any]:
    canned = Canned.make(CANNED_PAGES)
    ours, boto = [], []
    for number in range(count):
        ours.append(canned_ours(canned) / canned.keys)
        boto.append(canned_boto3(canned) / (BOTO_PAGES * PAGE_KEYS))
        console.print(f"canned, run {number + 1}: {ours[-1] * 1e6:.2f} and {boto[-1] * 1e6:.2f} us a key", style="dim")
    return _rows({"ours": ours, "boto3": boto})


def _rows(results: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Seconds of CPU a key → medians and ratios."""
    medians = {name: statistics.median(values) for name, values in results.items()}
    return {
        name: {
            "cpu_us_a_key": median * 1e6,
            "keys_a_second_a_core": 1 / median,
            "cpu_ratio_to_ours": median / medians["ours"],
            "runs_us_a_key": [value * 1e6 for value in results[name]],
        }
        for name, median in medians.items()
    }


def wires_table(keys: int, count: int, console: Console) -> dict[str, Any]:
    """The same on the local servers, and what a scan bills."""
    results: dict[str, list[float]] = {"ours": [], "rclone": [], "boto3": []}
    with Stack(functions=("lister",)) as stack:
        os.environ.update(stack.environment)
        s3_client(stack.environment).create_bucket(Bucket=MIRROR)
        for bucket in (SOURCE, MIRROR):
            stack.post("s3", "/_local/patterns", {"bucket": bucket, "key": "photos/{}", "size": 1000, "count": keys})
        asyncio.run(remember(stack))
        scan(stack, "merges the ledger", keys)
        bill: dict[str, int] = {}
        for number in range(count):
            before = stack.bill()
            results["ours"].append(scan(stack, f"run {number + 1}", keys) / keys)
            bill = {name: amount - before.get(name, 0) for name, amount in stack.bill().items()}
            results["rclone"].append(rclone(stack).cpu_seconds / keys)
            results["boto3"].append(paginate(stack) / keys)
            shown = ", ".join(f"{name} {values[-1] * 1e6:.2f}" for name, values in results.items())
            console.print(f"wires, run {number + 1}: {shown} us a key", style="dim")
    rows = _rows(results)
    rows["bill of one scan"] = {name: bill.get(name, 0) for name in ("s3.list", "firestore.reads", "firestore.writes")}
    return rows


async def remember(stack: Stack) -> None:
    """A ledger as the transfer leaves it: everything copied, a hundred keys a record."""
    ledger = firestore_stores(PROJECT, "(default)", "default", Log("ERROR")).ledger
    clock, given = SystemClock(), stack.environment
    keys = Credentials(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
    address = S3Address.of(SOURCE, "us-east-1", given["AWS_ENDPOINT_URL_S3"], keys, clock, False)
    http = Http(1, clock)
    objects = [item async for page in S3Source(address, http).pages(b"", b"") for item in page]
    await http.close()
    records = []
    for batch in batches(objects, 100, 2**40):
        entries = tuple(
            Entry(
                item.key,
                item.etag,
                item.size,
                1_700_000_000,
                Outcome.COPIED,
                "",
                1_700_000_000_000_000,
                "AAAAAA==",
                "md5",
            )
            for item in batch
        )
        records.append(BatchRecord(batch_id("first", batch), "first", time.time(), entries))
    for start in range(0, len(records), 200):
        await ledger.create(records[start : start + 200])


def scan(stack: Stack, name: str, keys: int) -> float:
    """CPU seconds of the lister for one idle run of the whole job."""
    pid = stack.children["lister"].pid
    stamp = f"{time.time_ns():x}"
    inner = {"data": base64.b64encode(b"{}").decode(), "messageId": stamp, "publishTime": "2026-11-21T00:00:00Z"}
    body = json.dumps({"message": inner, "subscription": "s"}).encode()
    request = urllib.request.Request(stack.url("lister") + "/", body, {"Content-Type": "application/json"})
    before = of_group(pid).cpu_seconds
    with urllib.request.urlopen(request, timeout=600) as answer:
        answer.read()
    spent = of_group(pid).cpu_seconds - before
    books = asyncio.run(runs.summary(f"list-20261121T000000-{stamp}"))
    if books.outcomes.keys != {Outcome.UNCHANGED: keys}:
        raise SystemExit(f"{name}: the scan went wrong: {books}")
    return spent


def rclone(stack: Stack) -> Usage:
    """Both sides listed and compared by size and checksum."""
    command = [
        str(Path(sys.executable).with_name("rclone")), "--config", "/dev/null", "check", "--checkers", "32",
        "--s3-provider", "Other", "--s3-endpoint", stack.url("s3"), "--s3-env-auth", "--s3-region", "us-east-1",
        f":s3:{SOURCE}", f":s3:{MIRROR}",
    ]  # fmt: skip
    return spawned(command, stack)[1]


def paginate(stack: Stack) -> float:
    """CPU seconds of boto3 listing everything."""
    environment = stack.environment
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    before = time.process_time()
    for _ in client.get_paginator("list_objects_v2").paginate(Bucket=SOURCE):
        pass
    return time.process_time() - before


def show(title: str, rows: Mapping[str, Any], console: Console) -> None:
    made = RichTable("client", title=title)
    for head in ("CPU us/key", "keys/s/core", "CPU, x ours"):
        made.add_column(head, justify="right")
    for name, row in rows.items():
        if "cpu_us_a_key" in row:
            made.add_row(
                name,
                f"{row['cpu_us_a_key']:.2f}",
                f"{row['keys_a_second_a_core']:,.0f}",
                f"{row['cpu_ratio_to_ours']:.1f}",
            )
    console.print(made)


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    count, keys = int(os.environ.get("RUNS") or 5), int(os.environ.get("KEYS") or 200_000)
    canned = canned_table(count, console)
    show(f"A delta scan of unchanged keys, canned pages: medians of {count} runs", canned, console)
    wires = wires_table(keys, count, console)
    show(f"The same over the wire, {keys:,} keys: medians of {count} runs", wires, console)
    bill = wires["bill of one scan"]
    console.print(f"billed by one scan of {keys:,} unchanged keys: " + ", ".join(f"{v:,} {k}" for k, v in bill.items()))
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "measured": time.strftime("%Y-%m-%d"),
        "keys": keys,
        "canned": canned,
        "wires": wires,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    console.print(f"written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
