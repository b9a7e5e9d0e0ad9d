"""The runs."""

from dataclasses import dataclass, field

from shared.domain.counts import Counts
from shared.domain.errors import StateConflict
from shared.domain.progress import Progress, merged
from shared.domain.runs import RunKind, RunState
from shared.ports.range_store import OpenRange
from shared.ports.run_store import EndedRun, OpenRun, RunRecord, RunSummary
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


@dataclass
class FakeRuns:
    """documents: the runs. beaten: when a run was last worked on. told: what each instance has done for a run."""

    ranges: FakeRanges
    ledger: FakeLedger
    documents: dict[str, StoredRun] = field(default_factory=dict)
    turns: dict[str, tuple[str, int]] = field(default_factory=dict)
    beaten: dict[str, float] = field(default_factory=dict)
    told: dict[tuple[str, str], Progress] = field(default_factory=dict)
    told_at: dict[tuple[str, str], float] = field(default_factory=dict)

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        if opened.range_id.run in self.documents:
            return False
        self.documents[opened.range_id.run] = StoredRun(kind, opened.range_id.prefix, opened.message, now)
        self.ranges.documents.setdefault(opened.range_id, StoredRange(opened, touched=self.ranges.now()))
        return True

    async def running(self) -> list[OpenRun]:
        return [
            OpenRun(name, run.kind, run.prefix, run.message, run.started_at)
            for name, run in self.documents.items()
            if run.state is RunState.RUNNING
        ]

    async def since(self, moment: float) -> list[RunRecord]:
        found = [
            RunRecord(
                OpenRun(name, run.kind, run.prefix, run.message, run.started_at),
                run.state,
                None if run.state is RunState.RUNNING else run.ended_at,
            )
            for name, run in self.documents.items()
            if run.started_at >= moment
        ]
        return sorted(found, key=lambda record: (record.run.started_at, record.run.name))

    async def exists(self, run: str) -> bool:
        return run in self.documents

    async def summary(self, run: str) -> RunSummary:
        known = self.documents.get(run)
        if known is not None and known.summary is not None:
            return known.summary
        listed, still_open = await self.ranges.listed(run), sum(item.state == "open" for item in self.ranges.of(run))
        outcomes, filters, verdicts = Counts(), Counts(), Counts()
        for item in self.ranges.of(run):
            outcomes.merge(item.counts.outcomes)
            filters.merge(item.counts.filters)
            verdicts.merge(item.counts.verdicts)
        for record, _ in self.ledger.documents.values():
            if record.run == run:
                outcomes.merge(record.tally())
        stopped = sum(bool(item.counts.stopped) for item in self.ranges.of(run))
        return RunSummary(listed.total_keys, listed.total_bytes, outcomes, filters, verdicts, still_open, stopped)

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
        if self.documents[run].version != version:
            raise StateConflict(run)
        self.documents[run].version += 1
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

    async def schedule(self, kind: RunKind, run: str, version: object) -> bool:
        if version != self.turns.get(kind, ("", 0))[1]:
            return False
        self.turns[kind] = run, self.turns.get(kind, ("", 0))[1] + 1
        return True
