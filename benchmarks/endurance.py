"""Very many small objects through the whole stack, watched from beginning to end: `make endurance`.

A first run, ten runs that find nothing to do, and four comparisons of both sides, by the three functions with the
local Pub/Sub between them. Once a second each process is looked at: resident memory, connections that it opened,
threads. Held to: the memory and the connections of each function are no more in the last third of its work than in the
first, but for what `MORE_BYTES` and those below it allow, the counts of all runs add up to what lies in S3, no key was
tried twice, and no message was given back but for a range that is being worked on. The rate is shown by thirds and not
held to anything: the servers, which keep all objects in memory, share the machine.

OBJECTS=200000 is how many; of so many bytes each: SIZE=64.
"""

import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import Held, held_by
from local import runs
from local.children import ROOT
from local.names import DESTINATION, SOURCE
from local.stack import Stack
from shared.ports.run_store import RunSummary

MIB = 1024**2
RESULTS = ROOT / "benchmarks" / "results" / "endurance.json"
FUNCTIONS = ("lister", "transfer", "verifier")
PATTERN_KEYS = 20_000
"""A request to make objects answers within some seconds."""

FOLDERS = 100
SAMPLE_SECONDS = 1.0
LEAST_SAMPLES = 30
"""Of a function at work, without which nothing is said of it: threads and connections are made in the first seconds."""

RUNS = {"first run": 1, "nothing to do": 10, "comparison": 4}
"""In each phase. A million keys have the lister's memory settle at its most in the fifth run that finds nothing to do;
it was the same in the twelfth.
"""

WARM_SHARE = {"first run": 0.1, "nothing to do": 0.5, "comparison": 0.25}
"""Of the first samples, in which connections and caches are built, and memory settles."""

MORE_BYTES, MORE_SOCKETS = 12 * MIB, 8
"""By which the last third may exceed the first: allocators keep what a burst once took."""

THREAD_BYTES, THREAD_SOCKETS = 2 * MIB, 2
"""And for each thread that it has more: ranges split, so that a lister works on more of them at a time, with a page and
a push each, until all its threads are in use.
"""

MOST_THREADS = 64
"""THREADS is 32 on the stack; the rest are the libraries'."""

TROUBLE = ("requeued", "nacked", "published anew", "copying waits: this fails for every key", "copying slows down")

