"""`runs`: the runs of the last days, or the counts of one."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli.command import command
from cli.counts import counts_of, keys_of, show_counts
from cli.exits import Exit
from cli.output import Answer, Output, in_days, moment
from cli.report import page_of
from cli.run_record import record_of, summary_of
from cli.scope import scope_of
from cli.session import Session
from cli.verdict import all_well, state_of, verdict_line
from shared.domain.runs import RunState
from shared.ports.run_store import RunRecord, RunSummary

_AT_ONCE = 8
"""Reports that are asked for at a time."""

_BETWEEN = 3
"""Characters between two columns of a drawn table."""

ENDED = {
    RunState.FINISHED: "finished",
    RunState.STOPPED: "stopped",
    RunState.CANCELLED: "been cancelled and ended",
    RunState.TIMED_OUT: "timed out",
}
"""What a run that is over has done, for a sentence."""


def register(app: typer.Typer) -> None:
    command(app, "runs", ("runs --days 30", "runs list-20261125T020000-9312"))(runs)


async def runs(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run: its counts.")] = None,
    days: Annotated[float, typer.Option(min=0, help="How far back to look.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="The most runs to show, the last ones.")] = 20,
) -> Answer:
    """The runs of the last days with the links of their reports, or the counts of one.

    With a RUN the exit status is 3 if keys of it have failed or were not listed.
    """
    return await (_index(session, days, limit) if name is None else one_run(session, name))


async def one_run(session: Session, name: str) -> Answer:
    """A run's counts. Raises CommandError if it is not known."""
    record = await record_of(session, name)
    summary, state = await summary_of(session, record), state_of(record, await cancelled_runs(session))
    document = {"run": name, "state": state, **counts_of(summary)}

    def show(output: Output) -> None:
        output.line(name)
        show_counts(document, output)
        bucket = session.settings.source_bucket
        output.line(verdict_line(record.run, summary, state, session.reports is not None, bucket))

    return Answer(document, show, Exit.DONE if all_well(summary, state) else Exit.NOT_SO)


async def cancelled_runs(session: Session) -> frozenset[str]:
    """The runs that were cancelled and are not over yet."""
    return (await session.admin.stores.control.get()).cancelled


async def _index(session: Session, days: float, limit: int) -> Answer:
    found = (await session.admin.stores.runs.since(session.clock.now() - days * 86_400))[-limit:]
    summaries = {record.run.name: await summary_of(session, record) for record in found}
    links, cancelled = await _links(session, found), await cancelled_runs(session)
    document = [
        _document(record, summaries[record.run.name], cancelled, links.get(record.run.name)) for record in found
    ]

    def show(output: Output) -> None:
        if not document:
            output.line(f"no run has begun within {in_days(days)}")
            return
        rows = [
            (run["run"], scope_of(record.run), run["state"], run["started_at"], keys_of(run["outcomes"]), _link(run))
            for run, record in zip(document, found, strict=True)
        ]
        heads = ("run", "of", "state", "began", "keys", "report")
        shown = 6 if links and _fits(output, rows) else 5
        output.table(heads[:shown], [row[:shown] for row in rows])
        if links and shown == 5:
            output.line("`bucket-transfer report RUN` shows a report; a wider terminal, and --json, their links")

    return Answer(document, show)


def _fits(output: Output, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line holds a row: a link that is broken cannot be followed. Without a terminal lines have no end."""
    widths = (max(map(len, column)) + _BETWEEN for column in zip(*rows, strict=True))
    return not output.terminal or sum(widths) <= output.console.width


async def _links(session: Session, found: Sequence[RunRecord]) -> dict[str, dict[str, str]]:
    """Where the reports of runs are, of those that have one."""
    reports = session.reports
    if reports is None:
        return {}
    free = asyncio.Semaphore(_AT_ONCE)

    async def look(run: str) -> dict[str, str] | None:
        page = page_of(session, run)
        async with free:
            there = await reports.exists(page)
        return {"page": f"gs://{reports.bucket}/{page}", "link": reports.link(page)} if there else None

    ended = [record.run.name for record in found if record.ended_at is not None]
    looked = await asyncio.gather(*map(look, ended))
    return {run: links for run, links in zip(ended, looked, strict=True) if links is not None}


def _link(run: dict[str, Any]) -> str:
    return run["report"]["link"] if run["report"] else ""


def _document(
    record: RunRecord, summary: RunSummary, cancelled: frozenset[str], report: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "run": record.run.name,
        "kind": record.run.kind.value,
        "prefix": record.run.prefix.decode(),
        "state": state_of(record, cancelled),
        "started_at": moment(record.run.started_at),
        "ended_at": moment(record.ended_at) or None,
        "report": report,
        **counts_of(summary),
    }
