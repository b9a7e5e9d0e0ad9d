"""Dead letters: messages that no function could read, and those that Pub/Sub gave up on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cli.dead_letter import MALFORMED, MOST, UNDELIVERED, DeadLetter
from cli.exits import CommandError
from cli.output import Output, moment
from cli.session import Session
from shared.reporting.units import numbered

ADVICE = {
    MALFORMED: "send what was meant with the tool's commands, then `bucket-transfer drop --cause malformed`",
    UNDELIVERED: "the function's log says why it was refused; mend that, then `bucket-transfer redrive`",
}

_EXAMPLES = 3
_BODY = 200
"""Bytes of a dead letter that a line shows."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Dead letters as far as they were looked at. asked: whether they were to be. unknown: why they could not be."""

    found: Sequence[DeadLetter] = ()
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
                        "can_be_sent_again": letter.message() is not None,
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
    return Letters([letter for letter in found if not causes or letter.cause in causes])


async def send_letters(session: Session, causes: list[str] | None) -> tuple[int, str]:
    """How many dead letters went back to their topics, and why none could be looked at. A letter is taken away once its
    message is accepted: killed in between it is sent twice, which does no harm.
    """
    if causes and not ADVICE.keys() & set(causes):
        return 0, ""
    try:
        found = await session.dead_letters.look()
    except CommandError as refused:
        return 0, str(refused)
    topics = session.settings.topics
    sent = list[DeadLetter]()
    try:
        for letter in found:
            message = letter.message()
            if message is not None and (not causes or letter.cause in causes):
                await session.sender.send(topics[letter.topic], message)
                await session.dead_letters.take_away([letter])
                sent.append(letter)
    finally:
        await session.dead_letters.give_back([letter for letter in found if letter not in sent])
    return len(sent), ""
