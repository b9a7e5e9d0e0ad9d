"""`make chaos SEEDS=200`: many seeds on as many stacks as there are cores; `SEED=7`: that one. `MUTATE=all`, or a part
of a mutation's name: whether the laws see what is planted, on one stack.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from local.children import interruptible
from tests.chaos.driver import Chaos, Told
from tests.chaos.mutations import MUTATIONS, Mutation, planted
from tests.chaos.workers import run_all

MOST_SCHEDULES = 50
SCHEDULES_SECONDS = 300
"""Of those that are tried in virtual time, and how long they may take."""

MOST_SEEDS = 8
"""Of those that have what it takes, until a mutation counts as not found."""


def main() -> int:
    """The exit code: 1 if a law was broken, or a seed was not tried."""
    interruptible()
    if os.environ.get("MUTATE"):
        return _mutate(os.environ["MUTATE"])
    only = os.environ.get("SEED")
    first, count = int(os.environ.get("FIRST") or 0), int(os.environ.get("SEEDS") or 20)
    seeds = [int(only)] if only else list(range(first, first + count))
    workers = min(len(seeds), int(os.environ.get("WORKERS") or os.cpu_count() or 1))
    began = time.monotonic()
    violations, done = 0, 0
    fired: Counter[str] = Counter()
    try:
        for told in run_all(seeds, workers):
            fired.update(told.fired)
            violations, done = violations + len(told.wrong), done + 1
            _tell(told)
    except KeyboardInterrupt:
        print()
    for name, times in sorted(fired.items()):
        print(f"  {times:6,} {name}")
    if done < len(seeds):
        print(f"ended early: {len(seeds) - done} seeds were not tried")
    print(f"{time.monotonic() - began:,.0f} s, {workers} at a time")
    print(f"{done} seeds, {violations} violations")
    return 1 if violations or done < len(seeds) else 0


def _mutate(which: str) -> int:
    """A line of the table a mutation; 1 if one was not found."""
    missed = 0
    print("| What is taken away | Seeds until it is found | By the law |\n|---|---|---|")
    with Chaos() as chaos:
        for mutation in MUTATIONS:
            if which not in ("all", "") and which not in mutation.name:
                continue
            with planted(mutation) as tree:
                tried, laws = _scheduled(mutation, tree) if mutation.scheduled else _seeded(mutation, tree, chaos)
            missed += not laws
            print(
                f"| {mutation.name} | {tried if laws else f'not in {tried}'}{' schedules' * mutation.scheduled} "
                f"| {', '.join(sorted(laws)) or '-'} |",
                flush=True,
            )
    return 1 if missed else 0


def _seeded(mutation: Mutation, tree: Path, chaos: Chaos) -> tuple[int, set[str]]:
    """How many seeds it took, and which of its laws they broke."""
    for tried, seed in enumerate(islice(mutation.seeds(), MOST_SEEDS), 1):
        told = chaos.run(seed, tree)
        if told.logs is not None:
            shutil.rmtree(told.logs)
        if laws := {law for law, _ in told.wrong} & mutation.laws:
            return tried, laws
    return MOST_SEEDS, set()


def _scheduled(mutation: Mutation, tree: Path) -> tuple[int, set[str]]:
    """How many schedules of the transfer function it took, and which of its laws they broke."""
    asked = {"SCHEDULES": str(MOST_SCHEDULES), "ONLY": "transfer", "FIRST": "0", "SEED": "", "MUTATE": ""}
    environment = {**os.environ, **asked, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "tests.schedules"]
    ran = subprocess.run(
        command, check=False, cwd=tree, env=environment, capture_output=True, text=True, timeout=SCHEDULES_SECONDS
    )
    if f"{MOST_SCHEDULES} schedules, " not in ran.stdout:
        raise RuntimeError(f"{mutation.name}: the schedules did not run: {ran.stderr[-1500:]}")
    told = [(int(seed), law) for seed, law in re.findall(r"^seed (\d+): ([^:]+):", ran.stdout, re.MULTILINE)]
    first = min((seed for seed, law in told if law in mutation.laws), default=None)
    if first is None:
        return MOST_SCHEDULES, set()
    return first + 1, {law for seed, law in told if seed == first} & mutation.laws


def _tell(told: Told) -> None:
    print(f"seed {told.seed}: {told.seconds:.1f} s, {told.what}", flush=True)
    for law, what in told.wrong:
        print(f"seed {told.seed}: {law}: {what[:1500]}", flush=True)
    if told.logs is not None:
        print(f"seed {told.seed}: what its processes said is in {told.logs}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
