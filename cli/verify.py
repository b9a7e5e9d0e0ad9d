"""`verify`: compare both sides, and repair what differs."""

from typing import Annotated

import typer

from cli import sending
from cli.command import command
from cli.output import Answer
from cli.scope import typed
from cli.sending import Wait
from cli.session import Session
from shared.domain.messages import VerifyMessage


def register(app: typer.Typer) -> None:
    command(app, "verify", ("verify --wait", "verify photos/ --no-repair"))(verify)


async def verify(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")] = "",
    repair: Annotated[bool, typer.Option("--repair/--no-repair", help="Copy again what differs.")] = True,
    wait: Wait = False,
) -> Answer:
    """Compare the source with its copies, and copy again what differs.

    While the job is paused nothing is sent, and the exit status is 3.
    """
    kept = await sending.may_send(session)
    if kept is not None:
        return kept
    message = VerifyMessage(prefix=typed(session, prefix), repair=repair)
    sent = await sending.send(session, session.config.verify_topic, [message])
    what = "a comparison of " + (repr(prefix) if prefix else "the whole job")
    return await sending.answer(session, sent, wait, what)
