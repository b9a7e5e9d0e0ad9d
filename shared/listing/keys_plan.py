"""Single keys with what was found of each, so that any part of them can be counted."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.counts import Outcome, RangeCounts
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.listing.list_plan import ListPlan
from shared.ranges.walk import Row


@dataclass(frozen=True, slots=True)
class KeysPlan:
    """Single keys that were asked for. found: the plan for those that exist. failed: those that do not, or that may not
    be read, in order. end: the last of all.
    """

    found: ListPlan
    failed: Sequence[bytes]
    end: bytes

    @property
    def page(self) -> Page:
        return self.found.page

    @property
    def wanted(self) -> Sequence[int]:
        return self.found.wanted

    @property
    def queued_sizes(self) -> Mapping[bytes, int]:
        return self.found.queued_sizes

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def count(self, count: int, counts: RangeCounts) -> None:
        """Count the first `count` keys that exist, and those up to the last of them that do not as failed."""
        failed = len(self.failed)
        if count < len(self.page):
            failed = bisect_right(self.failed, self.page.keys[count - 1]) if count else 0
        if failed:
            counts.listed.add("listed", 0, failed)
            counts.outcomes.add(Outcome.FAILED, 0, failed)
        self.found.count(count, counts)

    def rows(self, count: int) -> Sequence[Row]:
        """None: a manifest is what a comparison writes."""
        return ()
