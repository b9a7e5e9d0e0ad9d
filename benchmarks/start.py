"""What starting an instance costs before its first message: `make bench-start`.

Each function's main.py is imported in a process of its own, RUNS=5 times; CPU seconds of the process, and modules
loaded. Target: 1.5 s CPU each.
"""

import json
import os
import statistics
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from local.children import ROOT, clean_environment
from local.deployed import FUNCTIONS

RESULTS = ROOT / "benchmarks" / "results" / "start.json"
SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": "project", "SOURCE_BUCKET": "source", "DESTINATION_BUCKET": "destination",
    "STAGING_BUCKET": "staging", "LIST_TOPIC": "list", "TRANSFER_TOPIC": "transfer", "VERIFY_TOPIC": "verify",
    "DEAD_LETTER_TOPIC": "dead-letters", "ROUTE": "direct",
}  # fmt: skip
_SCRIPT = "import time, sys; import main; print(time.process_time(), len(sys.modules))"


def start(name: str) -> tuple[float, int]:
    """CPU seconds of a process that imports a function, and the modules that it has then."""
    environment = clean_environment({**SETTINGS, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions' / name}"})
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    seconds, modules = done.stdout.splitlines()[-1].split()  # an instance has logged that it starts
    return float(seconds), int(modules)


def main() -> None:
    count = int(os.environ.get("RUNS") or 5)
    table = Table(title=f"Starting an instance: medians of {count} runs")
    for head in ("function", "CPU s", "modules"):
        table.add_column(head, justify="left" if head == "function" else "right")
    report = {}
    for name in FUNCTIONS:
        start(name)  # the first one writes bytecode, which an image has
        found = [start(name) for _ in range(count)]
        seconds, modules = statistics.median(cpu for cpu, _ in found), found[0][1]
        report[name] = {"cpu_s": seconds, "modules": modules}
        table.add_row(name, f"{seconds:.2f}", f"{modules:,}")
    Console().print(table)
    RESULTS.write_text(json.dumps({"runs": count, "functions": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
