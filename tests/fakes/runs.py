"""The runs."""

from dataclasses import dataclass, field, replace

from shared.domain.counts import Counts, Outcome
from shared.domain.lag import Lag
from shared.domain.progress import Progress, merged
from shared.domain.runs import RunKind, RunState
from shared.ledger.record import BatchRecord
from shared.ports.range_store import OpenRange
from shared.ports.run_store import EndedRun, EndTaken, OpenRun, PartialSummary, RunRecord, RunSummary
from tests.fakes.ledger import FakeLedger
from tests.fakes.ranges import FakeRanges, StoredRange


@dataclass
class StoredRun:
    kind: RunKind
    prefix: bytes
    message: bytes
    started_at: float
    state: RunState = RunState.RUNNING
    summary: RunSummary | None = None
    closing_until: float = 0.0
    version: int = 0
    ended_at: float = 0.0
    reported: bool = True
    edges: int = 0


@dataclass
class FakeRuns:
    """documents: the runs. beaten: when a run was last worked on. told: what each instance has done for a run.
    most_summed: of its documents, as many as can be added up at once.
    """

    ranges: FakeRanges
    ledger: FakeLedger
    documents: dict[str, StoredRun] = field(default_factory=dict)
    turns: dict[str, tuple[str, int]] = field(default_factory=dict)
    first_turns: dict[str, float] = field(default_factory=dict)
    beaten: dict[str, float] = field(default_factory=dict)
    told: dict[tuple[str, str], Progress] = field(default_factory=dict)
    told_at: dict[tuple[str, str], float] = field(default_factory=dict)
    most_summed: int = 100_000
    partial: dict[str, PartialSummary] = field(default_factory=dict)
    shown_at: float = float("-inf")

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        if opened.range_id.run in self.documents:
            return False
        first = StoredRange(opened, touched=self.ranges.now())
        run = StoredRun(kind, opened.range_id.prefix, opened.message, now, edges=first.edges)
        self.documents[opened.range_id.run] = run
        self.ranges.documents.setdefault(opened.range_id, first)
        return True

    async def running(self) -> list[OpenRun]:
        return [
            OpenRun(name, run.kind, run.prefix, run.message, run.started_at)
            for name, run in self.documents.items()
            if run.state is RunState.RUNNING
        ]

    async def names_running(self) -> frozenset[str]:
        return frozenset(run.name for run in await self.running())

    async def since(self, moment: float) -> list[RunRecord]:
        found = [_record(name, run) for name, run in self.documents.items() if run.started_at >= moment]
        return sorted(found, key=lambda record: (record.run.started_at, record.run.name))

    async def record(self, run: str) -> RunRecord | None:
        return _record(run, self.documents[run]) if run in self.documents else None

    async def exists(self, run: str) -> bool:
        return run in self.documents

    async def summary(self, run: str) -> RunSummary:
        known = self.documents.get(run)
        if known is not None and known.summary is not None:
            return known.summary
        partial = PartialSummary(None)
        while not partial.complete:
            partial = await self.add_up(run, partial)
        events = known is not None and known.kind is RunKind.EVENTS
        return replace(partial.summary, lag=await self.lag(run)) if events else partial.summary

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        """Ranges and records in the order of their names, as many as can be had at once."""
        named = [(str(name), item) for name, item in self.ranges.documents.items() if name.run == run]
        there: dict[str, StoredRange | BatchRecord] = dict(named)
        there |= {record.batch: record for record, _ in self.ledger.documents.values() if record.run == run}
        reached = partial.position + self.most_summed
        summary = replace(
            partial.summary,
            outcomes=Counts(dict(partial.summary.outcomes.keys), dict(partial.summary.outcomes.bytes)),
            filters=Counts(dict(partial.summary.filters.keys), dict(partial.summary.filters.bytes)),
            verdicts=Counts(dict(partial.summary.verdicts.keys), dict(partial.summary.verdicts.bytes)),
            changes=Counts(dict(partial.summary.changes.keys), dict(partial.summary.changes.bytes)),
        )
        for name in sorted(there)[partial.position : reached]:
            summary = _with(summary, there[name])
        if reached < len(there):
            return PartialSummary(partial.active_at, summary, reached)
        still_open = sum(item.state == "open" for _, item in named)
        stopped = sum(bool(item.counts.stopped) for _, item in named)
        known = self.documents.get(run)
        gap = known is not None and not still_open and sum(item.edges for _, item in named) != known.edges
        whole = replace(summary, open_ranges=still_open, stopped_ranges=stopped, gap=gap)
        return PartialSummary(partial.active_at, whole, len(there), complete=True)

    async def lag(self, run: str) -> Lag:
        found = Lag()
        for record, _ in self.ledger.documents.values():
            if record.run == run:
                found.merge(record.lag)
        return found

    async def partial_summary(self, run: str) -> PartialSummary | None:
        return self.partial.get(run)

    async def keep_partial(
        self, run: str, partial: PartialSummary, now: float, lease_seconds: float, version: object
    ) -> object:
        found = self._to_end(run, version)
        self.partial[run] = partial
        found.closing_until = now + lease_seconds
        return found.version

    def _to_end(self, run: str, version: object) -> StoredRun:
        found = self.documents[run]
        if found.version != version:
            raise EndTaken(run)
        found.version += 1
        return found

    async def last_activity(self, run: str) -> float | None:
        times = [item.touched for item in self.ranges.of(run) if item.state == "open"]
        times += [self.ledger.stamps[record.batch] async for record in self.ledger.unsettled(run)]
        return max([*times, self.beaten.get(run, 0.0)]) if times else None

    async def heartbeat(self, run: str, instance: str, now: float, progress: Progress) -> None:
        if self.told_at.get((run, instance), float("-inf")) <= now:
            self.beaten[run] = self.ranges.now()
            self.told[run, instance], self.told_at[run, instance] = Progress.of(progress.table()), now

    async def progress(self, run: str) -> Progress:
        return merged(progress for (name, _), progress in self.told.items() if name == run)

    async def acquire_end(self, run: str, now: float, lease_seconds: float) -> object | None:
        found = self.documents[run]
        if found.state is not RunState.RUNNING or 0 < found.closing_until - now <= 2 * lease_seconds:
            return None
        found.closing_until = now + lease_seconds
        found.version += 1
        return found.version

    async def finish(
        self, run: str, state: RunState, summary: RunSummary, now: float, version: object, reported: bool = True
    ) -> None:
        self._to_end(run, version)
        self.documents[run].state, self.documents[run].summary = state, summary
        self.documents[run].ended_at, self.documents[run].reported = now, reported
        if reported:
            self._forget_progress(run)

    def _forget_progress(self, run: str) -> None:
        for name in [name for name in self.told if name[0] == run]:
            del self.told[name]

    async def unreported(self) -> list[EndedRun]:
        return [
            EndedRun(OpenRun(name, run.kind, run.prefix, run.message, run.started_at), run.state, run.ended_at)
            for name, run in self.documents.items()
            if not run.reported
        ]

    async def reported(self, run: str) -> None:
        self.documents[run].reported = True
        self._forget_progress(run)

    async def scheduled(self, kind: RunKind) -> tuple[str, object]:
        return self.turns.get(kind, ("", 0))

    async def scheduled_since(self, kind: RunKind) -> float | None:
        return self.first_turns.get(kind)

    async def schedule(self, kind: RunKind, run: str, version: object) -> bool:
        if version != self.turns.get(kind, ("", 0))[1]:
            return False
        self.turns[kind] = run, self.turns.get(kind, ("", 0))[1] + 1
        self.first_turns.setdefault(kind, self.ranges.now())
        return True

    async def may_show(self, now: float, seconds: float) -> bool:
        if now - self.shown_at < seconds:
            return False
        self.shown_at = now
        return True


def _record(name: str, run: StoredRun) -> RunRecord:
    opened = OpenRun(name, run.kind, run.prefix, run.message, run.started_at)
    return RunRecord(opened, run.state, None if run.state is RunState.RUNNING else run.ended_at, run.summary)


def _with(summary: RunSummary, item: StoredRange | BatchRecord) -> RunSummary:
    """A run's counts with those of one of its documents."""
    if isinstance(item, BatchRecord):
        summary.outcomes.merge(item.tally())
        summary.changes.merge(item.changes)
        there = item.tally().keys.get(Outcome.UNCHANGED, 0)
        return replace(summary, found_there=summary.found_there + there)
    summary.outcomes.merge(item.counts.outcomes)
    summary.filters.merge(item.counts.filters)
    summary.verdicts.merge(item.counts.verdicts)
    keys, size = item.counts.listed.total_keys, item.counts.listed.total_bytes
    return replace(summary, listed_keys=summary.listed_keys + keys, listed_bytes=summary.listed_bytes + size)
