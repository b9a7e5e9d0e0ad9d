"""`make foreign`: the main job on servers of others, and others' clients on ours. Exit status 1 if anything is wrong.

What a machine has not is skipped, and the table says why.
"""

import os
import shutil
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from local.children import interruptible
from local.stack import Stack
from tests.foreign.clients import CLIENTS, Client, answered
from tests.foreign.job import running
from tests.foreign.pairs import PAIRS, Pair
from tests.foreign.servers import Missing

MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. details: what is said besides while it runs."""

    versions: str
    result: str
    differs: str = ""
    wrong: bool = False
    details: tuple[str, ...] = ()


def main() -> int:
    interruptible()
    only, rows = os.environ.get("ONLY") or "", []
    names = {item.name for item in (*PAIRS, *CLIENTS)}
    wanted = {only} & names or {name for name in names if only in name}
    try:
        for pair in PAIRS:
            if pair.name in wanted:
                rows.append(_tell(_pair(pair)))
        for client in CLIENTS:
            if client.name in wanted:
                rows.append(_tell(_client(client)))
    except KeyboardInterrupt:
        print("ended early", flush=True)
        return 1
    print("\n| With | Result | What differs there |\n|---|---|---|")
    for row in rows:
        print(f"| {row.versions} | {row.result} | {row.differs} |")
    return 1 if any(row.wrong for row in rows) or not rows else 0


def _pair(pair: Pair) -> Row:
    folder = Path(tempfile.mkdtemp(prefix="foreign-"))
    try:
        with running(pair, folder) as job:
            told = job.told
            job.play()
            job.judge()
    except Missing as missing:
        return Row(pair.name, f"skipped: {missing}")
    except Exception as error:
        why = "".join(traceback.format_exception(error))
        return Row(pair.name, "ended by an error", "", True, (why, f"what its processes said is in {folder}"))
    way = f" ({pair.edge})" if pair.edge else ""
    versions, differs = f"{told.versions}{way}", "; ".join(told.differs)
    if told.wrong:
        return Row(versions, "wrong", differs, True, (*told.wrong, f"what its processes said is in {folder}"))
    shutil.rmtree(folder, ignore_errors=True)
    return Row(versions, f"right: {told.read} objects the same, byte for byte", differs, False, tuple(told.facts))


def _client(client: Client) -> Row:
    with tempfile.TemporaryDirectory(prefix="foreign-") as folder:
        try:
            version = client.told_version()
            with Stack(functions=()) as stack:
                found = answered(client, stack, Path(folder))
        except Missing as missing:
            return Row(client.name, f"skipped: {missing}")
    result = f"{found.right} of {found.right + len(found.wrong)} commands"
    return Row(f"{version} on our servers", result, "", bool(found.wrong), tuple(found.wrong))


def _tell(row: Row) -> Row:
    print(f"{row.versions}: {row.result}", flush=True)
    for line in row.details[:MOST_LINES]:
        print("   ", line[-3000:], flush=True)
    if len(row.details) > MOST_LINES:
        print(f"    and {len(row.details) - MOST_LINES} more", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
