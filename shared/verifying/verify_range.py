"""Compare a stretch of both sides, key by key, publish what differs for another copy, and sum both sides up."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.archive import SILENT_CLASSES, Restore
from shared.domain.budget import Budget
from shared.domain.comparison import Comparison, compare
from shared.domain.copies import CopyPage, Pairs, pair
from shared.domain.counts import Outcome
from shared.domain.errors import Gone
from shared.domain.extraneous import DestinationOnly
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping, prefix_end
from shared.domain.messages import VerifyMessage
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.page import Page
from shared.domain.rollup import Rollup
from shared.ledger.window import Known, is_alive
from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.prefix_store import PrefixStore
from shared.ports.range_store import RangeId, RangeStore
from shared.ports.reports import Reports
from shared.ports.run_store import RunStore
from shared.ports.source import Source
from shared.ranges.lease import Lease
from shared.ranges.ledger_scan import BEYOND, LedgerScan
from shared.ranges.publishing import Publishing
from shared.ranges.range_work import RangeWork
from shared.reporting.manifest import extra, run_folder
from shared.runs.quota import QuotaGuard
from shared.verifying.compare_plan import ComparePlan, book_extra
from shared.verifying.copy_window import CopyWindow
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.is_there import is_there
from shared.verifying.request_restores import RequestRestores
from shared.verifying.write_manifest import WriteManifest

_SHOWN = 100
"""Mismatches of a kind that an invocation logs one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """life_seconds: how long a published batch counts as being copied. sum_depth: folders below the job's root that are
    summed up apart.
    """

    source: Source
    destination: Destination
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    prefixes: PrefixStore
    work: RangeWork
    filters: Filters
    clock: Clock
    log: Log
    mapping: KeyMapping
    life_seconds: float
    restores: RequestRestores
    sum_depth: int = 1
    sweep: DeleteExtraneous | None = None
    reports: Reports | None = None
    job: str = "default"

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        if message.close:
            await self.work.runs.close_ended()
            return

        async def work(named: VerifyMessage, lease: Lease, out: Publishing) -> None:
            out.books.sums = Rollup(self.mapping.source_prefix, self.sum_depth)
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
        going = frozenset(run.name for run in await self.runs.running())
        records = self.ledger.scan(prefix, after, until)
        memory = LedgerScan(self.ledger, self.runs, records, piece.run, self.clock.now(), going)
        name = self.mapping.name
        window = CopyWindow(self.destination.listing(name(prefix), name(after) if after else b""))

        async def look(page: Page) -> None:
            for orphan in await memory.advance(page.last):
                await out.publish.again(orphan, force=False)
            async for part, copies in window.beside(page, self.mapping):
                if len(part):
                    pairs = pair(part, copies, self.mapping)
                    await out.add(await self._compare(pairs, memory, message, piece.run, out.gate))
                else:
                    await self._book_extras(copies, out, manifest)
                if len(copies) and await self._over(copies, page.last, message, lease, out, budget):
                    return
            await memory.leave(page)
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

    async def _compare(
        self, pairs: Pairs, memory: LedgerScan, message: VerifyMessage, run: str, gate: QuotaGuard
    ) -> ComparePlan:
        """The verdicts on a page; nearly all are "same", which size, ETag and MD5 show at once."""
        page = pairs.page
        filtered = self.filters.sift(page)
        covered = frozenset(memory.own(page.keys)) - filtered.keys()
        verdicts: dict[int, Comparison] = {}
        by_etag: set[int] = set()
        archived: dict[int, SourceObject] = {}
        for index in pairs.suspects():
            if index in filtered or index in covered:
                continue
            source, verdict = await self._judge(page[index], pairs.copy(index), memory)
            if verdict is Comparison.SAME:
                by_etag.add(index)
            else:
                verdicts[index] = verdict
                if source.archived and (verdict is Comparison.ARCHIVED or verdict.repairable):
                    archived[index] = source
        wrong = frozenset(index for index, verdict in verdicts.items() if verdict.repairable)
        for index in sorted(wrong)[:_SHOWN]:
            self.log.warning("mismatch", run=run, key=page[index].text, reason=verdicts[index])
        return ComparePlan(
            pairs,
            verdicts,
            filtered,
            covered,
            published=wrong if message.repair else frozenset(),
            by_etag=frozenset(by_etag),
            extras=await self._extras(pairs.copies, pairs.extras, run),
            archived=await self._restore(archived, message, run, gate),
            origins=memory.origins(page) if self.reports is not None else (),
        )

    async def _judge(
        self, source: SourceObject, copy: DestinationObject | None, memory: LedgerScan
    ) -> tuple[SourceObject, Comparison]:
        """The object, as its listing or a HEAD shows it, and the verdict on it."""
        place = self.mapping.place(source.key)
        if place.encoded and place.name is not None:
            copy = await self.destination.stat(place.name)
        known = memory.lookup(source.key)
        waits = known is not None and known.entry.open
        alive = waits and is_alive(known, memory.going, self.clock.now(), self.life_seconds)
        source = await self._as_archived(source, known)
        return source, compare(source, copy, place, alive)

    async def _restore(
        self, archived: dict[int, SourceObject], message: VerifyMessage, run: str, gate: QuotaGuard
    ) -> dict[int, Restore]:
        """Ask for what must be restored first, if this comparison is to repair; what each waits for then."""
        asked = await self.restores(run, gate, list(archived.values())) if message.repair else set()
        return {
            index: Restore.UNDER_WAY if item.restore is Restore.UNDER_WAY or item.key in asked else Restore.NEEDED
            for index, item in archived.items()
        }

    async def _as_archived(self, source: SourceObject, known: Known | None) -> SourceObject:
        """The object as a HEAD shows it, where its listing does not say whether it is archived and its copy has failed
        for that.
        """
        if source.storage_class not in SILENT_CLASSES or known is None or known.entry.outcome is not Outcome.ARCHIVED:
            return source
        try:
            return await self.source.head(source.key)
        except Gone:
            return source

    async def _extras(self, copies: CopyPage, indexes: Sequence[int], run: str) -> list[tuple[bytes, int]]:
        """The copies that belong to no object, by the keys they would have. One under an encoded name belongs to the
        key that the name says, wherever that lies.
        """
        found: list[tuple[bytes, int]] = []
        marks: list[DestinationOnly] = []
        for index in indexes:
            name = copies.names[index]
            original = self.mapping.original(name)
            if original is None or not await is_there(self.source, original):
                found.append((self.mapping.key(name), index))
                key = original or self.mapping.key(name)
                marks.append(DestinationOnly(name, key, copies.generations[index], copies.sizes[index]))
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

    async def _note(self, piece: RangeId) -> None:
        if await self.ranges.is_open(piece.run):
            return
        summary = await self.runs.summary(piece.run)
        verdicts = {name: count for name, count, _ in summary.verdicts}
        self.log.info("verified", run=piece.run, prefix=piece.prefix, keys=summary.listed_keys, **verdicts)
        check = {"run": piece.run, "state": "published", "published_at": self.clock.now(), "verdicts": verdicts}
        await self.prefixes.note(piece.prefix, {"check": check})
