"""`make chaos SEEDS=200`: many seeds on as many stacks as there are cores; `SEED=7`: that one. `MUTATE=all`, or a part
of a mutation's name: whether the laws see what is planted, on one stack.
"""

import os
import shutil
import sys
import time
from collections import Counter
from itertools import islice

from local.children import interruptible
from tests.chaos.driver import Chaos, Told
from tests.chaos.mutations import MUTATIONS, planted
from tests.chaos.workers import run_all

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
            tried, laws = 0, set[str]()
            with planted(mutation) as tree:
                for seed in islice(mutation.seeds(), MOST_SEEDS):
                    told, tried = chaos.run(seed, tree), tried + 1
                    laws = {law for law, _ in told.wrong} & mutation.laws
                    if told.logs is not None:
                        shutil.rmtree(told.logs)
                    if laws:
                        break
            missed += not laws
            print(
                f"| {mutation.name} | {tried if laws else f'not in {tried}'} | {', '.join(sorted(laws)) or '-'} |",
                flush=True,
            )
    return 1 if missed else 0


def _tell(told: Told) -> None:
    print(f"seed {told.seed}: {told.seconds:.1f} s, {told.what}", flush=True)
    for law, what in told.wrong:
        print(f"seed {told.seed}: {law}: {what[:1500]}", flush=True)
    if told.logs is not None:
        print(f"seed {told.seed}: what its processes said is in {told.logs}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
