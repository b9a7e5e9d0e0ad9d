"""A page beside its copies with the verdict on each key, so that any part of it can be booked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.archive import Restore, kind
from shared.domain.comparison import Comparison
from shared.domain.copies import Pairs
from shared.domain.counts import Outcome, RangeCounts
from shared.domain.filters import Filter
from shared.domain.objects import Origin, SourceObject
from shared.domain.page import Page
from shared.domain.rollup import Rollup
from shared.reporting.manifest import Row, extra, rows

_OUTCOMES = {
    Comparison.SAME: Outcome.UNCHANGED,
    Comparison.UNSUPPORTED: Outcome.UNSUPPORTED,
    Comparison.ARCHIVED: Outcome.ARCHIVED,
    Comparison.IN_FLIGHT: Outcome.IN_FLIGHT,
}


@dataclass(frozen=True, slots=True)
class ComparePlan:
    """A page beside its copies, with the verdicts that are not simply "same", by index.

    covered: objects that a batch of this run has already. published: objects to copy again. by_etag: the same by
    their recorded ETag only, for want of an MD5. extras: the copies that belong to no object, by the keys they would
    have, and by their indexes. archived: what must be restored before it can be copied, by index.
    origins: what is remembered of the copies, for the manifest.
    """

    pairs: Pairs
    verdicts: dict[int, Comparison]
    filtered: dict[int, Filter]
    covered: frozenset[int]
    published: frozenset[int]
    by_etag: frozenset[int] = frozenset()
    extras: list[tuple[bytes, int]] = field(default_factory=list)
    archived: dict[int, Restore] = field(default_factory=dict)
    origins: Sequence[Origin | None] = ()

    @property
    def page(self) -> Page:
        return self.pairs.page

    @property
    def wanted(self) -> Sequence[int]:
        return sorted(self.published)

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def book(self, count: int, books: RangeCounts) -> None:
        """Book the first `count` objects, and the extras up to there."""
        sizes = self.page.sizes[:count]
        if count:
            books.listed.add("listed", sum(sizes), len(sizes))
        same, size = len(sizes), sum(sizes)
        for index in [*self.verdicts, *self.filtered, *self.covered]:
            if index < count:
                same, size = same - 1, size - sizes[index]
        for index, verdict in self.verdicts.items():
            if index < count:
                books.verdicts.add(verdict, sizes[index])
                if index not in self.published:
                    books.outcomes.add(_OUTCOMES.get(verdict, Outcome.FAILED), sizes[index])
        for index, reason in self.filtered.items():
            if index < count:
                books.outcomes.add(Outcome.FILTERED, sizes[index])
                books.filters.add(reason, sizes[index])
        if same:
            books.verdicts.add(Comparison.SAME, size, same)
            books.outcomes.add(Outcome.UNCHANGED, size, same)
        for key, index in self.extras:
            if self._passed(key, count):
                book_extra(books, key, self.pairs.copies.sizes[index])
        self._sum_up(count, books.sums)

    def rows(self, count: int) -> list[Row]:
        """The manifest's rows of the first `count` objects, and of the extras up to there."""
        told = {
            **self.verdicts,
            **dict.fromkeys(self.filtered, Outcome.FILTERED),
            **dict.fromkeys(self.covered, Comparison.IN_FLIGHT),
        }
        extras = [extra(self.pairs.copies[index]) for key, index in self.extras if self._passed(key, count)]
        return rows(self.pairs, count, told, self.origins or [None] * count) + extras

    def _passed(self, key: bytes, count: int) -> bool:
        return count == len(self.page) or (count > 0 and key <= self.page.keys[count - 1])

    def _sum_up(self, count: int, sums: Rollup) -> None:
        for index, restore in self.archived.items():
            if index < count:
                sums.add_archived(kind(self.page.storage_classes[index], restore), 1, self.page.sizes[index])
        sums.sizes.update(map(int.bit_length, self.page.sizes[:count]))
        known = self.verdicts.keys() | self.filtered.keys() | self.covered | self.by_etag
        sums.proofs["md5"] += count - sum(index < count for index in known)
        sums.proofs["etag"] += sum(index < count for index in self.by_etag)
        copied = self.pairs.copied_bytes()
        wrong = [index for index, verdict in self.verdicts.items() if verdict.repairable]
        for amount, start, end in sums.stretches(self.page.keys[:count]):
            there = [size for size in copied[start:end] if size is not None]
            amount.s3_count += end - start
            amount.s3_bytes += sum(self.page.sizes[start:end])
            amount.gcs_count += len(there)
            amount.gcs_bytes += sum(there)
            amount.wrong += sum(start <= index < end for index in wrong)


def book_extra(books: RangeCounts, key: bytes, size: int) -> None:
    """Book a copy that belongs to no object, by the key it would have."""
    books.verdicts.add(Comparison.EXTRA, size)
    amount = books.sums.of(books.sums.folder(key))
    amount.extra += 1
    amount.gcs_count += 1
    amount.gcs_bytes += size
