"""`cutover`: whether the copy may take the source's place, what remains, and how long the last steps would take."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.command import command
from cli.cutover_evidence import Compared, Evidence, gather
from cli.cutover_lines import ACCEPTABLE, Level, Line, left_behind, lines, tallied
from cli.exits import CommandError, Exit
from cli.output import Answer, Output, moment, size
from cli.scope import typed
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.runs import RunState
from shared.domain.text import numbered
from shared.ports.run_store import RunRecord, RunSummary
from shared.reporting.units import in_time
from shared.runs.prefix_notes import FLOWS

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.BLOCKS: "red"}


def register(app: typer.Typer) -> None:
    command(app, "cutover", ("cutover", "cutover photos/ --accept archived,filtered --json"))(cutover)


async def cutover(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")] = "",
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KINDS", help="What may stay behind: archived, unsupported, filtered. Repeatable, or `,` between."
        ),
    ] = None,
    most_lag: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="How long ago the last delta may have begun.")
    ] = 24,
    days: Annotated[float, typer.Option(min=1, help="How far back to look for runs.")] = 30,
) -> Answer:
    """Whether the copy may take the source's place: ready or not, what remains, and what mends each of it.

    Ready only if the newest comparison covered all of it to its end, began after the last delta had ended, and has
    proven every listed key the same, but for what is accepted by name; and nothing failed, was copied or is on its way
    since. A rehearsal says how long the last delta and comparison took: as long would writes at the source stop. Reads
    the runs' documents and the ledger's records; changes nothing. The exit status is 0 if it is ready, 3 if not.
    """
    accepted = _accepted(accept or ())
    found = await gather(session, typed(session, prefix), days)
    judged = lines(found, accepted, most_lag * 3600, _hold(session))
    count = tallied(judged)
    ready = not count[Level.BLOCKS] and found.comparison is not None and found.delta is not None
    rehearsal = await _rehearsal(session, found)
    document = {
        "prefix": prefix,
        "ready": ready,
        "comparison": None if found.comparison is None else found.comparison.name,
        "as_of": None if found.comparison is None else moment(found.comparison.began),
        "delta": None if found.delta is None else found.delta.run.name,
        "stays_behind": {} if found.comparison is None else left_behind(found.comparison.counted, accepted),
        "lines": [asdict(line) for line in judged],
        "blocks": count[Level.BLOCKS],
        "warnings": count[Level.WARNING],
        "rehearsal": rehearsal,
        "not_covered": _not_covered(session, found.comparison),
    }
    return Answer(document, lambda output: _show(document, judged, output), Exit.DONE if ready else Exit.NOT_SO)


def _hold(session: Session) -> str:
    """How deltas are kept from coming between. The local stack has no Cloud Scheduler, and its own ticks, if it has
    any, are a choice of `make up`.
    """
    if session.local:
        return "if ticks come between: make up without LIST_SECONDS"
    return f"if a schedule comes between: gcloud scheduler jobs pause {session.settings.job}-delta"


def _accepted(texts: Iterable[str]) -> frozenset[str]:
    names = frozenset(name.strip() for text in texts for name in text.split(",") if name.strip())
    unknown = names.difference(ACCEPTABLE)
    if unknown:
        raise CommandError(
            f"--accept takes {', '.join(ACCEPTABLE)}; not {', '.join(sorted(unknown))}, which a cutover cannot leave",
            Exit.USAGE,
        )
    return names


def _not_covered(session: Session, comparison: Compared | None) -> list[str]:
    """What no comparison of this job says anything about."""
    found = []
    if comparison is not None:
        found.append(f"what the source has got since {moment(comparison.began)}: its writes must have stopped by then")
    if not session.config.compare_metadata:
        found.append("headers and metadata (COMPARE_METADATA has comparisons look at them)")
    return [*found, "access rights, tags, older versions: these are not copied (docs/limits.md)"]


async def _rehearsal(session: Session, found: Evidence) -> dict[str, Any]:
    """How long the newest delta and comparison that came to their ends took, and what they did."""
    delta = None
    if found.delta is not None and found.delta_summary is not None:
        delta = await _step(session, found.delta, found.delta_summary)
    comparison = None
    if found.comparison is not None and found.comparison.ended.state is RunState.FINISHED:
        comparison = await _step(session, found.comparison.record, found.comparison.summary)
    steps = [step["seconds"] for step in (delta, comparison) if step is not None and step["seconds"] is not None]
    return {"delta": delta, "comparison": comparison, "write_stop_seconds": sum(steps) if len(steps) == 2 else None}


async def _step(session: Session, record: RunRecord, summary: RunSummary) -> dict[str, Any]:
    """seconds: to its true end where nothing was left to copy, else to when the end was seen, which is up to a
    schedule's step later; None if no end is written down.
    """
    run, copied = record.run, Outcome.COPIED
    worked = sum(summary.outcomes.keys.get(outcome, 0) for outcome in (copied, Outcome.FAILED))
    noted = (await session.admin.stores.prefixes.get(run.prefix)).get(FLOWS[run.kind], {})
    published = noted.get("published_at") if noted.get("run") == run.name else None
    exact = published is not None and not worked
    end = published if exact else record.ended_at
    return {
        "run": run.name,
        "prefix": run.prefix.decode(),
        "seconds": None if end is None else max(end - run.started_at, 0.0),
        "exact": exact,
        "listed": {"keys": summary.listed_keys, "bytes": summary.listed_bytes},
        "copied": {
            "keys": summary.outcomes.keys.get(copied, 0),
            "bytes": summary.outcomes.bytes.get(copied, 0),
        },
    }


def _show(document: dict[str, Any], judged: Collection[Line], output: Output) -> None:
    of = document["prefix"] or "the whole job"
    if document["ready"]:
        left = ", ".join(f"{keys:,} {name}" for name, keys in document["stays_behind"].items())
        behind = f"; {left} stay behind, as accepted" if left else ""
        output.line(f"ready: {of}, as the source was at {document['as_of']}{behind}", style="green")
    else:
        output.line(f"not ready: {of}; {document['blocks']} of {len(judged)} lines stand against it", style="red")
    for line in judged:
        output.finding(line.level, line.check, line.text, line.mend, _STYLES[line.level])
    _show_rehearsal(document["rehearsal"], output)
    for text in document["not_covered"]:
        output.line(f"not covered: {text}")


def _show_rehearsal(rehearsal: dict[str, Any], output: Output) -> None:
    for name in ("delta", "comparison"):
        step = rehearsal[name]
        if step is None:
            output.line(f"rehearsal: no {name} to measure by")
            continue
        took = (
            "an unknown time: its end is not written down yet" if step["seconds"] is None else in_time(step["seconds"])
        )
        most = "" if step["exact"] or step["seconds"] is None else " at most"
        did = f"{numbered(step['listed']['keys'], 'key')} listed, {step['copied']['keys']:,} copied"
        output.line(f"rehearsal: {step['run']} took {took}{most} ({did}, {size(step['copied']['bytes'])})")
    delta, stop = rehearsal["delta"], rehearsal["write_stop_seconds"]
    if delta is not None and 2 * delta["copied"]["keys"] > delta["listed"]["keys"]:
        output.line("rehearsal: that delta was more of a first copy; another one shows what a last one takes")
    if stop is not None:
        output.line(f"rehearsal: the next ones like these, and writes at the source stop for about {in_time(stop)}")
