"""The delta scan on the local servers: the lister function, rclone and boto3, and what a scan bills."""

import asyncio
import base64
import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from rich.console import Console

from benchmarks.processes import Usage, of_group, spawned
from benchmarks.scan_rows import medians
from local import runs
from local.clients import s3_client
from local.names import PROJECT, SOURCE
from local.stack import Stack
from shared.aws.address import S3Address
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.domain.batching import batches
from shared.domain.counts import Outcome
from shared.domain.instance import KEYS_PER_MESSAGE
from shared.gcp.firestore.stores import firestore_stores
from shared.http.client import Http
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.telemetry import Log

MIRROR = "mirror-bucket"


def wires_table(keys: int, count: int, console: Console) -> dict[str, Any]:
    """The same on the local servers, and what a scan bills."""
    results: dict[str, list[float]] = {"ours": [], "rclone": [], "boto3": []}
    with Stack(functions=("lister",)) as stack:
        os.environ.update(stack.environment)
        s3_client(stack.environment).create_bucket(Bucket=MIRROR)
        for bucket in (SOURCE, MIRROR):
            stack.post("s3", "/_local/patterns", {"bucket": bucket, "key": "photos/{}", "size": 1000, "count": keys})
        asyncio.run(fill_ledger(stack))
        scan(stack, "merges the ledger", keys)
        bill: dict[str, int] = {}
        for number in range(count):
            seconds, bill = scan(stack, f"run {number + 1}", keys)
            results["ours"].append(seconds / keys)
            results["rclone"].append(rclone(stack).cpu_seconds / keys)
            results["boto3"].append(paginate(stack) / keys)
            shown = ", ".join(f"{name} {values[-1] * 1e6:.2f}" for name, values in results.items())
            console.print(f"wires, run {number + 1}: {shown} us a key", style="dim")
    rows = medians(results)
    rows["bill of one scan"] = {name: bill.get(name, 0) for name in ("s3.list", "firestore.reads", "firestore.writes")}
    return rows


async def fill_ledger(stack: Stack) -> None:
    """A ledger as the transfer leaves it: everything copied, a record a message."""
    ledger = firestore_stores(PROJECT, "(default)", "default", Log("ERROR")).ledger
    clock, given = SystemClock(), stack.environment
    keys = Credentials(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
    address = S3Address.of(SOURCE, "us-east-1", given["AWS_ENDPOINT_URL_S3"], keys, clock, False)
    http = Http(1, clock)
    objects = [item async for page in S3Source(address, http).pages(b"", b"") for item in page]
    await http.close()
    records = []
    for batch in batches(objects, KEYS_PER_MESSAGE, 2**40):
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


def scan(stack: Stack, name: str, keys: int) -> tuple[float, dict[str, int]]:
    """CPU seconds of the lister for one idle run of the whole job, and what that bills: not what asking for its counts
    does.
    """
    pid = stack.children["lister"].pid
    stamp = f"{time.time_ns():x}"
    inner = {"data": base64.b64encode(b"{}").decode(), "messageId": stamp, "publishTime": "2026-11-21T00:00:00Z"}
    body = json.dumps({"message": inner, "subscription": "s"}).encode()
    request = urllib.request.Request(stack.url("lister") + "/", body, {"Content-Type": "application/json"})
    before, billed = of_group(pid).cpu_seconds, stack.bill()
    with urllib.request.urlopen(request, timeout=600) as answer:
        answer.read()
    spent = of_group(pid).cpu_seconds - before
    bill = {name: amount - billed.get(name, 0) for name, amount in stack.bill().items()}
    summary = asyncio.run(runs.summary(f"list-20261121T000000-{stamp}"))
    if summary.outcomes.keys != {Outcome.UNCHANGED: keys}:
        raise SystemExit(f"{name}: the scan went wrong: {summary}")
    return spent, bill


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
