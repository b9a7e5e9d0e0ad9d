"""What a dead letter is, and where such letters wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.errors import MalformedMessage
from shared.domain.messages import ListMessage, Message, TransferMessage, VerifyMessage, decode

MALFORMED, UNDELIVERED = "malformed", "undelivered"

MOST = 1_000
"""Dead letters that are looked at: Pub/Sub hands out no more a request."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """topic: where it came from, by its role (list, transfer, verify), "" where nothing says so. reason: what a
    function found wrong in it, "" for one that Pub/Sub gave up on after its last delivery. at: epoch seconds. handle:
    by which it is taken away.
    """

    message_id: str
    data: bytes
    topic: str
    reason: str
    at: float
    handle: str = ""

    @property
    def cause(self) -> str:
        return MALFORMED if self.reason else UNDELIVERED

    def message(self) -> Message | None:
        """What can be sent again, None if no function could read it."""
        models: dict[str, type[Message]] = {
            "list": ListMessage,
            "transfer": TransferMessage,
            "first": TransferMessage,
            "verify": VerifyMessage,
        }
        try:
            return decode(models[self.topic], self.data) if self.topic in models else None
        except MalformedMessage:
            return None


class DeadLetters(Protocol):
    """Where dead letters wait for somebody."""

    async def look(self) -> Sequence[DeadLetter]:
        """Some of them, at the most MOST, in no order; all are held for the one who looks until they are taken away or
        given back. Raises CommandError if they cannot be looked at.
        """
        ...

    async def take_away(self, letters: Iterable[DeadLetter]) -> None:
        """For good."""
        ...

    async def give_back(self, letters: Iterable[DeadLetter]) -> None:
        """For whoever looks next."""
        ...
