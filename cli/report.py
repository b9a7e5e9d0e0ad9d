"""`report`: the report of a run, from its bucket: the verdict and the figures here, the page in a file."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.command import command
from cli.exits import CommandError, Exit
from cli.output import Answer, Output
from cli.run_figures import Figures, rates, show_figures, stored, written
from cli.session import ReportReader, Session
from shared.domain.text import numbered
from shared.ports.run_store import RunRecord
from shared.reporting.figures import PAGE
from shared.reporting.manifest import run_folder
from shared.reporting.report_running import is_interim
from shared.reporting.sentence import without_page

_DAYS = 180.0
"""How far back the newest report is looked for: as long as Firestore keeps runs."""

_MOST_LOOKED_AT = 50
"""Runs that are asked for their report before it is said that there is none."""


def register(app: typer.Typer) -> None:
    command(app, "report", ("report --open", "report verify-20261125T020000-9312 --output proof.html"))(report)


async def report(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run; else the newest one that has a report.")
    ] = None,
    opened: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to save the page; else RUN.html here.")
    ] = None,
) -> Answer:
    """A run's report: its verdict and key figures here, its page in a file, and in the browser with --open.

    Without a RUN that of the newest comparison or run that has one; newer ones without are named. The exit status is 3
    if the verdict is bad: keys have failed, were not looked at, or have not ended.
    """
    reports = session.reports
    if reports is None:
        raise CommandError("the job writes no reports: REPORT_BUCKET names the bucket for them (docs/settings.md)")
    newer: list[str] = []
    run = name if name is not None else await _newest(session, reports, newer)
    page = page_of(session, run)
    body = await reports.get(page)
    record = await session.admin.stores.runs.record(run)
    if body is None or is_interim(body):
        raise CommandError(_missing(run, record, f"gs://{reports.bucket}/{page}", reports.link(page) if body else ""))
    file = output or Path(f"{run}.html")
    file.write_bytes(body)
    found = await written(session, run)
    if found is None and record is not None:
        found = await stored(session, record)
    shown = opened and _shown(file)
    document = {
        "run": run,
        "newer_without_report": newer,
        "page": f"gs://{reports.bucket}/{page}",
        "link": reports.link(page),
        "saved_as": str(file),
        "opened": shown,
        "figures": found,
    }
    if opened and not shown:
        session.output.aside(f"no browser can be shown here: open {file} by yourself")
    bad = found is not None and found["tone"] == "bad"
    return Answer(document, lambda out: _show(document, found, out), Exit.NOT_SO if bad else Exit.DONE)


def page_of(session: Session, run: str) -> str:
    """The name of a run's page in the bucket of reports."""
    return f"{run_folder(session.settings.job, run)}/{PAGE}"


async def _newest(session: Session, reports: ReportReader, newer: list[str]) -> str:
    """The newest run with a report; newer ones without are added to `newer`."""
    since = session.clock.now() - _DAYS * 86_400
    records = await session.admin.stores.runs.since(since)
    for record in reversed(records[-_MOST_LOOKED_AT:]):
        run = record.run.name
        if record.ended_at is not None and await reports.exists(page_of(session, run)):
            return run
        newer.append(run)
    if not records:
        raise CommandError(f"no run of the last {_DAYS:g} days is known, so there is no report")
    where = f"gs://{reports.bucket}/{run_folder(session.settings.job, '')}"
    raise CommandError(
        f"no report of the last {numbered(len(newer), 'run')} is in {where}: one is written when a run has ended"
    )


def _missing(run: str, record: RunRecord | None, page: str, live: str) -> str:
    """live: where a browser sees how far the run is, "" for nowhere."""
    if record is None:
        return f"there is no {page}, and no run {run!r}: `bucket-transfer runs` names the last ones"
    if record.ended_at is None:
        seen = f"; how far it is: {live}" if live else ""
        return f"{run} has no report yet: the scheduler's next message after its end writes it{seen}"
    if live:
        return f"{page} is of when {run} was running: the scheduler's next message writes the report"
    return f"there is no {page}: the bucket refused it when the run ended, or it was deleted"


def _shown(file: Path) -> bool:
    """Whether a browser was asked to show it. One that draws on the terminal would take it away from the shell."""
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return graphical and webbrowser.open(file.resolve().as_uri())


def _show(document: dict[str, Any], found: Figures | None, output: Output) -> None:
    output.line(document["run"])
    if document["newer_without_report"]:
        output.line(f"newer, and without a report: {', '.join(document['newer_without_report'])}", style="yellow")
    if found is None:
        output.line("its figures are kept no more: the page has them")
    else:
        style = {"good": "green", "settled": None, "warning": "yellow"}.get(found["tone"], "red")
        output.line(f"{found['tone']}: {without_page(found['sentence'])}", style=style)
        show_figures(found, output)
        if rates(found) == (None, None) and not found["written"]:
            output.line("(figures of the run's documents: its report is of an older version, and wrote none down)")
    output.line(f"saved as {document['saved_as']}; {document['link']}")
