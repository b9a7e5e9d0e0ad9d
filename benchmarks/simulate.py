"""A first run of billions of objects, simulated: `make simulate`.

The production lister (splitting, leases, cursors, budgets, batches) runs on a virtual clock against a model of S3,
Pub/Sub, Firestore and function instances with their published limits; the transfer is a flow at the rate of whatever
binds (benchmarks/simulation). Prints a table for each scenario, writes JSON and a plot of progress into
benchmarks/results, and the figures into docs/performance.md, docs/cost.md and README.md.

SCALE=1 divides the number of objects, for a quick look.
"""

import gc
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import matplotlib
from rich.console import Console
from rich.table import Table

from benchmarks.simulation import page
from benchmarks.simulation.run import Scenario, simulate
from local.children import ROOT

matplotlib.use("Agg")
from matplotlib import pyplot as plt

RESULTS = ROOT / "benchmarks" / "results"


def scenarios(scale: int) -> list[Scenario]:
    return [
        Scenario("3 billion objects, 1 PB, 40 million prefixes", 3_000_000_000 // scale, 1e15 / 3e9, 75),
        Scenario("one flat prefix of a billion keys, 333 TB", 1_000_000_000 // scale, 1e15 / 3e9, 0),
    ]


def table(figures: dict[str, Any]) -> Table:
    made = Table("figure", "value", title=figures["scenario"])
    for name, value in figures.items():
        if name in ("scenario", "progress", "bill"):
            continue
        made.add_row(name, _shown(value))
    return made


def _shown(value: object) -> str:
    match value:
        case dict():
            return "\n".join(f"{key}: {amount:,.1f}" for key, amount in value.items())
        case float():
            return f"{value:,.3f}"
        case int():
            return f"{value:,}"
    return str(value)


def collect_rarely() -> None:
    """What a simulation makes lives to its end: to look through it again and again takes a fifth of its time."""
    gc.set_threshold(200_000, 20, 100)


def plot(results: Sequence[dict[str, Any]], path: str) -> None:
    """Listed and copied objects, and what is at work, over time."""
    figure, axes = plt.subplots(2, len(results), figsize=(6.5 * len(results), 7), squeeze=False, sharex="col")
    for column, found in enumerate(results):
        hours, listed, copied, instances, ranges = zip(*found["progress"], strict=True)
        top, bottom = axes[0][column], axes[1][column]
        top.plot(hours, [count / 1e9 for count in listed], label="listed")
        top.plot(hours, [count / 1e9 for count in copied], label="copied")
        top.set_title(found["scenario"])
        top.set_ylabel("billion objects")
        top.legend()
        bottom.plot(hours, instances, label="instances of the transfer")
        bottom.plot(hours, ranges, label="open ranges of the lister")
        bottom.set_yscale("symlog", linthresh=10)
        bottom.set_xlabel("hours")
        bottom.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 110)
    scale = int(os.environ.get("SCALE") or 1)
    with ProcessPoolExecutor(initializer=collect_rarely) as pool, console.status("simulating"):
        results = list(pool.map(simulate, scenarios(scale)))
    for found in results:
        console.print(table(found))
    if scale == 1:
        RESULTS.mkdir(exist_ok=True)
        for found in results:
            found["progress"] = [row for index, row in enumerate(found["progress"]) if index % 5 == 0]
        (RESULTS / "simulation.json").write_text(json.dumps(results, indent=1) + "\n")
        plot(results, str(RESULTS / "simulation.svg"))
        page.write(ROOT, results)
        console.print("written to benchmarks/results/simulation.json and simulation.svg, docs and README.md")


if __name__ == "__main__":
    main()
