"""Dead letters: messages that no function could read, and those that Pub/Sub gave up on."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from cli.dead_letter import MALFORMED, MOST, UNDELIVERED, DeadLetter
from cli.exits import CommandError
from cli.output import Output, moment
from cli.session import Session
from shared.domain.messages import ListMessage, Message, RangeMessage
from shared.domain.runs import RunState
from shared.domain.text import numbered

ADVICE = {
    MALFORMED: "send what was meant with the tool's commands, then `bucket-transfer drop --cause malformed`",
    UNDELIVERED: "the function's log says why it was refused; mend that, then `bucket-transfer redrive`",
}

_LEFT = {
    MALFORMED: ADVICE[MALFORMED],
    UNDELIVERED: "`bucket-transfer failures` shows what it says, `bucket-transfer drop --cause undelivered` deletes it",
}
"""What to do about those that nothing can be sent for."""

_EXAMPLES = 3
_BODY = 200
"""Bytes of a dead letter that a line shows."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Dead letters as far as they were looked at. takeable: ids of those that a function can take. asked: whether they
    were to be looked at. unknown: why they could not be.
    """

    found: Sequence[DeadLetter] = ()
    takeable: Set[str] = frozenset()
    asked: bool = True
    unknown: str = ""

    def by_cause(self) -> dict[str, list[DeadLetter]]:
        found: dict[str, list[DeadLetter]] = {}
        for letter in self.found:
            found.setdefault(letter.cause, []).append(letter)
        return found

    def document(self, every: bool) -> list[dict[str, Any]] | None:
        """None where it is not known whether there are any."""
        if self.unknown or not self.asked:
            return None
        return [
            {
                "cause": name,
                "letters": len(letters),
                "more": len(self.found) >= MOST,
                "advice": ADVICE[name],
                "all" if every else "examples": [
                    {
                        "message": letter.message_id,
                        "topic": letter.topic,
                        "reason": letter.reason,
                        "can_be_sent_again": letter.message_id in self.takeable,
                        "at": moment(letter.at),
                        "body": letter.data.decode(errors="backslashreplace"),
                    }
                    for letter in (letters if every else letters[:_EXAMPLES])
                ],
            }
            for name, letters in self.by_cause().items()
        ]

    def show(self, output: Output, every: bool) -> None:
        if self.unknown:
            output.line(f"whether there are dead letters is not known here: {self.unknown}", style="yellow")
        for name, letters in self.by_cause().items():
            more = "or more " if len(self.found) >= MOST else ""
            output.line(f"{name}: {numbered(len(letters), f'{more}dead letter')}")
            output.line(f"  what to do: {ADVICE[name]}")
            for letter in letters if every else letters[:_EXAMPLES]:
                body = letter.data[:_BODY].decode(errors="backslashreplace")
                output.line(f"  {letter.topic or 'unknown topic'} {letter.message_id}: {body}  {letter.reason}")
            if not every and len(letters) > _EXAMPLES:
                output.line(f"  … and {len(letters) - _EXAMPLES:,} more (--all)")


NO_LETTERS = Letters(asked=False)


async def letters_of(session: Session, causes: list[str] | None) -> Letters:
    """Dead letters of some causes, or all; they are given back at once."""
    try:
        found = await session.dead_letters.look()
    except CommandError as refused:
        return Letters(unknown=str(refused))
    await session.dead_letters.give_back(found)
    meant = [letter for letter in found if not causes or letter.cause in causes]
    messages = await takeable(session, meant)
    return Letters(meant, messages.keys())


async def takeable(session: Session, letters: Sequence[DeadLetter]) -> dict[str, Message]:
    """The messages of the letters that a function can take now, by the letters' ids. It takes none that it cannot read,
    that names keys outside the job, or that is of a range of a run that has ended or is not on record: that would come
    back as malformed, or be without effect. A batch is copied, whatever became of its run.
    """
    runs, root, found = dict[str, bool](), session.config.root, dict[str, Message]()
    for letter in letters:
        message = letter.message()
        if isinstance(message, RangeMessage):
            run = message.run
            if run is not None and run not in runs:
                record = await session.admin.stores.runs.record(run)
                runs[run] = record is not None and record.state is RunState.RUNNING
            keys = message.keys if isinstance(message, ListMessage) else ()
            inside = all(key.startswith(root) for key in (message.prefix or root, *keys))
            if not inside or (run is not None and not runs[run]):
                continue
        if message is not None:
            found[letter.message_id] = message
    return found


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of the dead letters that were asked for. sent: went back to their topics. left: no function can take
    them, so they would only come again; by cause. unknown: why none could be looked at.
    """

    sent: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""

    def document(self) -> dict[str, Any]:
        """letters: None where it is not known whether there are any."""
        return {"letters": None if self.unknown else self.sent, "letters_left": dict(self.left)}

    def sentences(self) -> list[str]:
        """About those that were not sent."""
        found = [self.unknown] if self.unknown else []
        for cause, letters in self.left.items():
            which = numbered(letters, f"{cause} dead letter is", f"{cause} dead letters are")
            useless = f"as no function can take {'it' if letters == 1 else 'them'}"
            found.append(f"{which} left, {useless}: {_LEFT[cause]}")
        return found


async def send_letters(session: Session, causes: list[str] | None) -> Redriven:
    """Send the dead letters that a function can take back to their topics. A letter is taken away once its message is
    accepted: killed in between it is sent twice, which does no harm.
    """
    if causes and not ADVICE.keys() & set(causes):
        return Redriven()
    try:
        found = await session.dead_letters.look()
    except CommandError as refused:
        return Redriven(unknown=str(refused))
    topics = session.settings.topics
    sent, left = list[DeadLetter](), Counter[str]()
    try:
        meant = [letter for letter in found if not causes or letter.cause in causes]
        messages = await takeable(session, meant)
        for letter in meant:
            message = messages.get(letter.message_id)
            if message is None:
                left[letter.cause] += 1
                continue
            await session.sender.send(topics[letter.topic], message)
            await session.dead_letters.take_away([letter])
            sent.append(letter)
    finally:
        await session.dead_letters.give_back([letter for letter in found if letter not in sent])
    return Redriven(len(sent), left)
