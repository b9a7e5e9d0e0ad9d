"""The page of a run that is running, where its report will stand: for who waits with a browser."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.counts import Outcome
from shared.domain.rollup import Rollup
from shared.domain.runs import RunState
from shared.ports.clock import Clock
from shared.ports.control_store import ControlStore
from shared.ports.ledger_store import LedgerStore
from shared.ports.reports import Reports
from shared.ports.run_store import OpenRun, PartialSummary, RunStore
from shared.reporting.figures import PAGE
from shared.reporting.index_rows import IndexRow, before
from shared.reporting.job_facts import JobFacts, first_failed
from shared.reporting.manifest import run_folder
from shared.reporting.run_index import HTML, RunIndex

COUNT_SECONDS, COUNT_STEPS = 20.0, 5
"""As long, and in so many steps, a run's counts are added up for its page; where that is not enough, the page has the
heartbeats only. With Firestore the steps are enough for 800,000 documents, about 5,000 reads, each time it is written.
"""

INTERIM = b"data-interim"
"""In the first line of a page that is not the report yet (templates/base.html)."""

_FIRST_LINE = 200
"""Bytes, in which no key can stand."""


@dataclass(frozen=True, slots=True)
class ReportRunning:
    """It never takes the place of a report: that is written whatever is there, and this only if nobody has written
    since it was seen that there is no report.
    """

    reports: Reports
    ledger: LedgerStore
    runs: RunStore
    control: ControlStore
    index: RunIndex
    about: JobFacts
    clock: Clock

    async def __call__(self, running: Sequence[OpenRun], until: float) -> None:
        """Write the pages of these runs, unless a run's report is there already; the index once for all of them. until:
        when no further page is begun (monotonic seconds).
        """
        rows: list[IndexRow] = []
        for run in running:
            if self.clock.monotonic() >= until:
                return
            name = f"{run_folder(self.about.job, run.name)}/{PAGE}"
            body, generation = await self.reports.read(name)
            if not generation or is_interim(body):
                rows = rows or await self.index.write()
                await self._write(run, name, generation, rows)

    async def _write(self, run: OpenRun, name: str, generation: int, rows: Sequence[IndexRow]) -> None:
        from shared.reporting.page import page

        partial = await self._counts(run.name)
        failures = partial.summary.outcomes.keys.get(Outcome.FAILED)
        control = await self.control.get()
        report = self.about.report(
            run,
            RunState.RUNNING,
            partial.summary,
            await self.runs.progress(run.name),
            self.clock.now(),
            sums=Rollup(),
            failed=await first_failed(self.ledger.failed(run.name)) if failures else [],
            before=before(rows, run),
            address=self.reports.link(name),
            most_dollars=control.most_dollars,
            counted=partial.complete,
            paused=control.paused and run.name not in control.cancelled,
        )
        written = await self.reports.replace(name, page(report).encode(), HTML, generation)
        if written and not generation:
            await self.index.link(rows, run.name)

    async def _counts(self, run: str) -> PartialSummary:
        """None where somebody is adding them up for the run's end: that takes its time, and once is enough."""
        if await self.runs.partial_summary(run) is not None:
            return PartialSummary(None)
        until = self.clock.monotonic() + COUNT_SECONDS
        partial = PartialSummary(None)
        for _ in range(COUNT_STEPS):
            partial = await self.runs.add_up(run, partial)
            if partial.complete or self.clock.monotonic() >= until:
                break
        return partial


def is_interim(page: bytes) -> bool:
    """Whether a page is that of a run that was running, and no report yet."""
    return INTERIM in page[:_FIRST_LINE]
