"""What lister and verifier do with a range, step by step; `RangeWork` takes the steps."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from shared.domain.page import Page
from shared.ranges.ledger_scan import Advanced
from shared.ranges.walk import Plan, Row


class Manifest(Protocol):
    """Where the rows of counted keys go."""

    def add(self, rows: Sequence[Row]) -> None: ...

    async def write_full(self) -> None:
        """Write the file if it is full."""
        ...

    async def write(self) -> None:
        """Write what there is."""
        ...


class Steps(Protocol):
    """One invocation's steps through its range. manifest: None if none is written."""

    @property
    def manifest(self) -> Manifest | None: ...

    def advance(self, page: Page, end: bytes) -> AsyncIterator[Advanced]:
        """Read the ledger up to `end`, step by step: what an invocation that was killed recorded, but may not have
        sent, and how far the page can be planned. page: all that the source has up to `end`.
        """
        ...

    def until(self, page: Page, end: bytes, over: bool) -> AsyncIterator[Plan]:
        """Plans for the page up to `end` alone, which the ledger was read to. None yet where this is better planned
        with the rest of the page, unless the budget is over.
        """
        ...

    def page(self, page: Page) -> AsyncIterator[Plan]:
        """Plans for a page of the source and what lies beside it, in key order."""
        ...

    def tail(self, end: bytes | None) -> AsyncIterator[Plan]:
        """Plans for what lies between the source's last object and the range's end, None for the prefix's."""
        ...

    def read_queued(self, end: bytes) -> AsyncIterator[Advanced]:
        """Read the ledger on to `end`, step by step, for the batches of this run only: nothing more is planned."""
        ...

    def queued(self, behind: Mapping[bytes, int], end: bytes) -> Plan:
        """A plan of what batches of this run have up to `end`, and of nothing else. behind: of these, those that plans
        had which were not counted.
        """
        ...

    async def close(self, end: bytes) -> None:
        """All up to `end` is planned and published."""
        ...
