"""`inspect`, `forget` and `prefix`: what is stored of keys and prefixes."""

from typing import Annotated, Any

import typer

from cli.command import command
from cli.exits import CommandError
from cli.output import Answer, Output, moment, size
from cli.scope import typed
from cli.session import Session
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord


def register(app: typer.Typer) -> None:
    command(app, "inspect", ("inspect photos/2021/", "inspect photos/ --limit 0 --json"))(inspect)
    command(app, "forget", ("forget photos/2021/", 'forget "" --yes'))(forget)
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
        "run": record.run or None,
    }


async def forget(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help='Keys that begin so; "" for the whole job.')],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Answer:
    """Forget what was copied: the next run looks at these keys afresh. Nothing is deleted in any bucket.

    Copies that are right are not made again, but each is looked at. Records reach beyond a prefix: keys beside it may
    be forgotten, too.
    """
    wanted = typed(session, prefix)
    if not yes:
        what = repr(prefix) if prefix else "everything"
        session.output.confirm(f"forget what job {session.settings.job} knows of {what}?")
    records = await session.admin.stores.ledger.forget(wanted)
    text = f"{records:,} records are forgotten; the next run looks at their keys afresh"
    return Answer({"prefix": prefix, "forgotten_records": records}, lambda output: output.line(text))


async def prefix(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="PREFIX", help='A prefix that a run was for; "" for the whole job.')],
) -> Answer:
    """What is known of a prefix: sizes on both sides, and its last copy, comparison and repair."""
    found = await session.admin.stores.prefixes.get(typed(session, name))
    if not found:
        raise CommandError(f"nothing is known of the prefix {name!r}: no run was for just this prefix")
    document = {"prefix": name, **found}

    def show(output: Output) -> None:
        output.table(("what", "is"), [(path, value) for path, value in _flat("", found) if value not in ("", None)])

    return Answer(document, show)


def _flat(above: str, fields: dict[str, Any]) -> list[tuple[str, object]]:
    """A row for each value, times as such."""
    rows: list[tuple[str, object]] = []
    for name, value in sorted(fields.items()):
        path = f"{above}{name}"
        if isinstance(value, dict):
            rows += _flat(f"{path}.", value)
        else:
            rows.append((path, moment(value) if name.endswith("_at") and isinstance(value, int | float) else value))
    return rows
