"""Compare a stretch of both sides, key by key, publish what differs for another copy, and sum both sides up."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.core.budget import Budget
from shared.core.compare import Verdict, judge
from shared.core.copies import NO_COPIES, CopyPage, Pairs, pair
from shared.core.diff import is_alive
from shared.core.errors import Gone, NoSuchBucket
from shared.core.filters import Filter, Filters
from shared.core.keys import Mapping, prefix_end
from shared.core.manifest import Row, extra, rows, run_folder
from shared.core.messages import VerifyMessage
from shared.core.objects import SourceObject
from shared.core.outcomes import Books, Outcome
from shared.core.page import Page
from shared.core.sums import Sums
from shared.core.sweep import Extra
from shared.ports import Clock, Destination, Log, RangeId, Reports, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import BEYOND, MemoryScan
from shared.workflows.publishing import Publishing
from shared.workflows.range_work import RangeWork
from shared.workflows.sweep_extras import SweepExtras
from shared.workflows.write_manifest import WriteManifest

_SHOWN = 100
"""Mismatches of a kind that an invocation logs one by one; all are counted."""

_OUTCOMES = {
    Verdict.SAME: Outcome.UNCHANGED,
    Verdict.UNSUPPORTED: Outcome.UNSUPPORTED,
    Verdict.ARCHIVED: Outcome.ARCHIVED,
    Verdict.IN_FLIGHT: Outcome.IN_FLIGHT,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A page beside its copies, with the verdicts that are not simply "same", by index.

    covered: objects that a batch of this run has already. published: objects to copy again. by_etag: the same by
    their recorded ETag only, for want of an MD5. extras: the copies
    that belong to no object, by the keys they would have, and by their indexes.
    """

    pairs: Pairs
    verdicts: dict[int, Verdict]
    filtered: dict[int, Filter]
    covered: frozenset[int]
    published: frozenset[int]
    by_etag: frozenset[int] = frozenset()
    extras: list[tuple[bytes, int]] = field(default_factory=list)

    @property
    def page(self) -> Page:
        return self.pairs.page

    @property
    def wanted(self) -> Sequence[int]:
        return sorted(self.published)

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def book(self, count: int, books: Books) -> None:
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
            books.verdicts.add(Verdict.SAME, size, same)
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
            **dict.fromkeys(self.covered, Verdict.IN_FLIGHT),
        }
        extras = [extra(self.pairs.copies[index]) for key, index in self.extras if self._passed(key, count)]
        return rows(self.pairs, count, told) + extras

    def _passed(self, key: bytes, count: int) -> bool:
        return count == len(self.page) or (count > 0 and key <= self.page.keys[count - 1])

    def _sum_up(self, count: int, sums: Sums) -> None:
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


