"""Destination-only objects."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.domain.extraneous import DestinationOnly
from shared.ports.extra_store import PORTION


@dataclass
class FakeExtras:
    documents: dict[bytes, tuple[DestinationOnly, str, float]] = field(default_factory=dict)

    async def mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        for extra in extras:
            known = self.documents.get(extra.name)
            since = known[2] if known is not None and known[0].generation == extra.generation else now
            self.documents[extra.name] = extra, run, since

    async def marked(self, run: str, before: float) -> AsyncIterator[list[DestinationOnly]]:
        of_run = [(extra, since) for extra, last, since in self.documents.values() if last == run]
        for start in range(0, len(of_run) + 1, PORTION):
            yield [extra for extra, since in of_run[start : start + PORTION] if since <= before]

    async def keep_only(self, run: str) -> None:
        self.documents = {name: mark for name, mark in self.documents.items() if mark[1] == run}

    async def unmark(self, extra: DestinationOnly) -> None:
        known = self.documents.get(extra.name)
        if known is not None and known[0].generation == extra.generation:
            del self.documents[extra.name]
