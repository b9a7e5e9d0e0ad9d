"""`status`: what the job is doing now."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live

from cli.command import command
from cli.counts import of_those, tally
from cli.exits import CommandError, Exit
from cli.output import Answer, Output, amount_of_dollars, dollars, moment, size
from cli.pausing import what_still_ends
from cli.run_view import RunView, view
from cli.scope import scope_of
from cli.session import Session
from shared.domain.counts import Counts, Outcome
from shared.domain.lag import Lag
from shared.domain.runs import RunKind
from shared.domain.text import numbered
from shared.ports.control_store import Control
from shared.ports.run_store import RunRecord
from shared.pricing.following import idle_month
from shared.reporting.lateness import changes_line, lag_figures, lag_line
from shared.reporting.units import in_time

if TYPE_CHECKING:
    from cli.queue_depth import Depth

_LAST = 5
_DAYS = 7
_BAR = 30
"""Characters of a run's bar."""


def register(app: typer.Typer) -> None:
    command(app, "status", ("status", "status --watch --every 5"))(status)


async def status(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until nothing is running.")] = False,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How often --watch asks.")] = 10,
) -> Answer:
    """What the job is doing now: runs with their rate and time left, failures by cause, pause, ceilings and queues.

    Each look costs some forty reads of Firestore a running run, three more for each thousand of its batches, one for
    each run of the last seven days, and two calls of Cloud Monitoring, which tells how much waits with a delay of one
    to three minutes.
    """
    if watch and session.output.as_json:
        raise CommandError("--watch answers again and again, and --json once: choose one", Exit.USAGE)
    if watch and session.output.interactive:
        with Live(console=session.output.console, auto_refresh=False) as live:
            while (answer := await _look(session)).document["busy"]:
                live.update(session.output.captured(answer.show), refresh=True)
                await asyncio.sleep(every)
        return answer
    answer = await _look(session)
    while watch and answer.document["busy"]:
        for run in answer.document["running"]:
            outcomes = sum(amount["keys"] for amount in run["outcomes"].values())
            session.output.line(run["run"], f"{run['listed']['keys']:,} listed, {outcomes:,} ended")
        session.output.flush()
        await asyncio.sleep(every)
        answer = await _look(session)
    return answer


async def _look(session: Session) -> Answer:
    runs, now = session.admin.stores.runs, session.clock.now()
    control = await session.control()
    views = [await view(session, run, control) for run in await runs.running()]
    recent = [record for record in await runs.since(now - _DAYS * 86_400) if record.ended_at is not None]
    depths, unknown = await _depths(session)
    document = {
        "job": session.settings.job,
        "source": f"{session.config.source}/{session.settings.source_prefix}",
        "destination": f"{session.config.destination}/{session.config.mapping.destination_prefix.decode()}",
        "paused": control.paused,
        "most_objects": control.most_objects,
        "most_bytes": control.most_bytes,
        "most_dollars": control.most_dollars,
        "busy": any(not item.done for item in views),
        "queues": None if unknown else [asdict(item) for item in depths],
        "running": [item.document() for item in views],
        "ended": [_ended(record) for record in recent[-_LAST:]],
        "events": _of_events(session, recent) if session.config.follows_events else None,
    }

    def show(output: Output) -> None:
        _show(document, views, control, output)
        _show_depths(depths, unknown, output)

    return Answer(document, show)


async def _depths(session: Session) -> "tuple[list[Depth], str]":
    """How deep the queues are, and why that is not known."""
    try:
        return await session.queues.depths(), ""
    except CommandError as refused:
        return [], str(refused)


def _show_depths(depths: "list[Depth]", unknown: str, output: Output) -> None:
    if unknown:
        output.line(f"how much waits in the queues is not known here: {unknown}", style="yellow")
    for item in depths:
        if item.waiting is None:
            output.line(f"{item.subscription}: how much waits is not known, as Monitoring has no recent point of it")
        elif item.waiting and item.role == "dead-letters":
            output.line(f"{numbered(item.waiting, 'dead letter')}: `bucket-transfer failures` shows them", style="red")
        elif item.waiting:
            oldest = "" if item.oldest_seconds is None else f", the oldest for {in_time(item.oldest_seconds)}"
            output.line(f"{item.subscription}: {_unended(item.waiting)}{oldest}")


