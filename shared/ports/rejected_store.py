"""Malformed messages, counted."""

from collections.abc import Sequence
from typing import Protocol


class RejectedStore(Protocol):
    """The malformed messages of one job."""

    async def note(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        """Count a malformed message; the same delivery is counted once."""
        ...
