"""What is known of prefixes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakePrefixes:
    documents: dict[bytes, dict[str, Any]] = field(default_factory=dict)

    async def get(self, prefix: bytes) -> dict[str, Any]:
        return dict(self.documents.get(prefix, {}))

    async def update(self, prefix: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        fields = change(await self.get(prefix))
        held = self.documents.setdefault(prefix, {}) if fields else self.documents.get(prefix, {})
        for name, value in fields.items():
            held[name] = {**held.get(name, {}), **value} if isinstance(value, dict) else value
        return dict(held)
