"""The transfer function with services that are far away: `python -m benchmarks.latency`, `make bench-latency`.

S3 and Cloud Storage wait before they answer each request, as long as LATENCY_MS says, and speak HTTPS. One warm
instance copies objects of three sizes with as many in flight as IN_FLIGHT says; its messages come as many at a time as
`shared.domain.instance` has. Shown are objects a second, median of the runs, and the instance's peak memory, the
highest of them; and what its places could do if nothing but waiting took time: two waits an object, and for one that
goes up in chunks another for each chunk and for the beginning of its session.

RUNS=5, LATENCY_MS=50,100,200, IN_FLIGHT=64,128,256 and SIZES=10KiB,333KiB,14MiB choose what is measured.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.transfer import KIB, MIB, Run, Workload, check_and_empty, listing, measured, ours
from local.children import ROOT
from local.names import SOURCE
from local.stack import Stack
from shared.domain.instance import BYTES_IN_FLIGHT, CONCURRENCY, Places
from shared.gcp.storage import CHUNK_BYTES

RESULTS = ROOT / "benchmarks" / "results" / "latency.json"
SERVERS = ("s3", "gcs")
FOR_EVER = 10**9
"""Requests."""

WORKLOADS = {
    "10KiB": Workload("10 KiB", 6_000, 10 * KIB, tls=True),
    "333KiB": Workload("333 KiB", 2_000, 333 * KIB, tls=True),
    "14MiB": Workload("14 MiB", 60, 14 * MIB, tls=True),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Objects of a size, copied so many at a time, by services that wait for so long."""

    workload: Workload
    in_flight: int
    latency_ms: int
    runs: Sequence[Run]

    @property
    def objects_a_second(self) -> float:
        return self.workload.count / statistics.median(run.seconds for run in self.runs)

    @property
    def peak_mib(self) -> float:
        return max(run.peak_bytes for run in self.runs) / MIB

    @property
    def at_most(self) -> float:
        """Objects a second, if nothing but waiting took time."""
        size = self.workload.size
        return Places(self.in_flight).of(size) / (requests(size) * self.latency_ms / 1e3)

    def figures(self) -> dict[str, Any]:
        """For programs."""
        return {
            "bytes": self.workload.size,
            "count": self.workload.count,
            "in_flight": self.in_flight,
            "latency_ms": self.latency_ms,
            "objects_a_second": self.objects_a_second,
            "objects_a_second_if_only_waiting_took_time": self.at_most,
            "peak_rss_mib": self.peak_mib,
            "runs": [asdict(run) for run in self.runs],
        }


def requests(size: int) -> int:
    """That a copy of so many bytes waits for, one after another."""
    return 2 if size <= CHUNK_BYTES else 2 + -(-size // CHUNK_BYTES)


def measure(
    workload: Workload, in_flight: int, latencies: Sequence[int], runs: int, console: Console
) -> Iterator[Case]:
    """One instance, its connections built by a run that does not count."""
    settings = {"ROUTE": "direct", "OBJECTS_IN_FLIGHT": str(in_flight)}
    with Stack(functions=("transfer",), settings=settings, tls=True) as stack:
        pattern = {"bucket": SOURCE, "key": "k/{}", "size": workload.size, "count": workload.count}
        stack.post("s3", "/_local/patterns", pattern)
        listed = listing(stack)
        ours(stack, listed)
        check_and_empty(stack, workload)
        for latency in latencies:
            for server in SERVERS:
                stack.clear(server, "/_local/faults")
                stack.fault(server, op="*", do="delay", seconds=latency / 1e3, times=FOR_EVER)
            done = [measured(ours, stack, listed, workload, SERVERS) for _ in range(runs)]
            case = Case(workload, in_flight, latency, done)
            console.print(
                f"{workload.name}, {in_flight} in flight, {latency} ms: {case.objects_a_second:,.0f} objects/s, "
                f"{case.peak_mib:,.0f} MiB",
                style="dim",
            )
            yield case


def table(cases: Sequence[Case], runs: int) -> Table:
    """A row for each size and latency: a column of rates, and one of memory, for each number in flight."""
    flights = sorted({case.in_flight for case in cases})
    made = Table(title=f"objects a second (if only waiting took time) and peak RSS; {runs} runs")
    for head in ("object", "ms a request", *(f"{n} in flight" for n in flights), *(f"MiB at {n}" for n in flights)):
        made.add_column(head, justify="right")
    for name, latency in dict.fromkeys((case.workload.name, case.latency_ms) for case in cases):
        row = {case.in_flight: case for case in cases if (case.workload.name, case.latency_ms) == (name, latency)}
        rates = [f"{row[n].objects_a_second:,.0f} ({row[n].at_most:,.0f})" if n in row else "" for n in flights]
        peaks = [f"{row[n].peak_mib:,.0f}" if n in row else "" for n in flights]
        made.add_row(name, str(latency), *rates, *peaks)
    return made


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    runs = int(os.environ.get("RUNS") or 5)
    latencies = [int(text) for text in (os.environ.get("LATENCY_MS") or "50,100,200").split(",")]
    flights = [int(text) for text in (os.environ.get("IN_FLIGHT") or "64,128,256").split(",")]
    sizes = (os.environ.get("SIZES") or ",".join(WORKLOADS)).split(",")
    cases: list[Case] = []
    for name in sizes:
        for in_flight in flights:
            cases += measure(WORKLOADS[name], in_flight, latencies, runs, console)
            _write(cases)
    console.print(table(cases, runs))
    console.print(f"written to {RESULTS.relative_to(ROOT)}")


def _write(cases: Sequence[Case]) -> None:
    """For programs, and for who stops it before its end."""
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "measured": time.strftime("%Y-%m-%d"),
        "messages at a time": CONCURRENCY,
        "bytes in flight": BYTES_IN_FLIGHT,
        "cases": [case.figures() for case in cases],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
