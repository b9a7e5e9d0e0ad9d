"""Destination-only objects, and since when comparisons have found them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared.domain.extraneous import DestinationOnly


class ExtraStore(Protocol):
    """The destination-only objects of one job."""

    async def mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        """Remember that a run found copies of no object; since when is kept as long as a copy's generation is."""
        ...

    def marked(self, run: str, before: float) -> AsyncIterator[DestinationOnly]:
        """The copies that a run found and that were marked before a time."""
        ...

    async def unmark(self, extra: DestinationOnly) -> None:
        """Forget a copy; one of another generation by the same name stays marked."""
        ...
