"""A person's messages: what keeps them from being sent, what to know about them, and waiting for what they begin."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.live import Live

from cli.counts import counts_of
from cli.exits import Exit
from cli.output import Answer, Output
from cli.run_record import CLOCKS_APART
from cli.run_view import RunView, view
from cli.runs import all_well, cancelled_runs, verdict_line
from cli.session import Session
from shared.domain.messages import Message
from shared.ports.run_store import OpenRun

Wait = Annotated[bool, typer.Option("--wait", help="Wait until nothing of it is left; 3 if keys have failed.")]

_EVERY_SECONDS = 2.0
_CALM = 2
"""Times in a row that a run must look finished: its counts are several reads, and work goes on between them."""


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
    """What a person is told, at once or when nothing of the runs is left."""
    document: dict[str, Any] = {"sent": True, "messages": list(sent.messages), "running_beside": list(sent.beside)}
    if wait:
        return await _waited(session, sent, document)

    def show(output: Output) -> None:
        _beside(sent, output)
        named = f"its run's name ends in -{sent.messages[0]}"
        if len(sent.messages) > 1:
            named = f"{len(sent.messages):,} messages, a run each, whose names end in the messages' numbers"
        output.line(f"asked for {what}; {named}, and `bucket-transfer status` shows it")

    return Answer(document, show)


def _beside(sent: Sent, output: Output) -> None:
    for name in sent.beside:
        output.line(f"{name} is still going on; this begins at once, beside it", style="yellow")


async def _waited(session: Session, sent: Sent, document: dict[str, Any]) -> Answer:
    found: dict[str, OpenRun] = {}
    calm = 0
    with _drawn(session.output) as draw:
        while True:
            await _find(session, sent, found)
            cancelled = await cancelled_runs(session)
            views = [await view(session, run, run.name in cancelled) for run in found.values()]
            draw(views)
            done = len(found) == len(sent.messages) and all(item.done for item in views)
            calm = calm + 1 if done else 0
            if calm == _CALM:
                break
            await asyncio.sleep(_EVERY_SECONDS)
    document["runs"] = [
        {"run": item.run.name, "cancelled": item.cancelled, **counts_of(item.summary)} for item in views
    ]

    def show(output: Output) -> None:
        _beside(sent, output)
        for item in views:
            output.line(f"{item.run.name}: {item.line()}")
            output.line(f"  {verdict_line(item.summary, item.cancelled)}")

    well = all(all_well(item.summary, item.cancelled) for item in views)
    return Answer(document, show, Exit.DONE if well else Exit.NOT_SO)


async def _find(session: Session, sent: Sent, found: dict[str, OpenRun]) -> None:
    """The runs that the messages have begun by now."""
    if len(found) == len(sent.messages):
        return
    wanted = set(sent.messages) - found.keys()
    for record in await session.admin.stores.runs.since(session.clock.now() - CLOCKS_APART):
        number = record.run.name.rpartition("-")[2]
        if number in wanted:
            found[number] = record.run


@contextmanager
def _drawn(output: Output) -> Iterator[Callable[[Sequence[RunView]], None]]:
    """Shows runs where a person looks, and nothing elsewhere."""
    if output.as_json or not output.interactive:
        yield lambda views: None
        return
    with Live(console=output.console, auto_refresh=False, transient=True) as live:

        def draw(views: Sequence[RunView]) -> None:
            def show(given: Output) -> None:
                for item in views:
                    given.line(f"{item.run.name}  {item.share:.0%}  {item.line()}")
                if not views:
                    given.line("waiting for its start")

            live.update(output.captured(show), refresh=True)

        yield draw
