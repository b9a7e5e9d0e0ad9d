"""`pause`, `resume`, `ceiling`: what holds for every run of the job."""

from dataclasses import replace
from typing import Annotated

import typer

from cli.command import command
from cli.exits import CommandError, Exit
from cli.output import Answer, size
from cli.session import Session


def register(app: typer.Typer) -> None:
    command(app, "pause", ("pause", "pause --job photos --json"))(pause)
    command(app, "resume", ("resume", "resume --job photos --json"))(resume)
    command(app, "ceiling", ("ceiling --objects 1000000 --bytes 50000000000000", "ceiling --none"))(ceiling)


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
    none: Annotated[bool, typer.Option("--none", help="Take both away: the settings' own ceilings hold.")] = False,
) -> Answer:
    """Set the most that one run may publish, or show it. What is not named stays as it is."""
    asked = objects is not None or amount is not None
    if none and asked:
        raise CommandError("--none takes both ceilings away: it goes with neither", Exit.USAGE)
    control = session.admin.stores.control
    if none:
        said = await control.update(lambda said: replace(said, most_objects=None, most_bytes=None))
    elif asked:
        said = await control.update(
            lambda said: replace(
                said,
                most_objects=said.most_objects if objects is None else objects,
                most_bytes=said.most_bytes if amount is None else amount,
            )
        )
    else:
        said = await control.get()
    standing = session.limits.standing
    most = (
        standing.most_objects if said.most_objects is None else said.most_objects,
        standing.most_bytes if said.most_bytes is None else said.most_bytes,
    )
    objects_text = "any number of objects" if most[0] is None else f"{most[0]:,} objects"
    bytes_text = "any number of bytes" if most[1] is None else f"{size(most[1])} ({most[1]:,} bytes)"
    text = f"a run of job {session.settings.job} may publish {objects_text} and {bytes_text}"
    document = {"job": session.settings.job, "most_objects": most[0], "most_bytes": most[1]}
    return Answer(document, lambda output: output.line(text))
