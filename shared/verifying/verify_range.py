"""Compare a key range of both sides, key by key, publish what differs for another copy, and sum both sides up."""

from dataclasses import dataclass

from shared.domain.budget import Budget
from shared.domain.counts import RangeCounts
from shared.domain.filters import Filters
from shared.domain.keys import KeyMapping
from shared.domain.messages import VerifyMessage
from shared.domain.rollup import Rollup
from shared.domain.runs import RunKind
from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.range_store import RangeId, RangeStore
from shared.ports.reports import Reports
from shared.ports.run_store import RunStore
from shared.ports.source import Source
from shared.ranges.ledger_scan import LedgerScan
from shared.ranges.range_work import RangeWork
from shared.ranges.taken_range import TakenRange
from shared.reporting.manifest import run_folder
from shared.verifying.compare_metadata import CompareMetadata
from shared.verifying.compare_page import ComparePage
from shared.verifying.compare_steps import CompareSteps
from shared.verifying.copy_window import CopyWindow
from shared.verifying.delete_extraneous import DeleteExtraneous
from shared.verifying.request_restores import RequestRestores
from shared.verifying.write_manifest import WriteManifest


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """life_seconds: how long a published batch counts as being copied. sum_depth: folders below the job's root that are
    summed up apart. reread_unproven: whether copies whose bytes nothing proves any more are made again. metadata: None
    where headers and metadata are not compared.
    """

    source: Source
    destination: Destination
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    work: RangeWork
    filters: Filters
    clock: Clock
    log: Log
    mapping: KeyMapping
    life_seconds: float
    restores: RequestRestores
    sum_depth: int = 1
    reread_unproven: bool = False
    metadata: CompareMetadata | None = None
    delete_extraneous: DeleteExtraneous | None = None
    reports: Reports | None = None
    job: str = "default"

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        if message.close:
            await self.work.runs.tick()
            return
        counts = RangeCounts(sums=Rollup(self.mapping.source_prefix, self.sum_depth))
        held = await self.work.take(RunKind.VERIFY, message, new_run, counts=counts)
        forced: set[bytes] = set()
        if held is not None and await self.work(held, await self._steps(held, forced), budget, repairs=forced):
            await self._note(held.lease.range_id)

    async def _steps(self, held: TakenRange[VerifyMessage], forced: set[bytes]) -> CompareSteps:
        run, walk, name = held.lease.range_id.run, held.walk, self.mapping.name
        running = await self.runs.names_running()
        cancelled = (await self.work.job_control.read()).cancelled
        records = self.ledger.scan(held.prefix, walk.start, walk.until)
        compare = ComparePage(
            source=self.source,
            destination=self.destination,
            filters=self.filters,
            clock=self.clock,
            log=self.log,
            mapping=self.mapping,
            life_seconds=self.life_seconds,
            restores=self.restores,
            delete=self.delete_extraneous,
            ledger=LedgerScan(self.ledger, self.runs, records, run, held.mine, running, cancelled, walk.start),
            ceiling=held.ceiling,
            run=run,
            repair=held.message.repair,
            reread=self.reread_unproven,
            metadata=self.metadata,
            forced=forced,
            with_origins=self.reports is not None,
        )
        copies = self.destination.listing(name(held.prefix), name(walk.start) if walk.start else b"")
        manifest = None
        if self.reports is not None:
            manifest = WriteManifest(self.reports, self.log, run_folder(self.job, run), held.lease.owner, walk.counts)
        return CompareSteps(compare, CopyWindow(copies, self.mapping), manifest)

    async def _note(self, range_id: RangeId) -> None:
        """What the prefix's document says once the last range is closed."""
        if await self.ranges.is_open(range_id.run):
            return
        summary = await self.runs.summary(range_id.run)
        verdicts = {name: count for name, count, _ in summary.verdicts}
        self.log.info("verified", run=range_id.run, prefix=range_id.prefix, keys=summary.listed_keys, **verdicts)
        await self.work.runs.notes.compared(range_id.run, range_id.prefix, verdicts)
