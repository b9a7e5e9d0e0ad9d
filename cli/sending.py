"""A person's messages: what keeps them from being sent, what to know about them, and waiting for what they begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.counts import counts_of
from cli.exits import Exit
from cli.output import Answer, Output
from cli.run_record import CLOCKS_APART
from cli.session import Session
from cli.verdict import is_cancelled
from cli.waiting import until_over
from shared.domain.messages import Message
from shared.ports.run_store import OpenRun

Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is over; 3 if keys have failed, or none was listed.")]

_NAMED_AFTER = (0.2, 0.3, 0.5, 1.0, 1.0)
"""Seconds between looks for the run that a message begins: a function that has to be started first takes longer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """messages: their ids; the runs that they begin are named for them. beside: runs that were going on already."""

    messages: Sequence[str]
    beside: Sequence[str]


async def may_send(session: Session) -> Answer | None:
    """What keeps a person's message from doing anything now, None if nothing does."""
    if not (await session.admin.stores.control.get()).paused:
        return None
    why = "the job is paused, so nothing was sent: `bucket-transfer resume` first"
    return Answer({"sent": False, "why": "paused"}, lambda output: output.line(why, style="yellow"), Exit.NOT_SO)


async def send(session: Session, topic: str, messages: Sequence[Message]) -> Sent:
    """Send them in order."""
    running = await session.admin.stores.runs.running()
    views = [run.name for run in running if not (await session.admin.stores.runs.summary(run.name)).finished]
    return Sent([await session.sender.send(topic, message) for message in messages], views)


async def answer(session: Session, sent: Sent, wait: bool, what: str) -> Answer:
    """What a person is told, at once or when the runs are over."""
    document: dict[str, Any] = {"sent": True, "messages": list(sent.messages), "running_beside": list(sent.beside)}
    if wait:
        return await _waited(session, sent, document)
    named = await _named(session, sent)
    document["run"] = named or None

    def show(output: Output) -> None:
        _beside(sent, output)
        which = f"its run is {named}" if named else f"its run's name ends in -{sent.messages[0]}"
        if len(sent.messages) > 1:
            which = f"{len(sent.messages):,} messages, a run each, whose names end in the messages' numbers"
        output.line(f"asked for {what}; {which}, and `bucket-transfer status` shows it")

    return Answer(document, show)


async def _named(session: Session, sent: Sent) -> str:
    """The run that a message has begun; "" where it has not within seconds, or there are several."""
    found: dict[str, OpenRun] = {}
    for wait in _NAMED_AFTER if len(sent.messages) == 1 else ():
        await session.clock.sleep(wait)
        await _find(session, sent, found)
        if found:
            return found[sent.messages[0]].name
    return ""


def _beside(sent: Sent, output: Output) -> None:
    for name in sent.beside:
        output.line(f"{name} is still going on; this begins at once, beside it", style="yellow")


async def _waited(session: Session, sent: Sent, document: dict[str, Any]) -> Answer:
    found: dict[str, OpenRun] = {}

    async def find() -> list[OpenRun]:
        await _find(session, sent, found)
        return list(found.values())

    waited = await until_over(session, find, len(sent.messages))
    document["runs"] = [
        {
            "run": item.seen.run.name,
            "state": item.state,
            "cancelled": is_cancelled(item.state),
            **counts_of(item.seen.summary),
        }
        for item in waited
    ]

    def show(output: Output) -> None:
        _beside(sent, output)
        for item in waited:
            item.show(output, session.reports is not None)

    return Answer(document, show, Exit.DONE if all(item.well for item in waited) else Exit.NOT_SO)


async def _find(session: Session, sent: Sent, found: dict[str, OpenRun]) -> None:
    """The runs that the messages have begun by now."""
    if len(found) == len(sent.messages):
        return
    wanted = set(sent.messages) - found.keys()
    for record in await session.admin.stores.runs.since(session.clock.now() - CLOCKS_APART):
        number = record.run.name.rpartition("-")[2]
        if number in wanted:
            found[number] = record.run