AT_WORK = {"first run": ("lister", "transfer"), "nothing to do": ("lister",), "comparison": ("verifier",)}


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds since the phase began, messages that wait by subscription, writes at the destination so far, and what
    each process holds.
    """

    phase: str
    seconds: float
    backlog: Mapping[str, int]
    written: int
    held: Mapping[str, Held]


@dataclass(frozen=True, slots=True)
class Third:
    """A function's medians in a third of its samples."""

    resident_bytes: float
    sockets: float
    threads: float

    @classmethod
    def of(cls, samples: Sequence[Held]) -> "Third":
        parts = [(item.resident_bytes, item.sockets, item.threads) for item in samples]
        return cls(*(statistics.median(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class Course:
    """A function in a phase: what it held in each third of its work. None where it was over too soon to tell."""

    phase: str
    function: str
    samples: int
    peak_bytes: int
    thirds: tuple[Third, Third, Third] | None

    @property
    def grown(self) -> str:
        """What has become more; empty for nothing."""
        if self.thirds is None:
            return ""
        first, _, last = self.thirds
        more = []
        threads = max(0.0, last.threads - first.threads)
        if last.resident_bytes > first.resident_bytes + MORE_BYTES + threads * THREAD_BYTES:
            more.append(f"{(last.resident_bytes - first.resident_bytes) / MIB:.0f} MiB")
        if last.sockets > first.sockets + MORE_SOCKETS + threads * THREAD_SOCKETS:
            more.append(f"{last.sockets - first.sockets:.0f} sockets")
        if last.threads > MOST_THREADS:
            more.append(f"{threads:.0f} threads")
        return ", ".join(more)


def course(samples: Sequence[Sample], phase: str, function: str) -> Course:
    """Of the samples in which messages waited for the function, or were with it: subscriptions are named alike."""
    held = [item.held[function] for item in samples if item.phase == phase and item.backlog.get(function)]
    warm = held[int(len(held) * WARM_SHARE[phase]) :]
    cut = len(warm) // 3
    thirds = None
    if len(warm) >= LEAST_SAMPLES:
        thirds = Third.of(warm[:cut]), Third.of(warm[cut : 2 * cut]), Third.of(warm[2 * cut :])
    return Course(phase, function, len(held), max((item.resident_bytes for item in held), default=0), thirds)


def rates(samples: Sequence[Sample], phase: str) -> list[float]:
    """Objects written a second, in each third of the phase's time. Empty where nothing is written."""
    of_phase = [item for item in samples if item.phase == phase]
    if len(of_phase) < LEAST_SAMPLES or of_phase[-1].written == of_phase[0].written:
        return []
    cut = len(of_phase) // 3
    marks = [of_phase[0], of_phase[cut], of_phase[2 * cut], of_phase[-1]]
    return [(b.written - a.written) / (b.seconds - a.seconds) for a, b in pairwise(marks)]


@dataclass(slots=True)
class Watch:
    """Looks at the stack once a second, beside what happens."""

    stack: Stack
    samples: list[Sample] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        over, began = Event(), time.monotonic()
        thread = Thread(target=self._look, args=(name, began, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look(self, phase: str, began: float, over: Event) -> None:
        while not over.wait(SAMPLE_SECONDS):
            held = {name: held_by(child.pid, child.port) for name, child in self.stack.children.items()}
            written = self.stack.get("gcs", "/_local/bill").get("gcs.class_a", 0)
            backlog = self.stack.backlog() or {}
            self.samples.append(Sample(phase, time.monotonic() - began, backlog, written, held))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run, and what is wrong with it; "" for nothing."""

    phase: str
    seconds: float
    wrong: str


def judged(phase: str, summary: RunSummary, objects: int, size: int) -> str:
    """What does not add up to what lies in S3; "" for nothing."""
    if (summary.listed_keys, summary.listed_bytes) != (objects, objects * size):
        return f"listed {summary.listed_keys} keys of {summary.listed_bytes} bytes"
    if phase == "comparison":
        return "" if summary.verdicts.keys == {"same": objects} else f"compared {dict(summary.verdicts.keys)}"
    expected = {"first run": {"copied": objects}, "nothing to do": {"unchanged": objects}}[phase]
    if not summary.balanced or {name: count for name, count in summary.outcomes.keys.items() if count} != expected:
        return f"balanced: {summary.balanced}, outcomes {dict(summary.outcomes.keys)}"
    return ""


def fill(stack: Stack, objects: int, size: int, console: Console) -> None:
    """In folders, as many as there are, of one more object each where it does not divide."""
    each, folder, made = -(-objects // FOLDERS), 0, 0
    while made < objects:
        count = min(each, objects - made)
        for start in range(0, count, PATTERN_KEYS):
            wish = {"bucket": SOURCE, "key": f"f{folder:03}/{start:08}-{{}}", "size": size, "seed": made + start}
            stack.post("s3", "/_local/patterns", {**wish, "count": min(PATTERN_KEYS, count - start)})
        made, folder = made + count, folder + 1
    console.print(f"{objects:,} objects made", style="dim")


def run(stack: Stack, objects: int, size: int, console: Console) -> tuple[list[Outcome], list[Sample], list[str]]:
    """All phases; and what went wrong besides."""
    fill(stack, objects, size, console)
    watch, outcomes = Watch(stack), list[Outcome]()
    patience = 120 + objects / 100
    for phase in [name for name, times in RUNS.items() for _ in range(times)]:
        began = time.monotonic()
        with watch.phase(phase):
            name = asyncio.run(runs.wait(stack, stack.tick("verify" if phase == "comparison" else "list"), patience))
        seconds = time.monotonic() - began
        outcomes.append(Outcome(phase, seconds, judged(phase, asyncio.run(runs.summary(name)), objects, size)))
        console.print(f"{phase}: {seconds:.0f} s, {outcomes[-1].wrong or 'the counts add up'}", style="dim")
    wrong = [f"{item.phase}: {item.wrong}" for item in outcomes if item.wrong]
    held, bill = stack.get("gcs", f"/_local/objects/{DESTINATION}"), stack.get("pubsub", "/_local/bill")
    if (held["objects"], held["bytes"]) != (objects, objects * size):
        wrong.append(f"{held['objects']} objects of {held['bytes']} bytes lie at the destination")
    again = told(stack.logs, "put off")
    if bill["pubsub.push"] != bill["pubsub.messages"] + again:
        wrong.append(f"{bill['pubsub.messages']} messages were delivered {bill['pubsub.push']} times, {again} put off")
    wrong += [f"{count} times '{line}' in the log" for line in TROUBLE if (count := told(stack.logs, line))]
    return outcomes, watch.samples, wrong


def told(logs: Path, line: str) -> int:
    """How often the functions' logs say something."""
    return sum(
        json.loads(text).get("message") == line
        for name in FUNCTIONS
        for text in (logs / f"{name}.log").read_text().splitlines()
        if text.startswith("{")
    )


def table(courses: Sequence[Course]) -> Table:
    made = Table(title="medians of the first and the last third of its work")
    for head in ("phase", "function", "samples", "MiB", "opened", "threads", "peak MiB", "grown by"):
        made.add_column(head, justify="left" if head in {"phase", "function", "grown by"} else "right")
    for item in courses:
        cells = ["", "", ""]
        if item.thirds is not None:
            first, _, last = item.thirds
            cells = [
                f"{first.resident_bytes / MIB:.0f} → {last.resident_bytes / MIB:.0f}",
                f"{first.sockets:.0f} → {last.sockets:.0f}",
                f"{first.threads:.0f} → {last.threads:.0f}",
            ]
        told = item.grown or ("nothing" if item.thirds is not None else "over too soon")
        made.add_row(item.phase, item.function, str(item.samples), *cells, f"{item.peak_bytes / MIB:.0f}", told)
    return made


def right(objects: int, courses: Sequence[Course]) -> str:
    """What may be said where nothing is wrong: nothing of a function that was over too soon."""
    untold = [f"the {item.function} in the {item.phase}" for item in courses if item.thirds is None]
    unless = f"; whether {', '.join(untold)} did is not known: over too soon" if untold else ""
    return f"{objects:,} objects: all counts add up, and nothing grew{unless}"


def main() -> int:
    """Exit status: 1 if something grew or does not add up."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    objects, size = int(os.environ.get("OBJECTS") or 200_000), int(os.environ.get("SIZE") or 64)
    with Stack(settings={"ROUTE": "direct"}) as stack:
        os.environ.update(stack.environment)
        outcomes, samples, wrong = run(stack, objects, size, console)
    courses = [course(samples, phase, name) for phase in RUNS for name in AT_WORK[phase]]
    wrong += [f"{item.function} has grown in the {item.phase} by {item.grown}" for item in courses if item.grown]
    console.print(table(courses))
    if written := rates(samples, "first run"):
        console.print("objects a second, by thirds of the first run: " + ", ".join(f"{rate:,.0f}" for rate in written))
    report: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "measured": time.strftime("%Y-%m-%d"),
        "objects": objects,
        "bytes each": size,
        "phases": [{"phase": item.phase, "seconds": item.seconds, "wrong": item.wrong} for item in outcomes],
        "objects a second by thirds of the first run": written,
        "functions": [asdict(item) for item in courses],
        "peak resident MiB of servers": {
            name: max(item.held[name].resident_bytes for item in samples) / MIB
            for name in samples[0].held
            if name not in FUNCTIONS
        },
        "wrong": wrong,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    console.print(f"written to {RESULTS.relative_to(ROOT)}")
    console.print("\n".join(wrong) or right(objects, courses))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
