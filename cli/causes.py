"""Keys that were not copied, by cause, and the causes that may be named."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from cli.dead_letters import ADVICE, letters_of
from cli.exits import CommandError, Exit
from cli.ledger import that_ended
from cli.output import moment
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.keys import Key
from shared.domain.reasons import Reason, advice_for, passes_by_itself
from shared.ledger.levels import run_of
from shared.ledger.window import Known

EXAMPLES = 3
"""Keys of a cause that are named where not all are asked for."""

OUTCOMES = (Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.ARCHIVED)

_NAMES = frozenset({*map(str, Reason), str(Outcome.UNSUPPORTED), str(Outcome.ARCHIVED), *ADVICE})
"""Causes that may be on record: of docs/errors.md, and those of dead letters."""


@dataclass(slots=True)
class Cause:
    """Keys that ended for one reason. reason: of the first of them, as it is recorded. known: the keys, or the first of
    them.
    """

    name: str
    outcome: Outcome
    reason: str
    keys: int = 0
    bytes: int = 0
    known: list[Known] = field(default_factory=list)

    @property
    def advice(self) -> str:
        return advice_for(self.reason) or advice_for(self.outcome.value)

    def document(self, every: bool) -> dict[str, Any]:
        return {
            "cause": self.name,
            "outcome": self.outcome.value,
            "keys": self.keys,
            "bytes": self.bytes,
            "tried_by_the_next_run": self.outcome is Outcome.FAILED and passes_by_itself(self.reason),
            "advice": self.advice,
            "all" if every else "examples": [
                {
                    "key": known.entry.key.decode(),
                    "bytes": known.entry.size,
                    "reason": known.entry.reason,
                    "run": run_of(known.run),
                    "at": moment(known.published_at),
                }
                for known in self.known
            ],
        }


Causes = Annotated[
    list[str] | None,
    typer.Option("--cause", "--reason", metavar="CAUSE", help="Only these, as `failures` names them. Repeatable."),
]
Prefix = Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")]


async def causes_of(
    session: Session,
    prefix: Key,
    wanted: list[str] | None,
    outcomes: Collection[Outcome],
    most: int | None = None,
) -> list[Cause]:
    """The most frequent first. most: keys of each that are held, None for all; of three billion, one in a hundred would
    be some twenty gigabytes.
    """
    found: dict[tuple[str, str], Cause] = {}
    async for known in that_ended(session, prefix, outcomes):
        entry = known.entry
        outcome = entry.outcome or Outcome.FAILED
        name = entry.reason.partition(":")[0] if outcome is Outcome.FAILED else outcome.value
        if wanted and name not in wanted:
            continue
        cause = found.setdefault((outcome, name), Cause(name, outcome, entry.reason))
        cause.keys += 1
        cause.bytes += entry.size
        if most is None or len(cause.known) < most:
            cause.known.append(known)
    return sorted(found.values(), key=lambda cause: -cause.keys)


async def known(session: Session, prefix: Key, causes: Sequence[str]) -> None:
    """Raises CommandError, which names the causes on record, if one is neither among these nor in docs/errors.md."""
    unknown = [cause for cause in causes if cause not in _NAMES]
    if not unknown:
        return
    there = {cause.name for cause in await causes_of(session, prefix, None, OUTCOMES, most=0)}
    unknown = [cause for cause in unknown if cause not in there]
    if unknown:
        there |= (await letters_of(session, None)).by_cause().keys()
        on_record = f"on record are: {', '.join(sorted(there))}" if there else "none is on record"
        raise CommandError(f"no cause is called {' or '.join(map(repr, unknown))}; {on_record}", Exit.USAGE)
