"""`pause`, `resume`, `ceiling`: what holds for every run of the job; `cancel`: the end of one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from typing import Annotated, Any

import typer

from cli.command import command
from cli.counts import counts_of
from cli.exits import CommandError, Exit
from cli.output import Answer, Output, amount_of_dollars, moment, size
from cli.pausing import listed_keys, what_still_ends
from cli.run_record import record_of, summary_of
from cli.runs import ENDED
from cli.session import Session
from cli.waiting import until_over
from shared.domain.errors import BucketError
from shared.domain.runs import RunState
from shared.domain.text import numbered
from shared.ports.run_store import OpenRun, RunSummary

_MOST = "NUMBER|none"

_COUNT_SECONDS = 20.0
"""What the counts may take of which somebody is told who pauses: of billions of keys they take longer."""


def register(app: typer.Typer) -> None:
    command(app, "pause", ("pause", "pause --job photos --json"))(pause)
    command(app, "resume", ("resume", "resume --job photos --json"))(resume)
    command(app, "cancel", ("cancel list-20261125T020000-9312", "cancel verify-20261125T020000-17 --json"))(cancel)
    command(app, "ceiling", ("ceiling --objects 1000000 --dollars 5000", "ceiling --none"))(ceiling)


async def pause(session: Session) -> Answer:
    """Publish nothing more and begin no further batch; what has begun is finished, and nothing is lost.

    An instance hears of it within a second. The batches that it has begun by then end as ever, and a large object with
    all its parts: you are told of how many listed keys that may be at most. A single key that somebody asks for at
    /v1/replicate is copied in a pause, too.
    """
    await session.admin.stores.control.update(lambda said: replace(said, paused=True))
    left = await _left(session)
    still = "what has begun still ends: `bucket-transfer status` counts it" if left is None else what_still_ends(left)
    text = f"job {session.settings.job} is paused: nothing more is published or begun; {still}"
    document = {
        "job": session.settings.job,
        "paused": True,
        "may_still_end": None if left is None else listed_keys(left),
        "open_ranges": None if left is None else sum(summary.open_ranges for summary in left),
    }
    return Answer(document, lambda output: output.line(f"{text}; `bucket-transfer resume` goes on"))


async def _left(session: Session) -> list[RunSummary] | None:
    """The counts of the running runs. None where they could not be had soon: the pause holds all the same."""
    runs = session.admin.stores.runs
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            return [await runs.summary(run.name) for run in await runs.running()]
    except (TimeoutError, BucketError):
        return None


async def resume(session: Session) -> Answer:
    """Go on after a pause, and send again what was left open."""
    sent = await session.admin.resume()
    document = {
        "job": session.settings.job,
        "paused": False,
        "sent_ranges": sent.ranges,
        "sent_batches": sent.batches,
    }
    again = f"{numbered(sent.ranges, 'range')} and {numbered(sent.batches, 'batch', 'batches')} were sent again"
    text = f"job {session.settings.job} goes on: {again}"
    return Answer(document, lambda output: output.line(text))


async def cancel(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run that is going, as `status` names it.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is over.")] = False,
) -> Answer:
    """End a run for good: nothing more is listed or copied for it, and what has begun ends as it will.

    Its keys that were not copied are copied by the next run. What lies in the queue is put on record as not copied, a
    message at a time; `status` shows how far that is, and the scheduler's next message writes the end and the report:
    with --wait you are told of the end, which is asked for as soon as nothing is left.
    To hold all runs for a while, `pause` instead.
    """
    stores = session.admin.stores
    record = await record_of(session, name)
    cancelled = record.state is RunState.CANCELLED or name in (await stores.control.get()).cancelled
    summary = await summary_of(session, record)
    left = {"open_ranges": summary.open_ranges, "pending": max(summary.pending, 0)}
    if record.state is not RunState.RUNNING:
        when = f"run {name} has {ENDED[record.state]} at {moment(record.ended_at)}"
        if not cancelled:
            raise CommandError(f"{when}: there is nothing to cancel")
        return _cancelled(name, {**left, "ended": True}, f"{when} already")
    if summary.finished and not cancelled:
        raise CommandError(f"nothing is left of run {name}: the scheduler's next message writes its end down")
    sent = await session.admin.cancel(record.run)
    again = " already" if cancelled else ""
    text = (
        f"run {name} is cancelled{again}: nothing more of it begins; "
        f"{numbered(left['open_ranges'], 'range')} and {numbered(left['pending'], 'listed key')} were left: what of "
        "them has begun may still end as copied, and the rest is the next run's"
    )
    told = {**left, "ended": False, "sent_ranges": sent.ranges, "sent_batches": sent.batches}
    if not wait:
        return _cancelled(name, told, text)

    async def found() -> list[OpenRun]:
        return [record.run]

    (over,) = await until_over(session, found, 1)

    def show(output: Output) -> None:
        output.line(text)
        over.show(output, session.reports is not None)

    return _cancelled(name, {**told, "ended": over.over, **counts_of(over.seen.summary)}, text, show)


def _cancelled(name: str, told: dict[str, Any], text: str, show: Callable[[Output], None] | None = None) -> Answer:
    return Answer({"run": name, "cancelled": True, **told}, show or (lambda output: output.line(text)))


def _most(name: str, given: str) -> float | None:
    """A ceiling as it was typed; None for none."""
    if given == "none":
        return None
    read: Callable[[str], float] = float if name == "most_dollars" else int
    try:
        most = read(given)
    except ValueError:
        most = -1
    if not (most >= 0 and isfinite(most)):
        option, what = name.replace("most_", "--"), "a number" if read is float else "a whole number"
        raise CommandError(f"{option} wants {what} from 0 on, or none, not {given!r}", Exit.USAGE)
    return most


async def ceiling(
    session: Session,
    objects: Annotated[
        str | None, typer.Option(metavar=_MOST, help="The most objects that one run may publish.")
    ] = None,
    amount: Annotated[str | None, typer.Option("--bytes", metavar=_MOST, help="The most bytes.")] = None,
    dollars: Annotated[str | None, typer.Option(metavar=_MOST, help="The most US$ that its copies may cost.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take all away.")] = False,
) -> Answer:
    """Set the most that one run may publish, or show it. What is not named stays as it is.

    What is taken away (`--objects none`, or `--none` for all three) is as the job's settings have it.
    """
    named = {"most_objects": objects, "most_bytes": amount, "most_dollars": dollars}
    asked = {name: most for name, most in named.items() if most is not None}
    if none and asked:
        raise CommandError("--none takes all ceilings away: it goes with no other", Exit.USAGE)
    changed = {name: _most(name, most) for name, most in asked.items()} or (dict.fromkeys(named) if none else {})
    if changed:
        await session.admin.stores.control.update(lambda said: replace(said, **changed))
    most = await session.control()
    objects_text = "any number of objects" if most.most_objects is None else numbered(most.most_objects, "object")
    amount_text = "any number of bytes" if most.most_bytes is None else f"{size(most.most_bytes)} ({most.most_bytes:,})"
    dollars_text = "" if most.most_dollars is None else f", for {amount_of_dollars(most.most_dollars)}"
    text = f"a run of job {session.settings.job} may publish {objects_text} and {amount_text}{dollars_text}"
    document = {"job": session.settings.job, **{name: getattr(most, name) for name in named}}
    return Answer(document, lambda output: output.line(text))
