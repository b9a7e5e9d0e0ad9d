"""What is known of prefixes."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakePrefixes:
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def get(self, prefix: str) -> dict[str, Any]:
        return dict(self.documents.get(prefix, {}))

    async def note(self, prefix: str, fields: dict[str, object]) -> None:
        held = self.documents.setdefault(prefix, {})
        for name, value in fields.items():
            held[name] = {**held.get(name, {}), **value} if isinstance(value, dict) else value
