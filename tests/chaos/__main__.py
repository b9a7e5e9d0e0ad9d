"""`make chaos SEEDS=200`: seeds one after another on one stack; `SEED=7`: that one."""

import os
import sys
import time
from collections import Counter
from contextlib import suppress

from local.children import interruptible
from tests.chaos.driver import Chaos, Told


def main() -> int:
    """The exit code: 1 if a law was broken."""
    interruptible()
    only = os.environ.get("SEED")
    first, count = int(os.environ.get("FIRST") or 0), int(os.environ.get("SEEDS") or 20)
    seeds = [int(only)] if only else list(range(first, first + count))
    began, violations, done = time.monotonic(), 0, 0
    fired: Counter[str] = Counter()
    with Chaos() as chaos, suppress(KeyboardInterrupt):
        for seed in seeds:
            told = chaos.run(seed)
            fired.update(told.fired)
            violations, done = violations + len(told.wrong), done + 1
            _tell(told)
    for name, times in sorted(fired.items()):
        print(f"  {times:6,} {name}")
    print(f"{time.monotonic() - began:,.0f} s")
    if done < len(seeds):
        print(f"interrupted: {len(seeds) - done} seeds were not tried")
    print(f"{done} seeds, {violations} violations")
    return 1 if violations or done < len(seeds) else 0


def _tell(told: Told) -> None:
    print(f"seed {told.seed}: {told.seconds:.1f} s, {told.what}", flush=True)
    for law, what in told.wrong:
        print(f"seed {told.seed}: {law}: {what[:1000]}", flush=True)
    if told.logs is not None:
        print(f"seed {told.seed}: what its processes said is in {told.logs}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