def book_extra(books: Books, key: bytes, size: int) -> None:
    """Book a copy that belongs to no object, by the key it would have."""
    books.verdicts.add(Verdict.EXTRA, size)
    amount = books.sums.of(books.sums.folder(key))
    amount.extra += 1
    amount.gcs_count += 1
    amount.gcs_bytes += size


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """life_seconds: how long a published batch counts as being copied. sum_depth: folders below the job's root that are
    summed up apart.
    """

    source: Source
    destination: Destination
    state: State
    work: RangeWork
    filters: Filters
    clock: Clock
    log: Log
    mapping: Mapping
    life_seconds: float
    sum_depth: int = 1
    sweep: SweepExtras | None = None
    reports: Reports | None = None
    job: str = "default"

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        if message.close:
            await self.work.runs.close_ended()
            return

        async def work(named: VerifyMessage, lease: Lease, out: Publishing) -> None:
            out.books.sums = Sums(self.mapping.source_prefix, self.sum_depth)
            manifest = self._manifest(lease, out)
            await self._walk(named, lease, out, budget, manifest)

        lease = await self.work("verify", message, new_run, work)
        if lease is not None:
            await self._note(lease.piece)

    def _manifest(self, lease: Lease, out: Publishing) -> WriteManifest | None:
        if self.reports is None:
            return None
        manifest = WriteManifest(self.reports, run_folder(self.job, lease.piece.run), lease.owner, out.books)
        out.booked = lambda compared, count: manifest.add(compared.rows(count))
        out.before_close = manifest.write
        return manifest

    async def _walk(
        self, message: VerifyMessage, lease: Lease, out: Publishing, budget: Budget, manifest: WriteManifest | None
    ) -> None:
        piece = lease.piece
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        until = lease.until.encode() if lease.until is not None else None
        going = frozenset(run.name for run in await self.state.open_runs())
        records = self.state.records(prefix, after, until)
        memory = MemoryScan(self.state, records, piece.run, self.clock.now(), going)
        name = self.mapping.name
        window = CopyWindow(self.destination.listing(name(prefix), name(after) if after else b""))

        async def look(page: Page) -> None:
            for orphan in await memory.advance(page.last):
                await out.publish.again(orphan, force=False)
            async for part, copies in window.beside(page, self.mapping):
                if len(part):
                    pairs = pair(part, copies, self.mapping)
                    await out.add(await self._compare(pairs, memory, message, piece.run))
                else:
                    await self._book_extras(copies, out, manifest)
                if len(copies) and await self._over(copies, page.last, message, lease, out, budget):
                    return
            memory.forget_before(page.last)
            if manifest is not None:
                await manifest.write_full()

        await self.work.walk(message, lease, out, budget, look)
        end = lease.until.encode() if lease.until is not None else prefix_end(prefix) or BEYOND
        for orphan in await memory.advance(end):
            await out.publish.again(orphan, force=False)
        await out.flush()
        async for copies in window.rest(name(end) if lease.until is not None else None):
            await self._book_extras(copies, out, manifest)
            if await self._over(copies, end, message, lease, out, budget):
                return

    async def _compare(self, pairs: Pairs, memory: MemoryScan, message: VerifyMessage, run: str) -> Compared:
        """The verdicts on a page; nearly all are "same", which size, ETag and MD5 show at once."""
        page = pairs.page
        filtered = self.filters.sift(page)
        covered = frozenset(memory.own(page.keys)) - filtered.keys()
        verdicts: dict[int, Verdict] = {}
        by_etag: set[int] = set()
        now = self.clock.now()
        for index in pairs.suspects():
            if index in filtered or index in covered:
                continue
            source, copy = page[index], pairs.copy(index)
            place = self.mapping.place(source.key)
            if place.encoded and place.name is not None:
                copy = await self.destination.stat(place.name)
            known = memory.lookup(source.key)
            waits = known is not None and known.entry.open and is_alive(known, memory.going, now, self.life_seconds)
            verdict = judge(source, copy, place, waits)
            if verdict is Verdict.SAME:
                by_etag.add(index)
            else:
                verdicts[index] = verdict
        wrong = frozenset(index for index, verdict in verdicts.items() if verdict.repairable)
        for index in sorted(wrong)[:_SHOWN]:
            self.log.warning("mismatch", run=run, key=page[index].text, reason=verdicts[index])
        extras = await self._extras(pairs.copies, pairs.extras, run)
        published = wrong if message.repair else frozenset()
        return Compared(pairs, verdicts, filtered, covered, published, frozenset(by_etag), extras)

    async def _extras(self, copies: CopyPage, indexes: Sequence[int], run: str) -> list[tuple[bytes, int]]:
        """The copies that belong to no object, by the keys they would have. One under an encoded name belongs to the
        key that the name says, wherever that lies.
        """
        found: list[tuple[bytes, int]] = []
        marks: list[Extra] = []
        for index in indexes:
            name = copies.names[index]
            original = self.mapping.original(name)
            if original is None or not await self._exists(original):
                found.append((self.mapping.key(name), index))
                key = original or self.mapping.key(name)
                marks.append(Extra(name, key, copies.generations[index], copies.sizes[index]))
        if marks and self.sweep is not None and self.sweep.marks:
            await self.sweep.mark(run, marks)
        return found

    async def _book_extras(self, copies: CopyPage, out: Publishing, manifest: WriteManifest | None) -> None:
        """Copies that lie beside no object at all."""
        found = await self._extras(copies, range(len(copies)), out.lease.piece.run)
        for key, index in found:
            book_extra(out.books, key, copies.sizes[index])
        if manifest is not None:
            manifest.add([extra(copies[index]) for _, index in found])

    async def _over(
        self, copies: CopyPage, end: bytes, message: VerifyMessage, lease: Lease, out: Publishing, budget: Budget
    ) -> bool:
        """Whether the budget is over among copies that belong to nobody; then the range is cut behind them."""
        last = self.mapping.key(copies.names[-1])
        if last >= end or not budget.spent(self.clock.monotonic()):
            return False
        await out.flush()
        await self.work.ranges.divide(lease, message, [last.decode()])
        return True

    async def _exists(self, key: bytes) -> bool:
        try:
            await self.source.head(key)
        except NoSuchBucket:
            raise
        except Gone:
            return False
        return True

    async def _note(self, piece: RangeId) -> None:
        if await self.state.is_open(piece.run):
            return
        summary = await self.state.summary(piece.run)
        verdicts = {name: count for name, count, _ in summary.verdicts}
        self.log.info("verified", run=piece.run, prefix=piece.prefix, keys=summary.listed_keys, **verdicts)
        check = {"run": piece.run, "state": "published", "published_at": self.clock.now(), "verdicts": verdicts}
        await self.state.note_prefix(piece.prefix, {"check": check})


@dataclass(slots=True)
class CopyWindow:
    """The destination's listing beside the source's, held a page at a time, however many copies belong to nobody."""

    pages: AsyncIterator[CopyPage]
    _held: CopyPage = NO_COPIES
    _ended: bool = False

    async def _more(self) -> None:
        """Hold a page again, unless there is none."""
        if not len(self._held) and not self._ended:
            page = await anext(self.pages, None)
            self._ended = page is None
            self._held = page or NO_COPIES

    async def beside(self, page: Page, mapping: Mapping) -> AsyncIterator[tuple[Page, CopyPage]]:
        """The page in parts, each with the copies that lie in its stretch: behind the part before, up to its end."""
        start = 0
        while start < len(page):
            await self._more()
            last = mapping.name(page.last)
            if not len(self._held) or self._held.names[-1] >= last:
                taken = self._held.up_to(last)
                yield page.part(start, len(page)), self._held.part(0, taken)
                self._held = self._held.part(taken)
                return
            copies, self._held = self._held, NO_COPIES
            end = bisect_right(page.keys, mapping.key(copies.names[-1]), start)
            yield page.part(start, end), copies
            start = end

    async def rest(self, until: bytes | None) -> AsyncIterator[CopyPage]:
        """What is left, up to a name."""
        while True:
            await self._more()
            if not len(self._held):
                return
            taken = len(self._held) if until is None else self._held.up_to(until)
            if not taken:
                return
            yield self._held.part(0, taken)
            self._held = self._held.part(taken)
