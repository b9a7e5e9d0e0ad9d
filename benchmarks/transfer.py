"""The transfer function against its peers on the same servers: `python -m benchmarks.transfer`, `make bench-transfer`.

CPU is user + system of the client's processes alone, wall time is printed beside it, medians of the runs. Servers and
clients share the machine, so the servers' CPU is shown, too: where it exceeds the client's, wall time says more about
them.

    ours     the function under functions-framework, fed with pushes of 250 keys as Pub/Sub would; proof, record and
             framework included; straight from S3, as its peers
    rclone   `rclone copy`, 32 transfers
    threads  boto3 and google-cloud-storage over requests, 32 threads
    floor    the least that a client can do, without proof, retries or records (`benchmarks.floor`): no large ones

RUNS=5 is the number of runs, ONLY=small,medium,large,tls chooses the workloads. `benchmarks.latency` measures the
function alone, with services that are far away.
"""

import base64
import json
import os
import platform
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import floor
from benchmarks.processes import Usage, of_group, reset_peak, spawned
from local.children import ROOT
from local.clients import s3_client
from local.names import DESTINATION, SOURCE
from local.stack import Stack
from shared.domain.instance import CONCURRENCY, KEYS_PER_MESSAGE

KIB, MIB, GIB = 1024, 1024**2, 1024**3
COLUMNS = (
    "client",
    "wall s",
    "objects/s",
    "MB/s",
    "CPU ms/object",
    "CPU s/GB",
    "x ours",
    "peak RSS MiB",
    "servers' CPU ms/object",
)
RESULTS = ROOT / "benchmarks" / "results" / "transfer.json"


@dataclass(frozen=True, slots=True)
class Workload:
    """count objects of size bytes. tls: whether both sides speak HTTPS."""

    name: str
    count: int
    size: int
    tls: bool = False

    @property
    def total(self) -> int:
        return self.count * self.size


