"""Destination-only objects, and since when comparisons have found them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared.domain.extraneous import DestinationOnly

PORTION = 32
"""Marks that are looked at between two looks at the clock."""


class ExtraStore(Protocol):
    """The destination-only objects of one job."""

    async def mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        """Record that a run found destination-only objects; since when is kept as long as a copy's generation is."""
        ...

    def marked(self, run: str, before: float) -> AsyncIterator[Sequence[DestinationOnly]]:
        """The objects that a run found and that were marked before a time: of each `PORTION` of its marks those of
        them, perhaps none, so that who has no time for millions of young ones can stop.
        """
        ...

    async def keep_only(self, run: str) -> None:
        """Forget every copy that a run, which has compared the whole job to its end, did not find."""
        ...

    async def unmark(self, extra: DestinationOnly) -> None:
        """Forget an object; one of another generation by the same name stays marked."""
        ...
