"""`drop`: failures and dead letters of a cause are taken off the books."""

from typing import Annotated

import typer

from cli.causes import OUTCOMES, Prefix, causes_of, known
from cli.command import command
from cli.dead_letter import MALFORMED, UNDELIVERED
from cli.exits import Exit
from cli.output import Answer
from cli.scope import typed
from cli.session import Session
from shared.domain.keys import Key
from shared.domain.text import numbered
from shared.ledger.dropping import without
from shared.ledger.entry import Entry


def register(app: typer.Typer) -> None:
    command(app, "drop", ("drop --cause gone --yes", "drop --cause forbidden photos/2021/"))(drop)


async def drop(
    session: Session,
    reason: Annotated[
        str, typer.Option("--cause", "--reason", metavar="CAUSE", help="A cause, as `failures` names it.")
    ],
    prefix: Prefix = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Answer:
    """Take what has failed for a cause off the books: it is not reported any more.

    The ledger forgets these keys, so they count as unknown: a run that lists one of them tries it again, and it is
    reported again if it fails again. What shall never be copied is for the job's filters. Nothing is deleted in any
    bucket, and what runs have counted and reported stays. Dead letters of the cause are deleted for good. Keys of a run
    that is going on are left as they are, and the exit status is 3.
    """
    wanted = typed(session, prefix)
    await known(session, wanted, [reason])
    causes = await causes_of(session, wanted, [reason], OUTCOMES)
    keys = {failed.entry.key for cause in causes for failed in cause.known}
    of_letters = reason in (MALFORMED, UNDELIVERED) and not prefix
    letters = await session.dead_letters.look() if of_letters else []
    meant = [letter for letter in letters if letter.cause == reason]
    try:
        if not keys and not meant:
            nothing = f"nothing is known that has failed for {reason!r}: `bucket-transfer failures` names the causes"
            return _answer(reason, 0, 0, 0, nothing)
        if not yes:
            what = [f"forget {numbered(len(keys), 'key')}"] if keys else []
            what += [f"delete {numbered(len(meant), 'dead letter')}"] if meant else []
            session.output.confirm(f"{' and '.join(what)} of the cause {reason!r}?")
        dropped = await _forget(session, wanted, keys)
        await session.dead_letters.take_away(meant) if meant else None
        letters = [letter for letter in letters if letter not in meant]
    finally:
        if letters:
            await session.dead_letters.give_back(letters)
    kept = len(keys) - dropped
    said = [f"{numbered(dropped, 'key is', 'keys are')} forgotten, and tried again when listed"] if keys else []
    if meant:
        said.append(f"{numbered(len(meant), 'dead letter')} deleted")
    if kept:
        left = numbered(kept, "key is", "keys are")
        said.append(f"{left} left: a run that is going on counts by them, or has changed them meanwhile")
    return _answer(reason, dropped, len(meant), kept, "; ".join(said))


async def _forget(session: Session, prefix: Key, keys: set[Key]) -> int:
    """How many keys no record speaks of as failed any more. Records of a run that is going on are what it counts by; it
    may have begun since, so that is asked for each.
    """
    ledger, runs, left = session.admin.stores.ledger, session.admin.stores.runs, set[Key]()
    ours = (session.config.identity.digest, "")

    def dropped(entry: Entry) -> bool:
        return entry.key in keys and entry.outcome in OUTCOMES

    async for held in ledger.scan(prefix, b""):
        record = held.record
        if not len(record.entries) or record.identity not in ours or keys.isdisjoint(record.table.keys):
            continue
        theirs = {entry.key for entry in record.entries if dropped(entry)}
        if not theirs:
            continue
        merge = None if record.run in await runs.names_running() else without(record, dropped)
        if merge is None or not await ledger.merge(merge, [held.version]):
            left |= theirs
    return len(keys - left)


def _answer(reason: str, keys: int, letters: int, kept: int, text: str) -> Answer:
    document = {"reason": reason, "dropped_keys": keys, "dropped_letters": letters, "left_keys": kept}
    return Answer(document, lambda output: output.line(text), Exit.NOT_SO if kept else Exit.DONE)
