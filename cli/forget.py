"""`forget`: what the ledger holds of a prefix becomes unknown, and nothing else does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from cli.command import command
from cli.exits import Exit
from cli.output import Answer
from cli.scope import typed
from cli.session import Session
from shared.domain.keys import Key
from shared.domain.text import are, numbered
from shared.ledger.compaction import Merge
from shared.ledger.dropping import without
from shared.ports.ledger_store import LedgerStore, Versioned
from shared.ports.run_store import RunStore

_Whole = tuple[Versioned, set[Key]]
"""A record that goes as a whole, and its keys beside the prefix."""

_AT_ONCE = 50
"""Records that go in one commit; with their keys, which are read, they are some 50 MB."""


def register(app: typer.Typer) -> None:
    command(app, "forget", ("forget photos/2021/", 'forget "" --yes'))(forget)


async def forget(
    session: Session,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help='Keys that begin so; "" for the whole job.')],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Answer:
    """Forget what was copied: the next run looks at these keys afresh. Nothing is deleted in any bucket.

    Copies that are right are not made again, but each is looked at. Keys beside the prefix stay known, unless they
    share a record that has not ended or cannot be read: you are told how many these are. What a run that is going on
    has recorded is left, since it counts by that, and the exit status is 3.
    """
    wanted = typed(session, prefix)
    if not yes:
        what = repr(prefix) if prefix else "everything"
        session.output.confirm(f"forget what job {session.settings.job} knows of {what}?")
    found = await _forget(session, wanted)
    text = found.sentence(prefix)
    document = {
        "prefix": prefix,
        "forgotten_records": found.whole + found.in_part,
        "left_records": found.left,
        "keys_beside_kept": len(found.kept),
        "keys_beside_forgotten": len(found.lost),
    }
    return Answer(document, lambda output: output.line(text), Exit.NOT_SO if found.left else Exit.DONE)


@dataclass
class _Forgotten:
    """Records that are gone as a whole or in part, and those that are left. unreadable: of the former. kept, lost: keys
    beside the prefix that these records hold, or held.
    """

    whole: int = 0
    in_part: int = 0
    unreadable: int = 0
    left: int = 0
    kept: set[Key] = field(default_factory=set)
    lost: set[Key] = field(default_factory=set)

    def sentence(self, prefix: str) -> str:
        gone = self.whole + self.in_part
        if not gone and not self.left:
            return "nothing of it is on record, so nothing is forgotten"
        said = [f"{numbered(gone, 'record is', 'records are')} forgotten"]
        if self.kept:
            beside, verb = numbered(len(self.kept), "key"), are(len(self.kept))
            which = "it" if gone == 1 else f"{self.in_part:,} of them"
            said.append(f"{which} held {beside} beside {prefix!r}, which {verb} kept")
        if self.lost:
            beside = numbered(len(self.lost), "key is", "keys are")
            said.append(f"{beside} forgotten beside {prefix!r}: of batches that have not ended, or cannot be read")
        if self.unreadable:
            said.append(f"{numbered(self.unreadable, 'record')} could not be read")
        if gone:
            said.append("the next run looks at what is forgotten afresh")
        if self.left:
            left = numbered(self.left, "record is", "records are")
            said.append(f"{left} left: a run that is going on counts by them, or has changed them meanwhile")
        return "; ".join(said)


async def _forget(session: Session, prefix: Key) -> _Forgotten:
    """Each record is read once, and written at most once. Those that go as a whole go by dozens: a ledger of three
    billion keys has most of a million, which takes its time. So which runs are going on is asked again before any go:
    a run of which a record has been read has begun, and is among them until it has ended.
    """
    stores, found, whole = session.admin.stores, _Forgotten(), list[_Whole]()
    ledger = stores.ledger
    async for held in ledger.scan(prefix, b""):
        record = held.record
        keys = record.table.keys if len(record.entries) else []
        beside = {key for key in keys if not key.startswith(prefix)}
        if keys and len(beside) == len(keys):
            continue
        smaller = without(record, lambda entry: entry.key.startswith(prefix)) if beside else None
        if smaller is None:
            whole.append((held, beside))
        elif record.run in await stores.runs.names_running():
            found.left += 1
        elif await ledger.merge(smaller, [held.version]):
            found.in_part += 1
            found.kept |= beside
        else:
            found.left += 1
        if len(whole) == _AT_ONCE:
            await _go(ledger, await _of_none(stores.runs, whole, found), found)
            whole = []
    await _go(ledger, await _of_none(stores.runs, whole, found), found)
    return found


async def _of_none(runs: RunStore, whole: Sequence[_Whole], found: _Forgotten) -> list[_Whole]:
    """Those of the records that are of no run which is going on."""
    running = await runs.names_running() if whole else frozenset[str]()
    ours = [one for one in whole if one[0].record.run not in running]
    found.left += len(whole) - len(ours)
    return ours


async def _go(ledger: LedgerStore, whole: Sequence[_Whole], found: _Forgotten) -> None:
    """Delete records; one that has moved keeps no other from it. With each, its keys beside the prefix."""
    if not whole:
        return
    gone = await ledger.merge(Merge([held.record for held, _ in whole], []), [held.version for held, _ in whole])
    if not gone and len(whole) > 1:
        for one in whole:
            await _go(ledger, [one], found)
        return
    for held, beside in whole:
        if gone:
            found.whole += 1
            found.unreadable += not held.record.readable
            found.lost |= beside
        else:
            found.left += 1
