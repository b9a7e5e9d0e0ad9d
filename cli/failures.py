"""`failures` and `redrive`: keys that were not copied and dead letters, by cause, and another try for them."""

from dataclasses import replace
from typing import Annotated

import typer

from cli import sending
from cli.causes import EXAMPLES, OUTCOMES, Causes, Prefix, causes_of, known
from cli.command import command
from cli.dead_letters import NO_LETTERS, Redriven, letters_of, send_letters
from cli.exits import Exit
from cli.output import Answer, Output, size
from cli.reasons import without_advice
from cli.scope import typed
from cli.sending import Wait
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.messages import MOST_KEYS, ListMessage
from shared.domain.text import numbered


def register(app: typer.Typer) -> None:
    command(app, "failures", ("failures", "failures photos/ --cause forbidden --all --json"))(failures)
    command(app, "redrive", ("redrive --cause kms_denied --wait", "redrive photos/"))(redrive)


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
    wanted = typed(session, prefix)
    await known(session, wanted, cause or ())
    causes = await causes_of(session, wanted, cause, OUTCOMES, most=None if every else EXAMPLES)
    letters = await letters_of(session, cause) if not prefix else NO_LETTERS
    document = {
        "prefix": prefix,
        "keys": sum(item.keys for item in causes),
        "causes": [item.document(every) for item in causes],
        "dead_letters": letters.document(every),
    }

    def show(output: Output) -> None:
        if not causes:
            output.line(f"no key of {prefix!r} is known" if prefix else "no key is known", "that was not copied")
        for item in causes:
            again = ", tried by the next run again" if item.document(False)["tried_by_the_next_run"] else ""
            output.line(f"{item.name}: {numbered(item.keys, 'key')}, {size(item.bytes)} ({item.outcome.value}{again})")
            if item.advice:
                output.line(f"  what to do: {item.advice}")
            for found in item.known:
                output.line(f"  {found.entry.key.decode()}  {without_advice(found.entry.reason)}")
            if item.keys > len(item.known):
                output.line(f"  … and {item.keys - len(item.known):,} more (--all)")

        letters.show(output, every)

    return Answer(document, show, Exit.NOT_SO if causes or letters.found else Exit.DONE)


_MANY = MOST_KEYS
"""Keys above which a run of their prefix is the better way: more than one message, so more than one run."""


async def redrive(session: Session, prefix: Prefix = "", cause: Causes = None, wait: Wait = False) -> Answer:
    """Try failed keys again, all of them or those of some causes, once what kept them is mended; dead letters, too.

    Keys go out by name, so nothing is listed: a run for every 1,000, and a message and two writes of Firestore's for
    each key. Of more than 1,000 keys it is faster and cheaper to `run PREFIX`, which tries all of a prefix that have
    failed in batches, and you are told so. Dead letters that a function can take go back to the topic that they came
    from, where no PREFIX is named; the others stay, you are told how many, and the exit status is 3. While the job is
    paused nothing is sent, and the exit status is 3.
    """
    wanted = typed(session, prefix)
    await known(session, wanted, cause or ())
    kept = await sending.may_send(session)
    if kept is not None:
        return kept
    causes = await causes_of(session, wanted, cause, OUTCOMES if cause else (Outcome.FAILED,))
    keys = sorted(failed.entry.key for item in causes for failed in item.known)
    letters = await send_letters(session, cause) if not prefix else Redriven()
    if not keys:
        nothing = "no key has failed" + (f" for {', '.join(cause)}" if cause else "")
        again = numbered(letters.sent, "dead letter was", "dead letters were")
        text = f"{nothing}; {again} sent again" if letters.sent else f"{nothing}: nothing was sent"
        why = {} if letters.sent else {"why": "nothing could be sent" if letters.left else "nothing failed"}
        document = {"sent": letters.sent > 0, "keys": 0, **letters.document(), **why}
        return _beside_letters(Answer(document, lambda output: output.line(text)), letters)
    if len(keys) > _MANY:
        session.output.aside(
            f"{len(keys):,} keys are as many messages and batches, in {-(-len(keys) // MOST_KEYS):,} runs; "
            "`bucket-transfer run PREFIX` tries all that have failed below a prefix, in few batches"
        )
    portions = (tuple(keys[start : start + MOST_KEYS]) for start in range(0, len(keys), MOST_KEYS))
    sent = await sending.send(session, session.config.list_topic, [ListMessage(keys=some) for some in portions])
    again = f" and {numbered(letters.sent, 'dead letter')}" if letters.sent else ""
    answer = await sending.answer(session, sent, wait, f"{numbered(len(keys), 'failed key')}{again}")
    answer.document.update(keys=len(keys), **letters.document())
    return _beside_letters(answer, letters)


def _beside_letters(answer: Answer, letters: Redriven) -> Answer:
    """The answer, with what is to be said of dead letters that were not sent. That some are left is no yes."""

    def show(output: Output) -> None:
        answer.show(output)
        for sentence in letters.sentences():
            output.line(sentence, style="yellow")

    return replace(answer, show=show, status=Exit.NOT_SO if letters.left else answer.status)
