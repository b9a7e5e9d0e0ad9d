"""`failures` and `redrive`: keys that were not copied and dead letters, by cause, and another try for them."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from cli import sending
from cli.command import command
from cli.dead_letters import NO_LETTERS, Redriven, letters_of, send_letters
from cli.exits import Exit
from cli.ledger import that_ended
from cli.output import Answer, Output, moment, size
from cli.reasons import without_advice
from cli.scope import typed
from cli.sending import Wait
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.keys import Key
from shared.domain.messages import MOST_KEYS, ListMessage
from shared.domain.reasons import advice_for, passes_by_itself
from shared.ledger.levels import run_of
from shared.ledger.window import Known
from shared.reporting.units import numbered

_EXAMPLES = 3
OUTCOMES = (Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.ARCHIVED)


def register(app: typer.Typer) -> None:
    command(app, "failures", ("failures", "failures photos/ --cause forbidden --all --json"))(failures)
    command(app, "redrive", ("redrive --cause kms_denied --wait", "redrive photos/"))(redrive)


@dataclass(slots=True)
class Cause:
    """Keys that ended for one reason. reason: of the first of them, as it is recorded."""

    name: str
    outcome: Outcome
    reason: str
    bytes: int = 0
    known: list[Known] = field(default_factory=list)

    @property
    def advice(self) -> str:
        return advice_for(self.reason) or advice_for(self.outcome.value)

    def document(self, every: bool) -> dict[str, Any]:
        shown = self.known if every else self.known[:_EXAMPLES]
        return {
            "cause": self.name,
            "outcome": self.outcome.value,
            "keys": len(self.known),
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
                for known in shown
            ],
        }


Causes = Annotated[
    list[str] | None,
    typer.Option("--cause", "--reason", metavar="CAUSE", help="Only these, as `failures` names them. Repeatable."),
]
Prefix = Annotated[str, typer.Argument(metavar="[PREFIX]", help="Only keys that begin so; else the job.")]


async def causes_of(
    session: Session, prefix: Key, wanted: list[str] | None, outcomes: Collection[Outcome]
) -> list[Cause]:
    """The most frequent first."""
    found: dict[tuple[str, str], Cause] = {}
    async for known in that_ended(session, prefix, outcomes):
        entry = known.entry
        outcome = entry.outcome or Outcome.FAILED
        name = entry.reason.partition(":")[0] if outcome is Outcome.FAILED else outcome.value
        if wanted and name not in wanted:
            continue
        cause = found.setdefault((outcome, name), Cause(name, outcome, entry.reason))
        cause.bytes += entry.size
        cause.known.append(known)
    return sorted(found.values(), key=lambda cause: -len(cause.known))


async def failures(
    session: Session,
    prefix: Prefix = "",
    cause: Causes = None,
    every: Annotated[bool, typer.Option("--all", help="Name every key, and not a few of each cause.")] = False,
) -> Answer:
    """The keys that the ledger knows as failed, unsupported or archived, and dead letters, by cause, with what to do.

    Reads the ledger's records of the prefix: one document for some thousand keys. Dead letters belong to no prefix, and
    are looked at where none is named. The exit status is 3 if there are any of either. Not here are what the ledger
    does not keep: archived objects that a listing shows (a run's counts have them), and keys that were named and do not
    exist at the source (the log names them).
    """
    causes = await causes_of(session, typed(session, prefix), cause, OUTCOMES)
    letters = await letters_of(session, cause) if not prefix else NO_LETTERS
    document = {
        "prefix": prefix,
        "keys": sum(len(item.known) for item in causes),
        "causes": [item.document(every) for item in causes],
        "dead_letters": letters.document(every),
    }

    def show(output: Output) -> None:
        if not causes:
            output.line(f"no key of {prefix!r} is known" if prefix else "no key is known", "that was not copied")
        for item in causes:
            again = ", tried by the next run again" if item.document(False)["tried_by_the_next_run"] else ""
            output.line(
                f"{item.name}: {numbered(len(item.known), 'key')}, {size(item.bytes)} ({item.outcome.value}{again})"
            )
            if item.advice:
                output.line(f"  what to do: {item.advice}")
            for known in item.known if every else item.known[:_EXAMPLES]:
                output.line(f"  {known.entry.key.decode()}  {without_advice(known.entry.reason)}")
            if not every and len(item.known) > _EXAMPLES:
                output.line(f"  … and {len(item.known) - _EXAMPLES:,} more (--all)")

        letters.show(output, every)

    return Answer(document, show, Exit.NOT_SO if causes or letters.found else Exit.DONE)


async def redrive(session: Session, prefix: Prefix = "", cause: Causes = None, wait: Wait = False) -> Answer:
    """Try failed keys again, all of them or those of some causes, once what kept them is mended; dead letters, too.

    Keys go out by name, so nothing is listed. Dead letters that a function can read go back to the topic that they came
    from, where no PREFIX is named; the others stay, and you are told how many. While the job is paused nothing is
    sent, and the exit status is 3.
    """
    kept = await sending.may_send(session)
    if kept is not None:
        return kept
    causes = await causes_of(session, typed(session, prefix), cause, OUTCOMES if cause else (Outcome.FAILED,))
    keys = sorted(known.entry.key for item in causes for known in item.known)
    letters = await send_letters(session, cause) if not prefix else Redriven()
    if not keys:
        nothing = "no key has failed" + (f" for {', '.join(cause)}" if cause else "")
        again = numbered(letters.sent, "dead letter was", "dead letters were")
        text = f"{nothing}; {again} sent again" if letters.sent else f"{nothing}: nothing was sent"
        why = {} if letters.sent else {"why": "nothing could be sent" if letters.left else "nothing failed"}
        document = {"sent": letters.sent > 0, "keys": 0, **letters.document(), **why}
        return _beside_letters(Answer(document, lambda output: output.line(text)), letters)
    portions = (tuple(keys[start : start + MOST_KEYS]) for start in range(0, len(keys), MOST_KEYS))
    sent = await sending.send(session, session.config.list_topic, [ListMessage(keys=some) for some in portions])
    again = f" and {numbered(letters.sent, 'dead letter')}" if letters.sent else ""
    answer = await sending.answer(session, sent, wait, f"{numbered(len(keys), 'failed key')}{again}")
    answer.document.update(keys=len(keys), **letters.document())
    return _beside_letters(answer, letters)


def _beside_letters(answer: Answer, letters: Redriven) -> Answer:
    """The answer, with what is to be said of dead letters that were not sent."""

    def show(output: Output) -> None:
        answer.show(output)
        for sentence in letters.sentences():
            output.line(sentence, style="yellow")

    return replace(answer, show=show)
