"""`doctor`: what would go wrong, before money is spent."""

import asyncio
from dataclasses import asdict
from typing import Any

import typer

from cli.checks.finding import Finding, Level
from cli.command import command
from cli.exits import Exit
from cli.output import Answer, Output
from cli.session import Session
from shared.domain.text import numbered

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "red"}


def register(app: typer.Typer) -> None:
    command(app, "doctor", ("doctor", "doctor --job photos --json"))(doctor)


async def doctor(session: Session) -> Answer:
    """What would go wrong, before money is spent: each line ok, warning or failed, with what to do.

    Asked with your own credentials: settings, the source and the distribution before it, the destination buckets with a
    probe that is written, read and deleted, topics and their pushes, Firestore and the index of every query. The exit
    status is 3 if anything has failed. Whether the functions' own identities may do the same, `make acceptance` finds.
    """
    found = await _found(session)
    document: dict[str, Any] = {
        "findings": [asdict(item) for item in found],
        "failed": sum(item.level is Level.FAILED for item in found),
        "warnings": sum(item.level is Level.WARNING for item in found),
    }

    def show(output: Output) -> None:
        for item in found:
            output.finding(item.level, item.check, item.text, item.mend, _STYLES[item.level])
        output.line(
            f"{document['failed']} failed, {numbered(document['warnings'], 'warning')}, {numbered(len(found), 'check')}"
        )

    return Answer(document, show, Exit.NOT_SO if document["failed"] else Exit.DONE)


async def _found(session: Session) -> list[Finding]:
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

    from cli.checks.destination import destination
    from cli.checks.queue import queue
    from cli.checks.settings import settings
    from cli.checks.source import edge, source
    from cli.checks.state import state

    given = session.settings
    found = settings(given)
    at_source, key = await asyncio.to_thread(source, session.s3, given)
    found += at_source
    found.append(await asyncio.to_thread(edge, given, key))
    found += await asyncio.to_thread(destination, session.gcs, given)
    found += await asyncio.to_thread(queue, PublisherClient(), SubscriberClient(), given)
    return [*found, *await state(session)]
