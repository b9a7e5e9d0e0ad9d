"""Where messages go."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.messages import Message


class Queue(Protocol):
    """Where messages go."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Returns once every message is durably accepted."""
        ...

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        """Put a body that nobody can read on the dead-letter topic."""
        ...
