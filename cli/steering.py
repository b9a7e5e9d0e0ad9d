"""`pause`, `resume`, `ceiling`: what holds for every run of the job."""

from dataclasses import replace
from math import isfinite
from typing import Annotated

import typer

from cli.command import command
from cli.exits import CommandError, Exit
from cli.output import Answer, size
from cli.session import Session
from shared.runs.job_control import JobControl


def register(app: typer.Typer) -> None:
    command(app, "pause", ("pause", "pause --job photos --json"))(pause)
    command(app, "resume", ("resume", "resume --job photos --json"))(resume)
    command(app, "ceiling", ("ceiling --objects 1000000 --dollars 5000", "ceiling --none"))(ceiling)


async def pause(session: Session) -> Answer:
    """Publish and copy nothing more; what has begun is finished, and nothing is lost."""
    await session.admin.stores.control.update(lambda said: replace(said, paused=True))
    text = f"job {session.settings.job} is paused: what has begun ends, `bucket-transfer resume` goes on"
    return Answer({"job": session.settings.job, "paused": True}, lambda output: output.line(text))


async def resume(session: Session) -> Answer:
    """Go on after a pause, and send again what was left open."""
    sent = await session.admin.resume()
    document = {
        "job": session.settings.job,
        "paused": False,
        "sent_ranges": sent.ranges,
        "sent_batches": sent.batches,
    }
    text = f"job {session.settings.job} goes on: {sent.ranges:,} ranges and {sent.batches:,} batches were sent again"
    return Answer(document, lambda output: output.line(text))


async def ceiling(
    session: Session,
    objects: Annotated[int | None, typer.Option(min=0, help="The most objects that one run may publish.")] = None,
    amount: Annotated[int | None, typer.Option("--bytes", min=0, help="The most bytes.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0, help="The most US$ that its copies may cost.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take all away: the settings' own ceilings hold.")] = False,
) -> Answer:
    """Set the most that one run may publish, or show it. What is not named stays as it is."""
    named = {"most_objects": objects, "most_bytes": amount, "most_dollars": dollars}
    asked = {name: most for name, most in named.items() if most is not None}
    if none and asked:
        raise CommandError("--none takes all ceilings away: it goes with no other", Exit.USAGE)
    if dollars is not None and not isfinite(dollars):
        raise CommandError("--dollars is an amount", Exit.USAGE)
    control = session.admin.stores.control
    changed = dict.fromkeys(named, None) if none else asked
    if changed:
        await control.update(lambda said: replace(said, **changed))
    most = await JobControl(control, session.clock, session.config.default_control).read(afresh=True)
    objects_text = "any number of objects" if most.most_objects is None else f"{most.most_objects:,} objects"
    amount_text = "any number of bytes" if most.most_bytes is None else f"{size(most.most_bytes)} ({most.most_bytes:,})"
    dollars_text = "" if most.most_dollars is None else f", for US$ {most.most_dollars:,.2f}"
    text = f"a run of job {session.settings.job} may publish {objects_text} and {amount_text}{dollars_text}"
    document = {"job": session.settings.job, **{name: getattr(most, name) for name in named}}
    return Answer(document, lambda output: output.line(text))
