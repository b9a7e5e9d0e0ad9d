"""A queue that keeps what is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.messages import Message, decode


@dataclass
class FakeQueue:
    sent: list[tuple[str, Message]] = field(default_factory=list)
    rejected: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Every message goes over the wire and back."""
        self.sent.extend((topic, decode(type(message), message.encode())) for message in messages)

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        self.rejected.append((data, attributes))
