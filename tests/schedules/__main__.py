"""`make schedules SCHEDULES=20000 ONLY=transfer`: many seeds in as many processes as there are cores; `SEED=7`: one."""

import gc
import os
import re
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.schedules import schedule
from tests.schedules.laws import Violation

CHUNK = 25
MOST_LINES = 200

Broken = list[tuple[int, list[Violation]]]
"""Seeds that broke a law, with what they broke."""


def quietly() -> None:
    """Coroutines of the dead, collected at the end of a schedule, complain that their loop is closed; and no collector
    may run them before.
    """
    sys.unraisablehook = lambda _unraisable: None
    gc.disable()


def many(first: int, count: int, only: str) -> Broken:
    """What the seeds from `first` on broke."""
    quietly()
    found = []
    for seed in range(first, first + count):
        told = schedule.run(seed, only)
        if told.violations:
            found.append((seed, told.violations))
        if seed % 10 == 0:
            gc.collect()
    return found


def main() -> int:
    """The exit code: 1 if a law was broken. Hashes must not depend on the process, or sets would come in another order."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.schedules"], {**os.environ, "PYTHONHASHSEED": "0"})
    only = os.environ.get("ONLY") or "transfer"
    seed = os.environ.get("SEED")
    if seed:
        return one(int(seed), only)
    return all_of(int(os.environ.get("FIRST") or 0), int(os.environ.get("SCHEDULES") or 1000), only)


def one(seed: int, only: str) -> int:
    """Tell the history of one seed."""
    quietly()
    told = schedule.run(seed, only, tracing=True)
    print("\n".join(told.lines))
    for item in told.violations:
        print(f"seed {seed}: {item.law}: {item.what} (at {item.at:.3f} s)")
    print(f"1 schedules, {len(told.violations)} violations")
    return 1 if told.violations else 0


def all_of(first: int, count: int, only: str) -> int:
    """Run many seeds. Progress goes to stderr."""
    began, done = time.monotonic(), 0
    broken: Broken = []
    with ProcessPoolExecutor(int(os.environ.get("PROCESSES") or os.cpu_count() or 1)) as pool:
        starts = range(first, first + count, CHUNK)
        chunks = {pool.submit(many, start, min(CHUNK, first + count - start), only): start for start in starts}
        for chunk in as_completed(chunks):
            done += min(CHUNK, first + count - chunks[chunk])
            broken += chunk.result()
            rate = done / (time.monotonic() - began) * 60
            print(
                f"\r{done} of {count} schedules, {len(broken)} with violations, {rate:.0f} a minute",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    violations = [(seed, item) for seed, items in sorted(broken, key=lambda pair: pair[0]) for item in items]
    for seed, item in violations[:MOST_LINES]:
        print(f"seed {seed}: {item.law}: {item.what[:300]} (at {item.at:.3f} s)")
    for line in kinds(violations):
        print(line)
    print(f"{count} schedules, {len(violations)} violations")
    return 1 if violations else 0


def kinds(violations: list[tuple[int, Violation]]) -> list[str]:
    """Violations that are alike but for names and numbers, with some of their seeds, the most frequent first."""
    alike: dict[str, list[int]] = defaultdict(list)
    for seed, item in violations:
        text = re.sub(r"[0-9a-f]{16,}(-\d+)?|u\d+|s\d+\b|\d[\d.]*", "#", item.what)
        alike[f"{item.law}: {text[:200]}"].append(seed)
    ranked = sorted(alike.items(), key=lambda pair: -len(set(pair[1])))
    return [
        f"{len(set(seeds))} schedules (seeds {', '.join(map(str, sorted(set(seeds))[:4]))}): {kind}"
        for kind, seeds in ranked
    ]


if __name__ == "__main__":
    sys.exit(main())
