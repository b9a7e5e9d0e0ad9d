"""`make fuzz INPUTS=1000000`: so many inputs, in as many processes as there are cores; `ONLY=listing SEED=7`: one."""

import os
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.fuzz import documents, doors, pages, shown
from tests.fuzz.draw import Draw

Target = Callable[[Draw], None]

TARGETS: dict[str, tuple[Target, int]] = {
    "message": (doors.message, 20),
    "push": (doors.push, 3),
    "event": (doors.event, 10),
    "envelope": (doors.envelope, 10),
    "identity": (doors.identity, 6),
    "wish": (doors.wish, 6),
    "listing": (pages.listing, 15),
    "copies": (pages.copies, 10),
    "headers": (pages.headers, 8),
    "refusal": (pages.refusal, 8),
    "ledger": (documents.ledger, 6),
    "control": (documents.control, 6),
    "run": (documents.run, 5),
    "sums": (documents.sums, 4),
    "upload": (documents.upload, 4),
    "log line": (shown.log_line, 10),
    "manifest": (shown.manifest, 4),
    "report": (shown.report_page, 1),
}
"""What is tried, and its share of all inputs."""

MOST_SECONDS = 1.0
"""Of CPU for one input."""

MOST_GROWTH_KIB = 300 * 1024
"""By which one input may raise the process's largest size."""

CHUNK = 500
SHOWN = 20


@dataclass(frozen=True)
class Find:
    """An input that broke something, and how."""

    target: str
    number: int
    told: str


def one(name: str, number: int) -> Find | None:
    """Feed one input to one target."""
    target, _ = TARGETS[name]
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        target(Draw(f"{name} {number}"))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Find(name, number, f"{type(error).__name__} at {where.filename}:{where.lineno}: {error!s:.200}")
    took = time.process_time() - began
    if took > MOST_SECONDS:
        return Find(name, number, f"took {took:.1f} s of CPU")
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Find(name, number, f"memory grew by {growth // 1024} MiB") if growth > MOST_GROWTH_KIB else None


def some(first: int, count: int, only: str | None) -> tuple[Counter[str], list[Find]]:
    """Inputs by their numbers, each to the target whose share it lies in."""
    names = [name for name, (_, share) in TARGETS.items() for _ in range(share)]
    tried: Counter[str] = Counter()
    finds = []
    for number in range(first, first + count):
        name = only or Draw(number).choice(names)
        tried[name] += 1
        found = one(name, number)
        if found is not None:
            finds.append(found)
    return tried, finds


def main() -> int:
    """The exit code: 1 if anything was found, or if fewer inputs were tried than asked for."""
    only, seed = os.environ.get("ONLY") or None, os.environ.get("SEED")
    if seed:
        TARGETS[only or "message"][0](Draw(f"{only or 'message'} {seed}"))
        print("1 input, nothing found")
        return 0
    first, count = int(os.environ.get("FIRST") or 0), int(os.environ.get("INPUTS") or 100_000)
    tried: Counter[str] = Counter()
    finds: list[Find] = []
    starts = range(first, first + count, CHUNK)
    with ProcessPoolExecutor() as pool:
        counts = [min(CHUNK, first + count - start) for start in starts]
        for done, found in pool.map(some, starts, counts, [only] * len(starts)):
            tried += done
            finds += found
    kinds = {(find.target, find.told.partition(": ")[0]): find for find in reversed(finds)}
    for find in list(kinds.values())[:SHOWN]:
        print(f"ONLY={find.target!r} SEED={find.number}: {find.told}")
    for name in TARGETS:
        print(f"{name:12} {tried[name]:>9,} inputs, {sum(find.target == name for find in finds)} finds")
    print(f"{tried.total():,} inputs, {len(finds)} finds")
    return 1 if finds or tried.total() != count else 0


if __name__ == "__main__":
    sys.exit(main())
