"""A page beside its copies with the verdict on each key, so that any part of it can be counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.archive import Restore, kind
from shared.domain.comparison import Comparison
from shared.domain.copies import NO_COPIES, Pairs
from shared.domain.counts import Outcome, RangeCounts
from shared.domain.filters import Filter
from shared.domain.objects import Origin, SourceObject
from shared.domain.page import NO_OBJECTS, Page
from shared.domain.rollup import Rollup
from shared.ranges.queued import count_queued
from shared.reporting.manifest import Row, extra, rows

_OUTCOMES = {
    Comparison.SAME: Outcome.UNCHANGED,
    Comparison.UNSUPPORTED: Outcome.UNSUPPORTED,
    Comparison.ARCHIVED: Outcome.ARCHIVED,
    Comparison.IN_FLIGHT: Outcome.IN_FLIGHT,
    Comparison.UNPROVEN: Outcome.UNCHANGED,
    Comparison.METADATA_DIFFERS: Outcome.UNCHANGED,
}
"""How keys end that are not published; what disagrees and is not copied again has failed."""


@dataclass(frozen=True, slots=True)
class ComparePlan:
    """A page beside its copies, with the verdicts that are not simply "same", by index. end: both sides were read up to
    this key.

    queued: objects that a batch of this run has already, whose outcomes are its ledger's. queued_sizes: all keys of
    such batches, and their bytes as they were listed for them; what is gone from the source since was listed once, too.
    published: objects to copy again. by_crc32c: the same by the CRC32C that was proven when they were copied, for want
    of an MD5. destination_only: the copies of no object, by the keys they would have, and by their indexes; own: the
    indexes of those that this job has made. archived: what must be restored before it can be copied, by index. origins:
    what the ledger knows of the copies, for the manifest.
    """

    pairs: Pairs
    end: bytes
    verdicts: Mapping[int, Comparison]
    filtered: Mapping[int, Filter]
    queued: frozenset[int]
    published: frozenset[int]
    queued_sizes: Mapping[bytes, int] = field(default_factory=dict)
    by_crc32c: frozenset[int] = frozenset()
    destination_only: Sequence[tuple[bytes, int]] = ()
    own: frozenset[int] = frozenset()
    archived: Mapping[int, Restore] = field(default_factory=dict)
    origins: Sequence[Origin | None] = ()

    @property
    def page(self) -> Page:
        return self.pairs.page

    @property
    def wanted(self) -> Sequence[int]:
        return sorted(self.published)

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def count(self, count: int, counts: RangeCounts) -> None:
        """Count the first `count` objects, and the destination-only copies up to there."""
        sizes = self.page.sizes[:count]
        if count:
            counts.listed.add("listed", sum(sizes), len(sizes))
        if self.queued_sizes:
            for size in count_queued(self.page, self.queued_sizes, count, counts):
                counts.verdicts.add(Comparison.IN_FLIGHT, size)
        same, size = len(sizes), sum(sizes)
        for index in [*self.verdicts, *self.filtered]:
            if index < count:
                same, size = same - 1, size - sizes[index]
        for index, verdict in self.verdicts.items():
            if index < count:
                counts.verdicts.add(verdict, sizes[index])
                counts.sums.differs(self.page.keys[index], sizes[index], verdict)
                if index not in self.published and index not in self.queued:
                    counts.outcomes.add(_OUTCOMES.get(verdict, Outcome.FAILED), sizes[index])
        for index, reason in self.filtered.items():
            if index < count:
                counts.outcomes.add(Outcome.FILTERED, sizes[index])
                counts.filters.add(reason, sizes[index])
        if same:
            counts.verdicts.add(Comparison.SAME, size, same)
            counts.outcomes.add(Outcome.UNCHANGED, size, same)
        for key, index in self.destination_only:
            if self.page.passed(key, count):
                _count_destination_only(counts, key, self.pairs.copies.sizes[index])
                counts.sums.differs(self.pairs.copies.names[index], self.pairs.copies.sizes[index], Comparison.EXTRA)
                counts.sums.own_extra += index in self.own
        self._sum_up(count, counts.sums)

    def rows(self, count: int) -> list[Row]:
        """The manifest's rows of the first `count` objects, and of the destination-only copies up to there."""
        verdicts = {**self.verdicts, **dict.fromkeys(self.filtered, Outcome.FILTERED)}
        alone = [
            extra(self.pairs.copies[index]) for key, index in self.destination_only if self.page.passed(key, count)
        ]
        return rows(self.pairs, count, verdicts, self.origins or [None] * count) + alone

    def _disagrees(self, index: int, verdict: Comparison) -> bool:
        """Whether a key is wrong as far as anybody knows: what is only unproven, and left so, is not."""
        return verdict.repairable and (verdict is not Comparison.UNPROVEN or index in self.published)

    def _sum_up(self, count: int, sums: Rollup) -> None:
        for index, restore in self.archived.items():
            if index < count:
                sums.add_archived(kind(self.page.storage_classes[index], restore), 1, self.page.sizes[index])
        sums.sizes.update(map(int.bit_length, self.page.sizes[:count]))
        known = self.verdicts.keys() | self.filtered.keys() | self.by_crc32c
        by_md5 = count - sum(index < count for index in known)
        by_crc32c = sum(index < count for index in self.by_crc32c)
        sums.proofs.update({name: n for name, n in (("md5", by_md5), ("crc32c", by_crc32c)) if n})
        copied = self.pairs.copied_bytes()
        wrong = [index for index, verdict in self.verdicts.items() if self._disagrees(index, verdict)]
        for amount, start, end in sums.groups(self.page.keys[:count]):
            there = [size for size in copied[start:end] if size is not None]
            amount.s3_count += end - start
            amount.s3_bytes += sum(self.page.sizes[start:end])
            amount.gcs_count += len(there)
            amount.gcs_bytes += sum(there)
            amount.wrong += sum(start <= index < end for index in wrong)


def nothing_but(queued_sizes: Mapping[bytes, int], end: bytes) -> ComparePlan:
    """What batches of this run have up to `end`, beside no page: in flight, and listed for them."""
    pairs = Pairs(NO_OBJECTS, NO_COPIES, (), ())
    return ComparePlan(pairs, end, {}, {}, frozenset(), frozenset(), queued_sizes=queued_sizes)


def _count_destination_only(counts: RangeCounts, key: bytes, size: int) -> None:
    """Count a copy of no object, by the key it would have."""
    counts.verdicts.add(Comparison.EXTRA, size)
    amount = counts.sums.of(counts.sums.folder(key))
    amount.extra += 1
    amount.gcs_count += 1
    amount.gcs_bytes += size
