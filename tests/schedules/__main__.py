"""`make schedules SCHEDULES=20000 ONLY=transfer`: many seeds in as many processes as there are cores; `SEED=7`: one."""

import gc
import os
import re
import sys
import time
import warnings
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.schedules import schedule
from tests.schedules.laws import Violation
from tests.schedules.mutations import MUTATIONS, NONE

CHUNK = 25

SLICE = 50
"""Schedules between two looks whether a mutation is found."""

MOST_LINES = 200

Broken = list[tuple[int, list[Violation]]]
"""Seeds that broke a law, with what they broke."""


def quietly() -> None:
    """Coroutines of the dead, collected at the end of a schedule, complain that their loop is closed, or that they never
    began; and no collector may run them before.
    """
    sys.unraisablehook = lambda _unraisable: None
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    gc.disable()
    gc.collect()
    gc.freeze()  # what is imported by now is not looked through at every collection


def many(first: int, count: int, only: str, mutation: int | None = None) -> Broken:
    """What the seeds from `first` on broke. mutation: its place in MUTATIONS."""
    quietly()
    found = []
    for seed in range(first, first + count):
        told = schedule.run(seed, only, mutation=NONE if mutation is None else MUTATIONS[mutation])
        if told.violations:
            found.append((seed, told.violations))
        if seed % 10 == 0:
            gc.collect()
    return found


def main() -> int:
    """The exit code: 1 if a law was broken. Hashes must not depend on the process, or sets would come in another
    order.
    """
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.schedules"], {**os.environ, "PYTHONHASHSEED": "0"})
    only = os.environ.get("ONLY") or "transfer"
    seed = os.environ.get("SEED")
    mutate = os.environ.get("MUTATE")
    if seed:
        return one(int(seed), only, named(mutate, only) if mutate else [None])
    first, count = int(os.environ.get("FIRST") or 0), int(os.environ.get("SCHEDULES") or 1000)
    return mutated(first, count, only, named(mutate, only)) if mutate else all_of(first, count, only)


def named(mutate: str, only: str) -> list[int | None]:
    """The places of a world's mutations whose names begin so; `all` of them."""
    of_world = [(place, item.name) for place, item in enumerate(MUTATIONS) if item.only == only]
    found: list[int | None] = [place for place, name in of_world if mutate == "all" or name.startswith(mutate)]
    if not found:
        raise SystemExit(f"MUTATE={mutate} ONLY={only}: there are {', '.join(name for _, name in of_world) or 'none'}")
    return found


def one(seed: int, only: str, mutation: list[int | None]) -> int:
    """Tell the history of one seed."""
    quietly()
    place = mutation[0]
    told = schedule.run(seed, only, tracing=True, mutation=NONE if place is None else MUTATIONS[place])
    print("\n".join(told.lines))
    for item in told.violations:
        print(f"seed {seed}: {item.law}: {item.what} (at {item.at:.3f} s)")
    print(f"1 schedules, {len(told.violations)} violations")
    return 1 if told.violations else 0


def everywhere(first: int, count: int, only: str, mutation: int | None = None) -> Broken:
    """Run seeds in as many processes as there are cores. Progress goes to stderr."""
    began, done = time.monotonic(), 0
    broken: Broken = []
    with ProcessPoolExecutor(int(os.environ.get("PROCESSES") or os.cpu_count() or 1)) as pool:
        starts = range(first, first + count, CHUNK)
        chunks = {
            pool.submit(many, start, min(CHUNK, first + count - start), only, mutation): start for start in starts
        }
        for chunk in as_completed(chunks):
            done += min(CHUNK, first + count - chunks[chunk])
            for found in chunk.result():
                broken.append(found)
                print(f"\rseed {found[0]}: {found[1][0].law}: {found[1][0].what[:200]}", file=sys.stderr)
            rate = done / (time.monotonic() - began) * 60
            print(
                f"\r{done} of {count} schedules, {len(broken)} with violations, {rate:.0f} a minute",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    return sorted(broken, key=lambda pair: pair[0])


def all_of(first: int, count: int, only: str) -> int:
    """Run many seeds and print what they broke."""
    violations = [(seed, item) for seed, items in everywhere(first, count, only) for item in items]
    for seed, item in violations[:MOST_LINES]:
        print(f"seed {seed}: {item.law}: {item.what[:300]} (at {item.at:.3f} s)")
    for line in kinds(violations):
        print(line)
    print(f"{count} schedules, {len(violations)} violations")
    return 1 if violations else 0


def mutated(first: int, count: int, only: str, places: list[int | None]) -> int:
    """A table of mutations and how soon each is found; 1 if one is not. Only what is broken by it alone counts."""
    without: dict[int, set[tuple[int, str]]] = {}
    print("| what is taken away | schedules until it is found | seed | by the law |\n|---|---|---|---|")
    missed = 0
    for place in places:
        found: list[tuple[int, str]] = []
        for start in range(first, first + count, SLICE):
            if start not in without:
                without[start] = broken_by(everywhere(start, SLICE, only))
            alone = broken_by(everywhere(start, SLICE, only, place)) - without[start]
            found = sorted(item for item in alone if item[1] in MUTATIONS[place or 0].laws)
            if found:
                break
        missed += not found
        seed, laws = (found[0][0], ", ".join(law for at, law in found if at == found[0][0])) if found else (0, "")
        told = f"{seed - first + 1} | {seed} | {laws}" if found else f"not in {count} | - | -"
        print(f"| {MUTATIONS[place or 0].name} | {told} |", flush=True)
    return 1 if missed else 0


def broken_by(found: Broken) -> set[tuple[int, str]]:
    """Seeds and laws."""
    return {(seed, item.law) for seed, items in found for item in items}


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
