"""A run's figures: as its report has written them down, or, where it has none, made of what Firestore keeps."""

import json
from typing import Any

from cli.counts import of_those
from cli.exits import CommandError
from cli.output import Output, dollars, moment, size
from cli.run_record import summary_of
from cli.scope import EVENTS
from cli.session import Session
from shared.domain.rollup import Rollup
from shared.domain.runs import RunKind
from shared.domain.text import numbered
from shared.ports.run_store import RunRecord
from shared.reporting.figures import FIGURES, figures
from shared.reporting.job_facts import first_failed
from shared.reporting.manifest import run_folder
from shared.reporting.tiles import WHILE_COPYING
from shared.reporting.units import in_count, in_time

Figures = dict[str, Any]
"""As `shared.reporting.figures` makes them, and `written`: whether they are the report's own."""


async def written(session: Session, run: str) -> Figures | None:
    """What the report of a run has written down, None if there is nothing."""
    if session.reports is None:
        return None
    name = f"{run_folder(session.settings.job, run)}/{FIGURES}"
    body = await session.reports.get(name)
    if body is None:
        return None
    try:
        found = json.loads(body)
    except ValueError as error:
        raise CommandError(f"gs://{session.reports.bucket}/{name} is not JSON: {error}") from error
    return {**found, "written": True}


async def figures_of(session: Session, record: RunRecord) -> Figures:
    """The report's, else those of the run's documents, as far as it has come."""
    known = None if record.ended_at is None else await written(session, record.run.name)
    return known or await stored(session, record)


async def stored(session: Session, record: RunRecord) -> Figures:
    """Of the run's documents, whose heartbeats are forgotten once a report is written: `copying` is None then."""
    stores, run = session.admin.stores, record.run
    summary, progress = await summary_of(session, record), await stores.runs.progress(run.name)
    compared = run.kind is RunKind.VERIFY
    sums, parts = await stores.ranges.rollup(run.name) if compared else (Rollup(), [])
    report = session.facts.report(
        run,
        record.state,
        summary,
        progress,
        record.ended_at or session.clock.now(),
        sums=sums,
        failed=await first_failed(stores.ledger.failed(run.name)),
        files=[part.name for part in parts],
    )
    found = figures(report, sum(part.rows for part in parts), {})
    return {**found, "selection": None, "written": False, "open_ranges": summary.open_ranges}


def rates(found: Figures) -> tuple[float | None, float | None]:
    """Objects and bytes a second while objects were copied; None where that is not known."""
    copying = found["copying"]
    if copying is None or not copying["seconds"]:
        return None, None
    return copying["objects"] / copying["seconds"], copying["bytes"] / copying["seconds"]


_NAMED = {RunKind.KEYS: "named keys", RunKind.EVENTS: EVENTS}
"""What runs are about that have no prefix."""


def show_figures(found: Figures, output: Output) -> None:
    """The figures that a person wants first, a line each."""
    objects, amount = rates(found)
    lines = [
        ("of", _NAMED.get(found["kind"]) or found["prefix"] or "the whole job"),
        ("from", found["source"]),
        ("to", found["destination"]),
        ("began", moment(found["started_at"])),
        ("took", f"{in_time(found['seconds'])}, until its end was seen at {moment(found['ended_at'])}"),
        ("listed", f"{numbered(found['listed']['keys'], 'key')}, {size(found['listed']['bytes'])}"),
    ]
    for title, group in (("outcomes", "outcomes"), ("comparison", "verdicts"), ("left out", "filters")):
        if found[group]:
            lines.append((title, ", ".join(f"{item['keys']:,} {name}" for name, item in found[group].items())))
    if found["causes"]:
        lines.append(("failed", _causes(found)))
    if amount is not None and objects is not None:
        lines.append(("copying", f"{in_count(objects)} objects/s, {size(amount)}/s, {WHILE_COPYING}"))
    lines.append(("cost", f"{dollars(found['dollars'])}{'' if routes_known(found) else ', by CloudFront'}"))
    for name, text in lines:
        output.line(f"{name:<11} {text}")


def _causes(found: Figures) -> str:
    """Of the failed keys that are named, which need not be all."""
    named, failed = sum(found["causes"].values()), found["outcomes"].get("failed", {}).get("keys", 0)
    causes = ", ".join(f"{keys:,} {cause}" for cause, keys in found["causes"].items())
    return causes + of_those(named, failed)


def routes_known(found: Figures) -> bool:
    """Whether its cost is by the routes that were taken: else all is priced as if it had come by CloudFront."""
    copied = found["outcomes"].get("copied", {}).get("keys", 0)
    return not copied or bool(found["copying"] and found["copying"]["routes"])
