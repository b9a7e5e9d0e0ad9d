"""What is left of a run for people and for BigQuery: a page to read, and the index of its manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from shared.domain.counts import ManifestPart
from shared.domain.rollup import Checks, Rollup
from shared.domain.runs import RunState
from shared.ports.ledger_store import LedgerStore
from shared.ports.reports import Reports
from shared.ports.run_store import OpenRun, RunStore, RunSummary
from shared.pricing.catalog import Prices, published
from shared.reporting.figures import FIGURES, figures
from shared.reporting.manifest import SCHEMA, checksums, run_folder
from shared.reporting.model import MOST_FAILED, Report
from shared.reporting.page import page


@dataclass(frozen=True, slots=True)
class ReportRun:
    """job, source, destination: what the page says it is about. selection: the job's filters, as JSON has them. The
    rest is what its bill is made with.
    """

    reports: Reports
    ledger: LedgerStore
    runs: RunStore
    job: str
    source: str
    destination: str
    prices: Prices = field(default_factory=lambda: published().at("us-east-1"))
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    keys_per_message: int = 100
    restore_days: int = 7
    selection: Mapping[str, object] = field(default_factory=dict)

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
        folder = run_folder(self.job, run.name)
        failed = []
        async for entry in self.ledger.failed(run.name):
            failed.append((entry.key.decode(), entry.size, entry.reason))
            if len(failed) == MOST_FAILED:
                break
        report = Report(
            run=run.name,
            kind=run.kind,
            prefix=run.prefix.decode(),
            source=self.source,
            destination=self.destination,
            state=state,
            started_at=run.started_at,
            ended_at=ended_at,
            listed=(summary.listed_keys, summary.listed_bytes),
            pending=summary.pending,
            outcomes=list(summary.outcomes),
            filters=list(summary.filters),
            verdicts=list(summary.verdicts),
            sums=sums,
            failed=failed,
            progress=await self.runs.progress(run.name),
            files=[part.name.rpartition("/")[2] for part in parts],
            checks=checks,
            prices=self.prices,
            storage_classes=self.storage_classes,
            keys_per_message=self.keys_per_message,
            restore_days=self.restore_days,
        )
        if parts:
            count, files = sum(part.rows for part in parts), [asdict(part) for part in parts]
            index = {"run": run.name, "rows": count, "files": files}
            await self.reports.put(f"{folder}/manifest.json", _json(index), "application/json")
            await self.reports.put(f"{folder}/schema.json", _json(SCHEMA), "application/json")
            await self.reports.put(f"{folder}/SHA256SUMS", checksums(parts).encode(), "text/plain")
        written = figures(report, sum(part.rows for part in parts), self.selection)
        await self.reports.put(f"{folder}/{FIGURES}", _json(written), "application/json")
        await self.reports.put(f"{folder}/report.html", page(report).encode(), "text/html; charset=utf-8")


def _json(found: object) -> bytes:
    return json.dumps(found, indent=1).encode()
