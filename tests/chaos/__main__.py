"""`make chaos SEEDS=200`: many seeds on as many stacks as there are cores; `SEED=7`: that one."""

import os
import sys
import time
from collections import Counter

from local.children import interruptible
from tests.chaos.driver import Told
from tests.chaos.workers import run_all


def main() -> int:
    """The exit code: 1 if a law was broken, or a seed was not tried."""
    interruptible()
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


def _tell(told: Told) -> None:
    print(f"seed {told.seed}: {told.seconds:.1f} s, {told.what}", flush=True)
    for law, what in told.wrong:
        print(f"seed {told.seed}: {law}: {what[:1500]}", flush=True)
    if told.logs is not None:
        print(f"seed {told.seed}: what its processes said is in {told.logs}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
