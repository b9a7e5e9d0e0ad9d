"""Malformed messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class FakeRejected:
    documents: dict[str, list[str]] = field(default_factory=dict)

    async def note(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        self.documents.setdefault(message_id, list(problems))
