"""Runs from their first message to their last key: which are running, which have ended, how they are reported.

    running     keys are being listed or copied; stored as "going"
    finished    every listed key has ended
    stopped     the same, but a ceiling or an error kept some keys from being listed, or the record of some that were
                is lost
    cancelled   a person ended it: what had begun by then has ended, and nothing else was listed or copied
    timed out   something is left without activity for the life of a batch, and the job is not paused; the next run
                takes it up; stored and logged as "stalled", which alerts and reports look for

Nobody counts while a run is running: its counts are sums over its ranges and batches. They are added up when it is seen
to have ended, in stretches and by as many invocations as that takes, and written into the run; from then on its records
may be merged.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from shared.domain.counts import ManifestPart, Outcome
from shared.domain.errors import BucketError, ObjectError, UnreadableDocument
from shared.domain.missed import Change
from shared.domain.rollup import Checks, Rollup
from shared.domain.runs import RunKind, RunState
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.range_store import RangeStore
from shared.ports.run_store import EndedRun, EndTaken, OpenRun, PartialSummary, RunStore, RunSummary
from shared.runs.expire_uploads import ExpireUploads
from shared.runs.follow_up import FollowUp
from shared.runs.job_control import JobControl
from shared.runs.prefix_notes import PrefixNotes
from shared.runs.show_running import ShowRunning

CLOSING_SECONDS = 300.0
"""After so long another invocation takes over the end of a run: what follows from it should follow once."""

BEGIN_SECONDS = 120.0
"""After so long an invocation begins no further end of a run and adds nothing more up, as it has work of its own to do:
ends are written down one after the other, and one may take minutes where much is deleted. The scheduler's next message
goes on, and with what is being added up a message at once.
"""

KEEPING_SECONDS = 30.0
"""After so much adding up it is written down how far that has come, so that a killed invocation loses no more."""

MESSAGE_LIFE_SECONDS = (7 + 31) * 86_400.0
"""A message may wait so long for its function, and then so long as a dead letter that somebody sends again
(terraform/modules/job/pubsub.tf). What is left of a cancelled run is not begun by then, either.
"""

_UNNOTED = (RunKind.KEYS, RunKind.EVENTS)
"""Runs that say nothing of a whole prefix. One of events that found none has no report, either."""

_GAP = "ranges of the run are not on record any more, so it cannot say what lies in them"

Report = Callable[[OpenRun, RunState, RunSummary, Rollup, Sequence[ManifestPart], Checks, float], Awaitable[None]]
"""Writes the report of a run that has ended in a state, at a time (epoch seconds)."""

DeleteAfter = Callable[[OpenRun, RunState, RunSummary, Rollup], Awaitable[None]]
"""Deletes what a comparison found to be extraneous, where that is allowed."""


@dataclass(frozen=True, slots=True)
class RunLifecycle:
    """life_seconds: how long a published batch counts as alive."""

    runs: RunStore
    ranges: RangeStore
    notes: PrefixNotes
    job_control: JobControl
    follow_up: FollowUp
    report: Report | None
    show_running: ShowRunning | None
    delete_after: DeleteAfter | None
    expire_uploads: ExpireUploads
    clock: Clock
    log: Log
    life_seconds: float

    async def may_start(self, run: str, kind: RunKind, scheduled: bool) -> bool:
        """Whether a run may begin. What a person asks for may; a scheduled one not while the job is paused or the last
        one of its kind is running. A run that exists has begun already: its message is only delivered again, and
        nothing that concerns others may keep it.
        """
        if await self.runs.exists(run):
            return True
        paused = (await self.job_control.read(afresh=True)).paused
        if not scheduled:
            await self.close_ended()
            return True
        if paused:
            self.log.info("the job is paused, so no run is started", run=run)
            return False
        last, version = await self.runs.scheduled(kind)
        if last == run:
            return True
        if last in await self.tick():
            self.log.info("still running, so no run is started on top", run=last)
            return False
        return await self.runs.schedule(kind, run, version)

    async def tick(self) -> set[str]:
        """What the scheduler's messages have done: ends are written down, and what is still running is shown. The names
        of the runs that are running, as far as is known.
        """
        begun = self.clock.monotonic()
        running = await self.close_ended()
        if self.show_running is not None and self.clock.monotonic() < begun + BEGIN_SECONDS:
            await self.show_running(running)
        return {run.name for run in running}

    async def close_ended(self) -> list[OpenRun]:
        """Write down the end of every run that has ended, as far as there is time; those that are running, as far as is
        known.
        """
        begun = self.clock.monotonic()
        await self._report_late(begun + BEGIN_SECONDS / 2)
        await self.expire_uploads()
        cancelled = (await self.job_control.read()).cancelled
        running = await self.runs.running()
        await self._take_off(cancelled - {run.name for run in running})
        return [run for run in running if not await self._is_over(run, begun + BEGIN_SECONDS)]

    async def _take_off(self, ended: frozenset[str]) -> None:
        """Take runs whose end is written down off the list of those that were cancelled, unless messages of theirs may
        still come. They were on it before it was asked which are running: one that began since cannot be among them.
        """
        over = frozenset([run for run in sorted(ended) if not await self._may_come(run)])
        if over:
            await self.job_control.control.update(lambda said: replace(said, cancelled=said.cancelled - over))

    async def _may_come(self, run: str) -> bool:
        """Whether messages of a cancelled run may still come: it has timed out with something left."""
        record = await self.runs.record(run)
        if record is None or record.summary is None or record.summary.finished:
            return False
        return self.clock.now() - (record.ended_at or 0.0) < MESSAGE_LIFE_SECONDS

    async def _is_over(self, run: OpenRun, until: float) -> bool:
        """Whether a run has ended, as `_end_if_over` says. One with a document that nobody can read stays running, is
        named, and keeps no other from its end.
        """
        try:
            return await self._end_if_over(run, until)
        except UnreadableDocument as damaged:
            self.log.error("no end", run=run.name, why=str(damaged))
            return False

    async def _end_if_over(self, run: OpenRun, until: float) -> bool:
        """Whether a run has ended; if so, and nobody else does, its end is written down. until: when this is no more
        begun.
        """
        if self.clock.monotonic() >= until:
            return False
        active_at = await self.runs.last_activity(run.name)
        alive = active_at is not None and self.clock.now() - active_at < self.life_seconds
        if alive or (active_at is not None and await self.job_control.paused()):
            return False
        version = await self.runs.acquire_end(run.name, self.clock.now(), CLOSING_SECONDS)
        if version is None:
            return True
        try:
            partial, version = await self._add_up(run, active_at, version, until)
            cancelled = run.name in (await self.job_control.read(afresh=True)).cancelled
            state = state_at_end(run, active_at, partial.summary, cancelled)
            waits = state is RunState.TIMED_OUT and await self._goes_on(run, active_at)
            if waits or not partial.complete:
                await self.runs.keep_partial(run.name, partial, self.clock.now(), 0, version)
                if not waits:
                    await self.follow_up.go_on()
                return False
            await self._end(run, state, partial.summary, version)
        except EndTaken as taken:
            self.log.warning("another invocation ends the run", run=run.name, reason=str(taken))
        return True

    async def _goes_on(self, run: OpenRun, active_at: float | None) -> bool:
        """Whether a run that looks dead only waits for the end of a pause, or was resumed since it was last looked at:
        resuming first says that the run is alive, and then ends the pause.
        """
        return await self.job_control.paused() or await self.runs.last_activity(run.name) != active_at

    async def _add_up(
        self, run: OpenRun, active_at: float | None, version: object, until: float
    ) -> tuple[PartialSummary, object]:
        """A run's counts, as far as there is time; who comes next goes on from there."""
        partial = await self.runs.partial_summary(run.name)
        if partial is None or partial.active_at != active_at:
            partial = PartialSummary(active_at)
        kept_at = self.clock.monotonic()
        while not partial.complete and self.clock.monotonic() < until:
            partial = await self.runs.add_up(run.name, partial)
            if self.clock.monotonic() - kept_at >= KEEPING_SECONDS:
                version = await self.runs.keep_partial(run.name, partial, self.clock.now(), CLOSING_SECONDS, version)
                kept_at = self.clock.monotonic()
        if not partial.complete:
            self.log.info("the counts of a run are being added up", run=run.name, listed=partial.summary.listed_keys)
        return partial, version

    async def _end(self, run: OpenRun, state: RunState, summary: RunSummary, version: object) -> None:
        """All that follows from a run's end, then the end itself: killed in between, it is done again."""
        if summary.gap:
            await self.notes.failed(run.name, run.kind, run.prefix, _GAP)
        initial = run.kind is RunKind.LIST and not await self.notes.had_first_run(run.prefix)
        if state is RunState.FINISHED:
            await self.follow_up(run, summary, initial)
        if run.kind is RunKind.EVENTS and summary.listed_keys:
            await self.follow_up.sort(run)
        summed_up = run.kind is RunKind.VERIFY or summary.outcomes.keys.get(Outcome.FAILED)
        if run.kind is RunKind.EVENTS:
            summary = replace(summary, lag=await self.runs.lag(run.name))
        sums, parts = await self.ranges.rollup(run.name) if summed_up else (Rollup(), [])
        checks = await self.notes.ended(run, state, summary, sums, initial) if run.kind not in _UNNOTED else {}
        if self.delete_after is not None and run.kind is RunKind.VERIFY:
            await self._unless_refused(run, "deletion", self.delete_after(run, state, summary, sums))
        if summary.open_ranges:
            await self.ranges.let_expire(run.name, self.clock.now())
        now, reported = self.clock.now(), True
        idle = run.kind is RunKind.EVENTS and state is RunState.FINISHED and not summary.listed_keys
        if self.report is not None and not idle:
            written = self.report(run, state, summary, sums, parts, checks, now)
            reported = await self._unless_refused(run, "report", written) is None
        await self.runs.finish(run.name, state, summary, now, version, reported)
        report = self.log.info if state is RunState.FINISHED else self.log.warning
        outcomes = {name: keys for name, keys, _ in summary.outcomes}
        report(
            "run ended",
            run=run.name,
            reason=state.value,
            listed=summary.listed_keys,
            pending=summary.pending,
            **outcomes,
        )
        self._say_of_events(run, summary)

    def _say_of_events(self, run: OpenRun, summary: RunSummary) -> None:
        """How late a run of events was; of a listing, which of its changes events had not told of in time."""
        lag, changes = summary.lag, summary.changes.keys
        median, most = lag.within(0.5), lag.within(0.99)
        if median is not None and most is not None:
            rounded = {"median": round(median, 2), "p99": round(most, 2), "worst": round(lag.worst, 2)}
            self.log.info("from event to copy", run=run.name, copies=lag.counted, **rounded)
        if changes:
            missed, unsure = changes.get(Change.MISSED, 0), changes.get(Change.UNSURE, 0)
            say = self.log.warning if missed else self.log.info
            say("changes counted", run=run.name, missed=missed, unsure=unsure)

    async def _report_late(self, until: float) -> None:
        """Write the reports that were not written when their runs ended, until the bucket refuses one again; one that
        cannot be written for what is in it keeps no other waiting. until: when none is begun any more.
        """
        if self.report is None:
            return
        for ended in await self.runs.unreported():
            if self.clock.monotonic() >= until:
                return
            failure = await self._unless_refused(ended.run, "report", self._written_late(self.report, ended))
            if isinstance(failure, ObjectError):
                return
            if failure is None:
                await self.runs.reported(ended.run.name)

    async def _written_late(self, report: Report, ended: EndedRun) -> None:
        run = ended.run
        summary, (sums, parts) = await self.runs.summary(run.name), await self.ranges.rollup(run.name)
        await report(run, ended.state, summary, sums, parts, {}, ended.ended_at)

    async def _unless_refused(self, run: OpenRun, what: str, work: Awaitable[None]) -> Exception | None:
        """A bucket that refuses a report or a deletion must not keep runs from ending and others from beginning, nor
        may a document that nobody can read, or a mistake of ours. What kept the work from being done, None if nothing
        did.
        """
        try:
            await work
        except ObjectError as failure:
            self.log.error(f"no {what}", run=run.name, reason=failure.reason, why=str(failure))
            return failure
        except UnreadableDocument as damaged:
            self.log.error(f"no {what}", run=run.name, why=str(damaged))
            return damaged
        except BucketError:
            raise
        except Exception as bug:
            self.log.error(f"no {what}", error=bug, run=run.name)
            return bug
        return None


def state_at_end(run: OpenRun, active_at: float | None, summary: RunSummary, cancelled: bool) -> RunState:
    """How a run ends: finished or stopped if nothing is left of it, as far as that can be told. active_at: its last
    activity, None if nothing is left to do. cancelled: whether a person has ended it.
    """
    if cancelled:
        return RunState.CANCELLED
    if active_at is not None or not run.summable or not summary.finished:
        return RunState.TIMED_OUT
    return RunState.STOPPED if summary.cut_short else RunState.FINISHED
