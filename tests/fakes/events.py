"""The queue of the source's events: what is received is hidden for a while, and comes again unless it is deleted."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.events import ObjectEvent
from shared.ports.event_queue import MOST_MESSAGES, EventMessage
from tests.fakes.clock import FakeClock

HIDDEN_SECONDS = 60.0


@dataclass
class FakeEvents:
    """messages: by handle, with the time until which each is hidden. receives, deletes: requests so far."""

    clock: FakeClock = field(default_factory=FakeClock)
    messages: dict[str, tuple[EventMessage, float]] = field(default_factory=dict)
    receives: int = 0
    deletes: int = 0
    sent: int = 0

    def send(self, *events: ObjectEvent, others: int = 0, unreadable: str = "") -> str:
        """The message's handle."""
        self.sent += 1
        handle = f"h{self.sent}"
        self.messages[handle] = EventMessage(handle, events, others, unreadable), 0.0
        return handle

    def hand_out(self, most: int = MOST_MESSAGES) -> list[EventMessage]:
        """What is not hidden, and is from now on."""
        now = self.clock.now()
        found = [message for message, hidden in self.messages.values() if hidden <= now][:most]
        for message in found:
            self.messages[message.handle] = message, now + HIDDEN_SECONDS
        return found

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        self.receives += 1
        await asyncio.sleep(0)
        found = self.hand_out()
        if not found:
            await self.clock.sleep(wait_seconds)
        return found

    async def delete(self, handles: Sequence[str]) -> int:
        self.deletes += 1
        return sum(self.messages.pop(handle, None) is None for handle in handles)