WORKLOADS = {
    "small": Workload("10 KiB x 20,000", 20_000, 10 * KIB),
    "medium": Workload("1 MiB x 1,000", 1_000, MIB),
    "large": Workload("1 GiB x 4", 4, GIB),
    "tls": Workload("1 GiB x 4, TLS", 4, GIB, tls=True),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. server_cpu_seconds: of the servers, which share the machine."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    server_cpu_seconds: float


Client = Callable[[Stack, list[dict[str, Any]]], tuple[float, Usage]]
"""Copies everything that was listed; wall seconds and what it used."""


def ours(stack: Stack, listed: list[dict[str, Any]]) -> tuple[float, Usage]:
    """One warm instance: a first push has built its connections."""
    stamp = f"{time.time_ns():x}"
    pid = stack.children["transfer"].pid

    def push(start: int, objects: list[dict[str, Any]]) -> None:
        message = {"run": f"r{stamp}", "batch": f"b{stamp}-{start}", "objects": objects}
        data = base64.b64encode(json.dumps(message).encode()).decode()
        inner = {"data": data, "messageId": str(start), "publishTime": "2026-11-21T00:00:00Z"}
        body = json.dumps({"message": inner, "subscription": "s"}).encode()
        request = urllib.request.Request(stack.url("transfer") + "/", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()

    push(-1, [{"key": "no/such/key", "etag": "0" * 32, "size": 0}])
    reset_peak(pid)
    before, started = of_group(pid), time.monotonic()
    step = KEYS_PER_MESSAGE if len(listed) >= KEYS_PER_MESSAGE else 1
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(lambda start: push(start, listed[start : start + step]), range(0, len(listed), step)))
    return time.monotonic() - started, of_group(pid).since(before)


def rclone(stack: Stack, _listed: list[dict[str, Any]]) -> tuple[float, Usage]:
    """The release that PyPI has, with the flags that copy on these servers."""
    command = [
        str(Path(sys.executable).with_name("rclone")), "--config", "/dev/null", "copy", "--transfers", "32",
        "--checkers", "32", "--s3-provider", "Other", "--s3-endpoint", stack.url("s3"), "--s3-env-auth", "--s3-region",
        "us-east-1", "--gcs-endpoint", f"{stack.url('gcs')}/storage/v1/", "--gcs-anonymous",
        "--gcs-bucket-policy-only", f":s3:{SOURCE}", f":gcs:{DESTINATION}",
    ]  # fmt: skip
    return spawned(command, stack)


def threads(stack: Stack, _listed: list[dict[str, Any]]) -> tuple[float, Usage]:
    """`benchmarks.threads_copy`."""
    return spawned([sys.executable, "-m", "benchmarks.threads_copy", SOURCE, DESTINATION], stack)


def bare(stack: Stack, listed: list[dict[str, Any]]) -> tuple[float, Usage]:
    """`benchmarks.floor`, without its start, which a warm instance has behind it, too."""
    keys = stack.logs / "keys.json"
    sides = [stack.url("s3"), stack.url("gcs"), SOURCE, DESTINATION]
    command = [sys.executable, "-m", "benchmarks.floor", *sides, str(keys)]
    keys.write_text("[]")
    start_seconds, start = spawned(command, stack)
    keys.write_text(json.dumps([item["key"] for item in listed]))
    seconds, used = spawned(command, stack)
    return seconds - start_seconds, used.since(start)


CLIENTS: dict[str, Client] = {"ours": ours, "rclone": rclone, "threads": threads, "floor": bare}


def measure(workload: Workload, runs: int, console: Console) -> dict[str, list[Run]]:
    """All clients in turn, `runs` times, each into an empty bucket."""
    small = workload.size <= floor.MOST_BYTES and not workload.tls
    clients = {name: client for name, client in CLIENTS.items() if small or client is not bare}
    results: dict[str, list[Run]] = {name: [] for name in clients}
    hollow = {"GCS_HOLLOW_PARTS": "1"}
    with Stack(functions=("transfer",), settings={"ROUTE": "direct"}, tls=workload.tls, servers=hollow) as stack:
        pattern = {"bucket": SOURCE, "key": "k/{}", "size": workload.size, "count": workload.count}
        stack.post("s3", "/_local/patterns", pattern)
        listed = listing(stack)
        for number in range(runs):
            for name, client in clients.items():
                done = measured(client, stack, listed, workload, ("s3", "gcs", "firestore"))
                results[name].append(done)
                console.print(f"{workload.name}, run {number + 1}: {name} {done.seconds:.1f} s", style="dim")
    return results


def measured(
    client: Client, stack: Stack, listed: list[dict[str, Any]], workload: Workload, servers: Sequence[str]
) -> Run:
    """One run into an empty bucket, which is emptied again; with the CPU of these servers."""
    pids = [stack.children[server].pid for server in servers]
    before = sum(of_group(pid).cpu_seconds for pid in pids)
    seconds, used = client(stack, listed)
    after = sum(of_group(pid).cpu_seconds for pid in pids)
    check_and_empty(stack, workload)
    return Run(seconds, used.cpu_seconds, used.peak_bytes, after - before)


def listing(stack: Stack) -> list[dict[str, Any]]:
    pages = s3_client(stack.environment).get_paginator("list_objects_v2").paginate(Bucket=SOURCE)
    return [
        {
            "key": item["Key"],
            "etag": item["ETag"].strip('"'),
            "size": item["Size"],
            "modified": int(item["LastModified"].timestamp()),
        }
        for page in pages
        for item in page["Contents"]
    ]


def check_and_empty(stack: Stack, workload: Workload) -> None:
    """A client that left something out has not won."""
    held = stack.get("gcs", f"/_local/objects/{DESTINATION}")
    if (held["objects"], held["bytes"]) != (workload.count, workload.total):
        raise SystemExit(f"{held['objects']} objects of {held['bytes']} bytes arrived, not all of {workload.name}")
    stack.clear("gcs", f"/_local/objects/{DESTINATION}")


def summary(workload: Workload, results: dict[str, list[Run]]) -> dict[str, dict[str, float]]:
    """Medians a client, and its ratio to ours."""
    rows: dict[str, dict[str, float]] = {}
    for name, runs in results.items():
        seconds = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs)
        rows[name] = {
            "seconds": seconds,
            "objects_a_second": workload.count / seconds,
            "mb_a_second": workload.total / seconds / 1e6,
            "cpu_ms_an_object": cpu / workload.count * 1e3,
            "cpu_s_a_gb": cpu / (workload.total / 1e9),
            "peak_rss_mib": statistics.median(run.peak_bytes for run in runs) / MIB,
            "server_cpu_ms_an_object": statistics.median(run.server_cpu_seconds for run in runs) / workload.count * 1e3,
        }
    for row in rows.values():
        row["cpu_ratio_to_ours"] = row["cpu_ms_an_object"] / rows["ours"]["cpu_ms_an_object"]
        row["time_ratio_to_ours"] = row["seconds"] / rows["ours"]["seconds"]
    return rows


def table(workload: Workload, rows: dict[str, dict[str, float]], runs: int) -> Table:
    made = Table(title=f"{workload.name}: medians of {runs} runs")
    for head in COLUMNS:
        made.add_column(head, justify="left" if head == "client" else "right")
    for name, row in rows.items():
        made.add_row(
            name,
            f"{row['seconds']:.1f}",
            f"{row['objects_a_second']:,.0f}",
            f"{row['mb_a_second']:,.0f}",
            f"{row['cpu_ms_an_object']:,.3f}",
            f"{row['cpu_s_a_gb']:,.2f}",
            f"{row['cpu_ratio_to_ours']:.1f}",
            f"{row['peak_rss_mib']:,.0f}",
            f"{row['server_cpu_ms_an_object']:,.3f}",
        )
    return made


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    if shutil.which(str(Path(sys.executable).with_name("rclone"))) is None:
        raise SystemExit("rclone is missing: make bench-transfer installs it")
    runs = int(os.environ.get("RUNS") or 5)
    chosen = (os.environ.get("ONLY") or ",".join(WORKLOADS)).split(",")
    report: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        workload = WORKLOADS[name]
        results = measure(workload, runs, console)
        rows = summary(workload, results)
        console.print(table(workload, rows, runs))
        report[name] = {
            "workload": asdict(workload),
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
            "measured": time.strftime("%Y-%m-%d"),
            "runs": {client: [asdict(run) for run in done] for client, done in results.items()},
            "medians": rows,
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    console.print(f"written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
