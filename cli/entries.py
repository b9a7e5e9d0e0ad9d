"""`inspect` and `prefix`: what is stored of keys and prefixes."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.command import command
from cli.exits import CommandError
from cli.output import Answer, Output, moment, size
from cli.scope import typed
from cli.session import Session
from shared.domain.runs import RunState
from shared.domain.text import numbered
from shared.ledger.entry import Entry
from shared.ledger.levels import run_of
from shared.ledger.record import BatchRecord
from shared.reporting.sentence import STATES
from shared.reporting.units import in_time


def register(app: typer.Typer) -> None:
    command(app, "inspect", ("inspect photos/2021/", "inspect photos/ --limit 0 --json"))(inspect)
    command(app, "prefix", ("prefix photos/", 'prefix "" --json'))(prefix)


async def inspect(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help='Keys that begin so, or one key; "" for all.')],
    limit: Annotated[int, typer.Option(min=0, help="The most entries to show; 0 for all.")] = 100,
) -> Answer:
    """What the ledger holds of keys, one entry a record: a key may have several, and the newest counts.

    `explain KEY` says what they come to.
    """
    wanted = typed(session, prefix)
    found: list[dict[str, Any]] = []
    more = False
    async for held in session.admin.stores.ledger.scan(wanted, b""):
        for entry in held.record.entries if held.record.readable else ():
            if not entry.key.startswith(wanted):
                continue
            if limit and len(found) == limit:
                more = True
                break
            found.append(described(entry, held.record))
        if more:
            break

    def show(output: Output) -> None:
        rows = [(item["key"], size(item["bytes"]), item["outcome"], item["proof"], item["reason"]) for item in found]
        output.table(("key", "size", "outcome", "proof", "reason"), rows, numbers=("size",))
        if more:
            output.line(f"… and more: --limit shows more than {limit:,}")

    return Answer({"entries": found, "complete": not more}, show)


def described(entry: Entry, record: BatchRecord) -> dict[str, Any]:
    """An entry for programs."""
    return {
        "key": entry.key.decode(),
        "etag": entry.etag,
        "bytes": entry.size,
        "outcome": entry.outcome.value if entry.outcome is not None else "open",
        "reason": entry.reason,
        "proof": entry.proof,
        "route": entry.route,
        "generation": entry.generation,
        "published_at": moment(entry.at or record.published_at),
        "run": run_of(record.run),
    }


async def prefix(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="PREFIX", help='A prefix that a run was for; "" for the whole job.')],
) -> Answer:
    """What is known of a prefix: sizes on both sides, and its last copy, comparison and repair."""
    found = await session.admin.stores.prefixes.get(typed(session, name))
    if not found:
        raise CommandError(f"nothing is known of the prefix {name!r}: no run was for just this prefix")
    document = {"prefix": name, **found}

    return Answer(document, lambda output: _show_prefix(found, output))


_FLOWS = {"copy": "last copy", "check": "last comparison", "repair": "last repair", "initial": "first finished run"}
"""What a prefix's document says of single runs, by its names for them. The first one is noted at its end."""

_WIDTH = max(map(len, _FLOWS.values()))


def _show_prefix(found: dict[str, Any], output: Output) -> None:
    """Both sides, then each run with what belongs to it."""
    for name, side in (("s3", "source"), ("gcs", "destination")):
        if (keys := found.get(f"{name}_count")) is not None:
            output.line(f"{side:<{_WIDTH}} {numbered(keys, 'object')}, {size(found.get(f'{name}_bytes', 0))}")
    if "checks" in found:
        wrong, alone = numbered(found.get("wrong", 0), "key"), numbered(found.get("extra", 0), "copy", "copies")
        output.line(
            f"{'compared':<{_WIDTH}} {numbered(found['checks'], 'time')}, repaired {numbered(found['repairs'], 'time')}"
        )
        output.line(f"{'differing':<{_WIDTH}} {wrong} at the last comparison; {alone} of no object")
    for name, title in _FLOWS.items():
        if name in found:
            output.line(f"{title:<{_WIDTH}} {'; '.join(_of_run(found[name]))}")


_CUT_SHORT = frozenset({RunState.STOPPED, RunState.CANCELLED, RunState.TIMED_OUT})
"""States of runs that were not published whole."""


def _of_run(noted: dict[str, Any]) -> Iterator[str]:
    """One run's notes in the order in which they were made, without those of the run before."""
    yield f"{noted.get('run', 'a run')}{_state(noted)}"
    began, cut_short = noted.get("started_at"), noted.get("state") in _CUT_SHORT
    for name, word in (("started_at", "began"), ("published_at", "all published"), ("ended_at", "ended")):
        if name == "published_at" and (cut_short or noted.get("error")):
            continue
        if noted.get(name) is not None and (began is None or noted[name] >= began):
            yield f"{word} {moment(noted[name])}"
    if noted.get("frequency_seconds"):
        yield f"{in_time(noted['frequency_seconds'])} after the one before"
    for name in ("copied", "failed", "pending"):
        if noted.get(name):
            yield f"{noted[name]:,} {name}"
    for verdict, keys in (noted.get("verdicts") or {}).items():
        yield f"{keys:,} {verdict.replace('_', ' ')}"
    if noted.get("error"):
        yield str(noted["error"])


def _state(noted: dict[str, Any]) -> str:
    listed = "cut short" if noted.get("error") else "all of it listed"
    words = {"in_progress": "under way", "published": listed, RunState.TIMED_OUT: STATES[RunState.TIMED_OUT]}
    state = noted.get("state", "")
    return f", {words.get(state, state)}" if state else ""
