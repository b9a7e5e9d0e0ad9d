"""`make schedules SCHEDULES=20000 ONLY=transfer`: many seeds in as many processes as there are cores; `SEED=7`: one."""

import gc
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

CHUNK = 50


def many(first: int, count: int, only: str) -> list[tuple[int, list[tuple[str, str, float]]]]:
    """The seeds that broke a law, with what they broke."""
    from tests.schedules import schedule

    sys.unraisablehook = lambda _unraisable: None
    gc.disable()
    found = []
    for seed in range(first, first + count):
        told = schedule.run(seed, only)
        if told.violations:
            found.append((seed, [(item.law, item.what, item.at) for item in told.violations]))
        if seed % 10 == 0:
            schedule.tidy()
    return found


def main() -> int:
    """The exit code: 1 if a law was broken."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.schedules"], {**os.environ, "PYTHONHASHSEED": "0"})
    only = os.environ.get("ONLY") or "transfer"
    seed = os.environ.get("SEED")
    if seed:
        return one(int(seed), only)
    count, first = int(os.environ.get("SCHEDULES") or 1000), int(os.environ.get("FIRST") or 0)
    return all_of(first, count, only)


def one(seed: int, only: str) -> int:
    """The history of one seed."""
    from tests.schedules import schedule

    sys.unraisablehook = lambda _unraisable: None
    gc.disable()
    told = schedule.run(seed, only, tracing=True)
    print("\n".join(told.lines))
    for item in told.violations:
        print(f"seed {seed}: {item.law}: {item.what} (at {item.at:.3f} s)")
    print(f"1 schedules, {len(told.violations)} violations")
    return 1 if told.violations else 0


def all_of(first: int, count: int, only: str) -> int:
    """Many seeds. Progress goes to stderr."""
    began, done, laws = time.monotonic(), 0, Counter[str]()
    broken: list[tuple[int, list[tuple[str, str, float]]]] = []
    with ProcessPoolExecutor(int(os.environ.get("PROCESSES") or os.cpu_count() or 1)) as pool:
        chunks = {
            pool.submit(many, start, min(CHUNK, first + count - start), only): start
            for start in range(first, first + count, CHUNK)
        }
        for chunk in as_completed(chunks):
            done += min(CHUNK, first + count - chunks[chunk])
            for seed, violations in chunk.result():
                broken.append((seed, violations))
                laws.update({law for law, _, _ in violations})
            rate = done / (time.monotonic() - began) * 60
            print(
                f"\r{done} of {count} schedules, {len(broken)} with violations, {rate:.0f} a minute",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    for seed, violations in sorted(broken)[:200]:
        for law, what, at in violations:
            print(f"seed {seed}: {law}: {what[:400]} (at {at:.3f} s)")
    for law, seeds in laws.most_common():
        print(f"{seeds} schedules broke: {law}")
    print(f"{count} schedules, {sum(len(violations) for _, violations in broken)} violations")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
