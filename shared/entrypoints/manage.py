"""What an operator asks of a job: `python -m shared.entrypoints.manage`, with the job's settings in the environment.

runs                  the runs that are going, with their counts so far
run NAME              one run's counts
prefix PREFIX         what is known of a prefix: sizes on both sides, last copy, check and repair
inspect PREFIX        what is remembered of its keys, one JSON object a line
forget PREFIX         forget them: the next run looks at them afresh (nothing is deleted in any bucket)
pause                 publish and copy nothing more; what has begun is finished
resume                go on, and send again what was left open
ceilings              the most objects and bytes that a run may publish: --objects N --bytes N, none for the job's own
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from shared import bootstrap
from shared.domain.counts import Counts
from shared.domain.errors import BucketError
from shared.ports.run_store import RunSummary
from shared.ports.stores import Stores

Say = Callable[[object], None]


async def runs(stores: Stores, say: Say) -> None:
    for run in await stores.runs.running():
        say(
            {
                "run": run.name,
                "prefix": run.prefix.decode(),
                "started_at": _text(run.started_at),
                **counts_of(await stores.runs.summary(run.name)),
            }
        )


async def run(stores: Stores, say: Say, name: str) -> None:
    if not await stores.runs.exists(name):
        raise BucketError(f"there is no run {name!r}: `runs` names those that are going, `prefix` the last ones of one")
    say({"run": name, **counts_of(await stores.runs.summary(name))})


async def prefix(stores: Stores, say: Say, name: str) -> None:
    found = await stores.prefixes.get(name.encode())
    if not found:
        raise BucketError(f"nothing is known of the prefix {name!r}: no run was started for just this prefix")
    say(found)


async def inspect(stores: Stores, say: Say, name: str) -> None:
    wanted = name.encode()
    async for held in stores.ledger.scan(wanted, b""):
        record = held.record
        for entry in record.entries:
            if entry.key.startswith(wanted):
                say(
                    {
                        "key": entry.key.decode(),
                        "etag": entry.etag,
                        "size": entry.size,
                        "outcome": entry.outcome or "open",
                        "reason": entry.reason,
                        "proof": entry.proof,
                        "generation": entry.generation,
                        "published_at": _text(entry.at or record.published_at),
                        "run": record.run or "merged",
                    }
                )


async def forget(stores: Stores, say: Say, name: str) -> None:
    say({"forgotten_records": await stores.ledger.forget(name.encode())})


async def pause(stores: Stores, say: Say) -> None:
    await stores.control.update(lambda said: replace(said, paused=True))
    say({"paused": True})


async def ceilings(stores: Stores, say: Say, objects: int | None, size: int | None) -> None:
    await stores.control.update(lambda said: replace(said, most_objects=objects, most_bytes=size))
    say({"most_objects": objects, "most_bytes": size})


def counts_of(summary: RunSummary) -> dict[str, object]:
    """A run's counts for people: what is zero is left out."""
    return {
        "listed": {"keys": summary.listed_keys, "bytes": summary.listed_bytes},
        "outcomes": _tally(summary.outcomes),
        "filters": _tally(summary.filters),
        "verdicts": _tally(summary.verdicts),
        "pending": summary.pending,
        "open_ranges": summary.open_ranges,
        "stopped_ranges": summary.stopped_ranges,
        "balanced": summary.balanced,
    }


def _tally(tally: Counts) -> dict[str, dict[str, int]]:
    return {name: {"keys": keys, "bytes": size} for name, keys, size in tally}


def _text(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat()


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="shared.entrypoints.manage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("runs", "pause", "resume"):
        commands.add_parser(name)
    commands.add_parser("run").add_argument("name", metavar="NAME")
    for name in ("prefix", "inspect", "forget"):
        commands.add_parser(name).add_argument("name", metavar="PREFIX", help='"" for the whole job')
    limits = commands.add_parser("ceilings")
    limits.add_argument("--objects", type=_count, default=None)
    limits.add_argument("--bytes", type=_count, default=None, dest="size")
    return made


_COMMANDS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "runs": runs,
    "run": run,
    "prefix": prefix,
    "inspect": inspect,
    "forget": forget,
    "pause": pause,
    "ceilings": ceilings,
}


async def execute(given: argparse.Namespace, say: Say) -> None:
    """Carry a command out."""
    admin = bootstrap.connect_admin(bootstrap.settings())
    if given.command == "resume":
        resumed = await admin.resume()
        say({"paused": False, "sent_ranges": resumed.ranges, "sent_batches": resumed.batches})
        return
    more = {name: value for name, value in vars(given).items() if name != "command"}
    await _COMMANDS[given.command](admin.stores, say, **more)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status for the shell."""
    given = parser().parse_args(arguments)
    try:
        asyncio.run(execute(given, lambda found: print(json.dumps(found, default=str, ensure_ascii=False))))
    except (BucketError, GoogleAPICallError) as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
