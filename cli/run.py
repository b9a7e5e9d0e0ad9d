"""`run`: copy what is new or changed, now."""

from typing import Annotated

import typer

from cli import sending
from cli.command import command
from cli.exits import CommandError, Exit
from cli.key_list import Format, format_of, keys_in
from cli.output import Answer
from cli.scope import typed, within_job
from cli.sending import Wait
from cli.session import Session
from shared.domain.keys import MAX_KEY_BYTES
from shared.domain.messages import MOST_KEYS, ListMessage
from shared.domain.text import numbered


def register(app: typer.Typer) -> None:
    command(app, "run", ("run photos/2021/ --force --wait", "run --keys-from report.jsonl.gz"))(run)


async def run(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Copy even what is unchanged.")] = False,
    keys_from: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Single keys, past the filters: a list, manifest or inventory.")
    ] = None,
    written: Annotated[
        Format | None, typer.Option("--format", help="How that is written; else its name says it.")
    ] = None,
    wait: Wait = False,
) -> Answer:
    """Copy what is new or changed, now: the whole job, a prefix, or the keys of a list.

    A prefix or a key that is named is tried again where it has failed. While the job is paused nothing is sent, and the
    exit status is 3. A run that is going on keeps nothing from beginning.
    """
    if keys_from is not None and prefix:
        raise CommandError("name a PREFIX or a list of keys, not both", Exit.USAGE)
    kept = await sending.may_send(session)
    if kept is not None:
        return kept
    if keys_from is None:
        messages = [ListMessage(prefix=typed(session, prefix), force=force)]
        what = f"a run of {prefix!r}" if prefix else "a run of the whole job"
    else:
        keys = sorted(_keys(session, keys_from, written or format_of(keys_from)))
        if not keys:
            raise CommandError(f"{keys_from} names no key")
        portions = (tuple(keys[start : start + MOST_KEYS]) for start in range(0, len(keys), MOST_KEYS))
        messages = [ListMessage(keys=some, force=force) for some in portions]
        what = numbered(len(keys), "key")
    sent = await sending.send(session, session.config.list_topic, messages)
    return await sending.answer(session, sent, wait, what)


def _keys(session: Session, name: str, written: Format) -> set[bytes]:
    """All of them are read before the first is sent: a list that is wrong at its end must not be half done."""
    found = set()
    for key in keys_in(name, written, session.settings.source_bucket):
        if len(key) > MAX_KEY_BYTES:
            raise CommandError(
                f"{name}: a key of {len(key)} bytes, and S3 has none above {MAX_KEY_BYTES}: {key[:80]!r}…"
            )
        found.add(within_job(session, key))
    return found
