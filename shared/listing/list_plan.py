"""A page with the decision on each of its keys, so that any part of it can be booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.counts import Outcome, RangeCounts
from shared.domain.filters import Filter
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.listing.decision import Decision


@dataclass(frozen=True, slots=True)
class ListPlan:
    """decisions: by index, of the keys that are not simply unchanged. filtered: what left a key out, by index."""

    page: Page
    decisions: Mapping[int, Decision]
    filtered: Mapping[int, Filter] = field(default_factory=dict)

    @property
    def wanted(self) -> Sequence[int]:
        """The indexes of the objects to publish."""
        return [index for index, decision in self.decisions.items() if decision is Decision.PUBLISH]

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def book(self, count: int, books: RangeCounts) -> None:
        """Book the page's first `count` keys: all as listed, and those that ended here with their outcomes."""
        sizes = self.page.sizes[:count]
        unchanged, size = len(sizes), sum(sizes)
        if count:
            books.listed.add("listed", size, unchanged)
        for index, decision in self.decisions.items():
            if index >= count:
                continue
            unchanged, size = unchanged - 1, size - sizes[index]
            if decision not in (Decision.PUBLISH, Decision.COVERED):
                books.outcomes.add(decision, sizes[index])
        for index, reason in self.filtered.items():
            if index < count:
                unchanged, size = unchanged - 1, size - sizes[index]
                books.outcomes.add(Outcome.FILTERED, sizes[index])
                books.filters.add(reason, sizes[index])
        if unchanged:
            books.outcomes.add(Outcome.UNCHANGED, size, unchanged)
