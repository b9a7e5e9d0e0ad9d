"""A page with the decision on each of its keys, so that any part of it can be counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.counts import Outcome, RangeCounts
from shared.domain.filters import Filter
from shared.domain.missed import Change
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.listing.decision import Decision
from shared.ranges.queued import count_queued
from shared.ranges.walk import Row


@dataclass(frozen=True, slots=True)
class ListPlan:
    """decisions: by index, of the keys that are not simply unchanged. filtered: what left a key out, by index.
    reasons: why the remembered failures failed, by index. end: the page is all that the source has up to this key.
    queued_sizes: the bytes of what a batch of this run has already, as they were listed for it. It was published by an
    invocation that was killed before it counted, and may have changed at the source since, or be gone from it: its
    batch will say how it ended, so it must have been listed once. changes: what events had told of the new and changed
    keys, by index; it goes into their batches' records, so that it is counted once, whoever is killed.
    """

    page: Page
    decisions: Mapping[int, Decision]
    filtered: Mapping[int, Filter]
    reasons: Mapping[int, str]
    end: bytes
    queued_sizes: Mapping[bytes, int] = field(default_factory=dict)
    changes: Mapping[int, Change] = field(default_factory=dict)

    @property
    def wanted(self) -> Sequence[int]:
        """The indexes of the objects to publish."""
        return [index for index, decision in self.decisions.items() if decision is Decision.PUBLISH]

    def object(self, index: int) -> SourceObject:
        change = self.changes.get(index)
        return self.page[index] if change is None else replace(self.page[index], change=change)

    def count(self, count: int, counts: RangeCounts) -> None:
        """Count the page's first `count` keys: all as listed, and those that ended here with their outcomes."""
        sizes = self.page.sizes[:count]
        unchanged, size = len(sizes), sum(sizes)
        if count:
            counts.listed.add("listed", size, unchanged)
        if self.queued_sizes:
            count_queued(self.page, self.queued_sizes, count, counts)
        for index, decision in self.decisions.items():
            if index >= count:
                continue
            unchanged, size = unchanged - 1, size - sizes[index]
            if decision not in (Decision.PUBLISH, Decision.QUEUED):
                counts.outcomes.add(decision, sizes[index])
            if decision is Decision.FAILED:
                counts.sums.differs(self.page.keys[index], sizes[index], self.reasons.get(index, Outcome.FAILED))
        for index, reason in self.filtered.items():
            if index < count:
                unchanged, size = unchanged - 1, size - sizes[index]
                counts.outcomes.add(Outcome.FILTERED, sizes[index])
                counts.filters.add(reason, sizes[index])
        if unchanged:
            counts.outcomes.add(Outcome.UNCHANGED, size, unchanged)

    def rows(self, count: int) -> Sequence[Row]:
        """None: a manifest is what a comparison writes."""
        return ()
