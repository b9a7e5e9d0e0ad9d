"""What a job's reports say besides what a run did, and a report put together from both."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.instance import KEYS_PER_MESSAGE, Places
from shared.domain.progress import Progress
from shared.domain.rollup import Checks, Rollup
from shared.domain.routes import CLOUDFRONT
from shared.domain.runs import RunState
from shared.ledger.entry import Entry
from shared.ports.run_store import OpenRun, RunSummary
from shared.pricing.catalog import Plan, Prices, published
from shared.reporting.model import MOST_FAILED, Failed, Report
from shared.reporting.text import of_key


@dataclass(frozen=True, slots=True)
class JobFacts:
    """job, source, destination: what a page says it is about. selection: the job's filters, as JSON has them. The rest
    is what its bill is made with. plans: flat-rate ones, by which it is priced, too. places: for the copies of
    an instance.
    """

    job: str
    source: str
    destination: str
    prices: Prices = field(default_factory=lambda: published().at("us-east-1"))
    plans: tuple[Plan, ...] = field(default_factory=lambda: tuple(published().plans.values()))
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    keys_per_message: int = KEYS_PER_MESSAGE
    restore_days: int = 7
    route: str = CLOUDFRONT
    places: Places = field(default_factory=Places)
    selection: Mapping[str, object] = field(default_factory=dict)
    follows_events: bool = False

    def report(
        self,
        run: OpenRun,
        state: RunState,
        summary: RunSummary,
        progress: Progress,
        at: float,
        *,
        sums: Rollup,
        failed: Sequence[Failed],
        files: Sequence[str] = (),
        checks: Checks | None = None,
        before: str = "",
        address: str = "",
        most_dollars: float | None = None,
        counted: bool = True,
        paused: bool = False,
    ) -> Report:
        """at: when it ended, or now (epoch seconds)."""
        return Report(
            run=run.name,
            kind=run.kind,
            prefix=of_key(run.prefix),
            source=self.source,
            destination=self.destination,
            state=state,
            started_at=run.started_at,
            ended_at=at,
            listed=(summary.listed_keys, summary.listed_bytes),
            pending=summary.pending,
            outcomes=list(summary.outcomes),
            filters=list(summary.filters),
            verdicts=list(summary.verdicts),
            sums=sums,
            failed=failed,
            progress=progress,
            files=files,
            checks=checks or {},
            prices=self.prices,
            storage_classes=self.storage_classes,
            keys_per_message=self.keys_per_message,
            restore_days=self.restore_days,
            route=self.route,
            places=self.places,
            plans=self.plans,
            most_dollars=most_dollars,
            counted=counted,
            paused=paused,
            listing=summary.open_ranges > 0,
            before=before,
            address=address,
            lag=summary.lag,
            changes=summary.changes,
            follows_events=self.follows_events,
            found_there=summary.found_there,
            whole=not summary.open_ranges and not summary.cut_short,
        )


async def first_failed(entries: AsyncIterator[Entry]) -> list[Failed]:
    """As many failed keys as a page names."""
    found = list[Failed]()
    async for entry in entries:
        found.append((of_key(entry.key), entry.size, entry.reason))
        if len(found) == MOST_FAILED:
            break
    return found
