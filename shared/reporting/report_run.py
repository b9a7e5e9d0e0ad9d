"""What is left of a run for people and for BigQuery: a page to read, and the index of its manifest."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from shared.domain.counts import ManifestPart
from shared.domain.rollup import Checks, Rollup
from shared.domain.runs import RunState
from shared.ports.control_store import ControlStore
from shared.ports.ledger_store import LedgerStore
from shared.ports.reports import Reports
from shared.ports.run_store import OpenRun, RunStore, RunSummary
from shared.reporting.figures import FIGURES, PAGE, figures
from shared.reporting.index_rows import IndexRow, before
from shared.reporting.job_facts import JobFacts, first_failed
from shared.reporting.manifest import SCHEMA, checksums, run_folder
from shared.reporting.run_index import HTML, RunIndex


@dataclass(frozen=True, slots=True)
class ReportRun:
    """Templates are loaded when the first page is written: most instances never write one."""

    reports: Reports
    ledger: LedgerStore
    runs: RunStore
    control: ControlStore
    index: RunIndex
    about: JobFacts

    async def __call__(
        self,
        run: OpenRun,
        state: RunState,
        summary: RunSummary,
        sums: Rollup,
        parts: Sequence[ManifestPart],
        checks: Checks,
        ended_at: float,
    ) -> None:
        """Write the files of a run that has ended. Safe to repeat: they are replaced."""
        from shared.reporting.page import page

        folder = run_folder(self.about.job, run.name)
        earlier = before(await self.index.known(), run)
        report = self.about.report(
            run,
            state,
            summary,
            await self.runs.progress(run.name),
            ended_at,
            sums=sums,
            failed=await first_failed(self.ledger.failed(run.name)),
            files=[part.name.rpartition("/")[2] for part in parts],
            checks=checks,
            before=earlier,
            address=self.reports.link(f"{folder}/{PAGE}"),
            most_dollars=(await self.control.get()).most_dollars,
        )
        if parts:
            count, files = sum(part.rows for part in parts), [asdict(part) for part in parts]
            index = {"run": run.name, "rows": count, "files": files}
            await self.reports.put(f"{folder}/manifest.json", _json(index), "application/json")
            await self.reports.put(f"{folder}/schema.json", _json(SCHEMA), "application/json")
            await self.reports.put(f"{folder}/SHA256SUMS", checksums(parts).encode(), "text/plain")
        written = figures(report, sum(part.rows for part in parts), self.about.selection)
        await self.reports.put(f"{folder}/{FIGURES}", _json(written), "application/json")
        await self.reports.put(f"{folder}/{PAGE}", page(report).encode(), HTML)
        await self.index.link(await self.index.write(IndexRow.of_report(report)), run.name)


def _json(found: object) -> bytes:
    return json.dumps(found, indent=1).encode()
