"""One run as a person wants to see it: how far, how fast, how long still, what it cost so far."""

from collections import Counter
from dataclasses import dataclass
from math import floor
from typing import Any

from cli.counts import counts_of, keys_of
from cli.output import moment, size
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.progress import Progress, seconds_left
from shared.domain.rollup import Rollup
from shared.domain.runs import RunState
from shared.ports.control_store import Control
from shared.ports.run_store import OpenRun, RunSummary
from shared.pricing.estimate import bill, total
from shared.reporting.units import in_time

MOST_FAILURES = 10_000
"""Failed keys that are read to tell the causes of a run that is going on."""

_NEARLY = 0.99
"""The most that a run has come to which is still listing."""

_ROUNDING = 1e-9
"""What a share of floating point may be short of: 0.29 * 100 is 28.999…"""


@dataclass(frozen=True, slots=True)
class RunView:
    """objects, size: that were copied a second lately (0 where nothing is known). dollars: an estimate, by the job's
    prices, with nothing taken off for what is free every month. causes: failed keys by reason, of all if there are no
    more than `MOST_FAILURES`. cancelled: whether it was ended for good. paused: whether the job is, and with it this
    run: what goes on then is only what had begun, so no rate of before tells how long the rest takes.
    """

    run: OpenRun
    summary: RunSummary
    now: float
    objects: float
    size: float
    dollars: float
    causes: dict[str, int]
    cancelled: bool = False
    paused: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing is left of it. That it has ended is written down by the scheduler's next message."""
        return self.summary.finished

    @property
    def share(self) -> float:
        """Of the listed keys, how many have ended; never all of them while more may be listed."""
        summary = self.summary
        ended = 1 - summary.pending / summary.listed_keys if summary.listed_keys else 0.0
        return min(ended, _NEARLY) if summary.open_ranges else ended

    @property
    def percent(self) -> str:
        """The share, rounded down: 100% is all of it."""
        return f"{floor(self.share * 100 + _ROUNDING)}%"

    @property
    def seconds_left(self) -> float | None:
        """Until the last listed key has ended at the present rate; None while keys are listed, if nothing moves, and
        where not all of them are to be copied at that rate, or not now.
        """
        summary = self.summary
        if summary.open_ranges or self.paused or self.cancelled:
            return None
        rest = summary.listed_bytes - summary.outcomes.total_bytes
        return seconds_left((summary.pending, rest), (self.objects, self.size))

    def document(self) -> dict[str, Any]:
        return {
            "run": self.run.name,
            "kind": self.run.kind.value,
            "prefix": self.run.prefix.decode(),
            "started_at": moment(self.run.started_at),
            "cancelled": self.cancelled,
            **counts_of(self.summary),
            "done": self.done,
            "objects_per_second": None if self.paused else round(self.objects, 1),
            "bytes_per_second": None if self.paused else round(self.size),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left),
            "dollars": round(self.dollars, 6),
            "causes": self.causes,
        }

    def line(self) -> str:
        """All of it in a line, without the name."""
        summary = self.summary
        parts = [f"{summary.listed_keys:,} listed ({size(summary.listed_bytes)})"]
        parts.append(keys_of(self.document()["outcomes"]))
        if not self.done:
            word = "to be closed" if self.cancelled else "still listing"
            parts.append(word if summary.open_ranges else f"{summary.pending:,} pending")
            if self.paused:
                parts.append("the job is paused")
            elif self.size:
                parts.append(f"{self.objects:,.0f} objects/s, {size(self.size)}/s")
            if self.seconds_left is not None:
                parts.append(f"{in_time(self.seconds_left)} left")
        return "; ".join(parts)


async def view(session: Session, run: OpenRun, control: Control) -> RunView:
    """The run as it is now. control: the job's. Reads some forty documents, and its failed keys."""
    stores, now = session.admin.stores, session.clock.now()
    summary, progress = await stores.runs.summary(run.name), await stores.runs.progress(run.name)
    causes: Counter[str] = Counter()
    if summary.outcomes.keys.get(Outcome.FAILED):
        async for entry in stores.ledger.failed(run.name):
            causes[entry.reason.partition(":")[0]] += 1
            if causes.total() >= MOST_FAILURES:
                break
    objects, amount = progress.rate(now)
    price = dollars(session, run, summary, progress, now)
    cancelled = run.name in control.cancelled
    paused = control.paused and not cancelled
    return RunView(run, summary, now, objects, amount, price, dict(causes), cancelled, paused)


def dollars(session: Session, run: OpenRun, summary: RunSummary, progress: Progress, now: float) -> float:
    """What a run cost so far, as a report of now estimates it: by list price, without what is free every month. Seconds
    of instances are as far as their heartbeats told, which are up to a minute late.
    """
    report = session.facts.report(run, RunState.RUNNING, summary, progress, now, sums=Rollup(), failed=())
    return total(bill(report.use(), report.prices.without_allowances()))