def _unended(messages: int) -> str:
    """Monitoring counts what is not acknowledged, and so what is at work, too."""
    return numbered(messages, "message waits or is at work", "messages wait or are at work")


def _ended(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.run.name,
        "prefix": record.run.prefix.decode(),
        "of": scope_of(record.run),
        "state": record.state.value,
        "ended_at": moment(record.ended_at),
    }


def _of_events(session: Session, recent: Sequence[RunRecord]) -> dict[str, Any]:
    """How late the copies of the last days' events are, and what the listings of these days found that they missed."""
    lag, listed, changes, listings = Lag(), 0, Counts(), 0
    for record in recent:
        if record.summary is None:
            continue
        if record.run.kind is RunKind.EVENTS:
            lag.merge(record.summary.lag)
            listed += record.summary.listed_keys
        elif record.run.kind is RunKind.LIST:
            changes.merge(record.summary.changes)
            listings += 1
    config = session.config
    idle = idle_month(config.prices.without_allowances(), config.events_quiet_seconds).dollars
    return {
        "days": _DAYS,
        "idle_dollars_a_month": round(idle, 2),
        "listed": listed,
        "lag": lag_figures(lag),
        "listings": listings,
        "changes": tally(changes),
        "lines": [
            f"events, {_DAYS} days: {lag_line(lag, listed)}",
            f"deltas, {_DAYS} days: {changes_line(changes)}, in {numbered(listings, 'listing')} that ended",
            f"to wait for events costs {dollars(idle)} a month while none comes",
        ],
    }


def _show(document: dict[str, Any], views: list[RunView], control: Control, output: Output) -> None:
    output.line(f"job {document['job']}: {document['source']} to {document['destination']}")
    if control.paused:
        still = what_still_ends(item.summary for item in views)
        output.line(
            f"paused: nothing more is published or begun until `bucket-transfer resume`; {still}", style="yellow"
        )
    if control.bounded:
        objects = "any number of" if control.most_objects is None else f"{control.most_objects:,}"
        amount = "any size" if control.most_bytes is None else size(control.most_bytes)
        money = "" if control.most_dollars is None else f", for {amount_of_dollars(control.most_dollars)}"
        output.line(f"ceiling of a run: {objects} objects, {amount}{money}")
    if not views:
        output.line("nothing is running")
    for item in views:
        output.line("")
        output.line(
            f"{item.run.name} ({item.run.kind.value} of {scope_of(item.run)}, since {moment(item.run.started_at)})"
        )
        output.line(f"  {_bar(item.share, output)}{item.percent}  {item.line()}")
        if item.cancelled:
            output.line("  cancelled: nothing more of it begins; what has begun ends as it will", style="yellow")
        if item.done:
            output.line("  nothing is left of it; the scheduler's next message writes its end and its report")
        told = of_those(sum(item.causes.values()), item.summary.outcomes.keys.get(Outcome.FAILED, 0))
        for cause, keys in sorted(item.causes.items(), key=lambda pair: -pair[1]):
            output.line(f"  failed, {cause}: {keys:,}{told}", style="red")
        output.line(f"  {dollars(item.dollars)} so far")
    for line in (document["events"] or {}).get("lines", ()):
        output.line(line)
    if document["ended"]:
        output.line("")
        rows = [(run["run"], run["of"], run["state"], run["ended_at"]) for run in reversed(document["ended"])]
        output.table(("ended", "of", "how", "when"), rows)


def _bar(share: float, output: Output) -> str:
    """Only where it can be drawn."""
    full = round(share * _BAR)
    return f"{'━' * full}{'─' * (_BAR - full)} " if output.terminal else ""
