"""How much CPU a delta scan takes for a key that has not changed: `make bench-scan`.

Two tables, medians of RUNS=5 runs, CPU (user + system) of the client alone:

    canned   no wire: the same 1,000-key pages are given to both, and to ours the packed records of the ledger
             ours     S3Source's parser, the ledger scan, the decisions, filters and counts: the production ListRange
             boto3    list_objects_v2's paginator, which only lists
    wires    on the local servers, KEYS=200000 objects
             ours     the lister function under functions-framework, pushed one message; S3 listed, Firestore read
             rclone   `rclone check` between two buckets that hold the same, which is how one compares without a ledger
             boto3    the paginator again, over the wire
"""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.canned import (
    CANNED_PAGES,
    PAGE_KEYS,
    Canned,
    CannedHttp,
    CannedLedger,
    OneRange,
    canned_app,
    canned_stores,
)
from benchmarks.scan_rows import medians
from benchmarks.scan_wires import wires_table
from local.children import ROOT
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage

RESULTS = ROOT / "benchmarks" / "results" / "scan.json"
BOTO_PAGES = 20


def canned_ours(canned: Canned) -> float:
    """CPU seconds of one scan that finds everything unchanged."""
    ranges = OneRange()
    app = canned_app(CannedHttp(canned), canned_stores(CannedLedger(canned), ranges))
    before = time.process_time()
    asyncio.run(app.lister(ListMessage(prefix=b"photos/"), "list-1", Budget(app.adapters.clock.monotonic(), 540)))
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
    return medians({"ours": ours, "boto3": boto})


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
