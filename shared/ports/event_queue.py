"""Where a bucket's events wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.events import ObjectEvent

MOST_MESSAGES = 10
"""Of one request:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message. handle: deletes it. others: how many of its events are about something else than an object.
    unreadable: why nothing can be made of it, "" if something can.
    """

    handle: str
    events: Sequence[ObjectEvent] = ()
    others: int = 0
    unreadable: str = ""


class EventQueue(Protocol):
    """A bucket's events. What is received and not deleted comes again, and in the end goes to the dead letters."""

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        """At most MOST_MESSAGES, as soon as there is one; none if none came in so many seconds."""
        ...

    async def delete(self, handles: Sequence[str]) -> int:
        """These were worked on; how many of them were refused, and will come again."""
        ...
