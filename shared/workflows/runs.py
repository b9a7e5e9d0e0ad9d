"""Runs from their first message to their last key: which are going, which have ended, how they are told.

    going      keys are being listed or copied
    finished   every listed key has ended
    stopped    the same, but a ceiling or an error kept some keys from being listed
    stalled    something is left, and nothing has touched it for the life of a batch; the next run takes it up

Nobody counts while a run is going: books are sums over its ranges and batches. They are written into the run when it is
seen to have ended, and from then on its records may be merged.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Any

from shared.core.errors import ObjectError
from shared.core.outcomes import Outcome
from shared.core.report import Checks
from shared.core.sums import Sum, Sums
from shared.ports import Clock, Log, OpenRun, RunSummary, State
from shared.workflows.follow_up import FollowUp
from shared.workflows.gate import Switch
from shared.workflows.report_run import ReportRun
from shared.workflows.sweep_extras import SweepExtras

FLOWS = {"list": "copy", "keys": "copy", "verify": "check"}
"""What a run's kind is called in a prefix's document."""

_AT_ONCE = 32
"""Folders that are told at a time."""

CLOSING_SECONDS = 300.0
"""After so long another invocation takes over the end of a run: what follows from it should follow once."""


@dataclass(frozen=True, slots=True)
class Runs:
    """life_seconds: how long a published batch counts as alive."""

    state: State
    switch: Switch
    follow_up: FollowUp
    report: ReportRun | None
    sweep: SweepExtras | None
    clock: Clock
    log: Log
    life_seconds: float

    async def may_start(self, run: str, kind: str, scheduled: bool) -> bool:
        """Whether a run may begin. What a person asks for may; a scheduled one not while the job is paused or the last
        one of its kind is going. Said again for the same run: yes.
        """
        paused = (await self.switch.read(afresh=True)).paused
        if not scheduled:
            await self.close_ended()
            return True
        if paused:
            self.log.info("the job is paused, so no run is started", run=run)
            return False
        last, version = await self.state.scheduled(kind)
        if last == run:
            return True
        if last in await self.close_ended():
            self.log.info("still going, so no run is started on top", run=last)
            return False
        return await self.state.schedule(kind, run, version)

    async def close_ended(self) -> set[str]:
        """Write down the end of every run that has ended; the names of those that are going."""
        going = set()
        for run in await self.state.open_runs():
            state, books = await self._state(run)
            if books is None:
                going.add(run.name)
            elif await self.state.close(run.name, self.clock.now(), CLOSING_SECONDS):
                await self._end(run, state, books)
        return going

    async def _state(self, run: OpenRun) -> tuple[str, RunSummary | None]:
        touched = await self.state.touched(run.name)
        if touched is not None and self.clock.now() - touched < self.life_seconds:
            return "going", None
        books = await self.state.summary(run.name)
        if touched is None and books.finished:
            return "stopped" if books.stopped_ranges else "finished", books
        return "stalled", books

    async def _end(self, run: OpenRun, state: str, books: RunSummary) -> None:
        """All that follows from a run's end, then the end itself: killed in between, it is done again."""
        now = self.clock.now()
        initial = run.kind == "list" and not (await self.state.prefix(run.prefix)).get("initial")
        if state == "finished":
            await self.follow_up(run, books, initial)
        sums, parts = await self.state.sums(run.name) if run.kind == "verify" else (Sums(), [])
        checks = await self._tell(run, state, books, sums, initial, now) if run.kind != "keys" else {}
        if self.report is not None:
            await self._unless_refused(run, "report", self.report(run, state, books, sums, parts, checks))
        await self.state.end(run.name, state, books, now)
        tell = self.log.info if state == "finished" else self.log.warning
        outcomes = {name: keys for name, keys, _ in books.outcomes}
        tell("run ended", run=run.name, reason=state, listed=books.listed_keys, pending=books.pending, **outcomes)

    async def _tell(self, run: OpenRun, state: str, books: RunSummary, sums: Sums, initial: bool, now: float) -> Checks:
        """Note the end of a run at its prefix, and what a comparison found at every folder; how often each was compared
        and repaired so far.
        """
        failed = books.outcomes.keys.get(Outcome.FAILED, 0)
        told = {"run": run.name, "state": state, "ended_at": now, "failed": failed, "pending": books.pending}
        fields: dict[str, Any] = {FLOWS[run.kind]: told}
        if initial and state == "finished":
            fields["initial"] = {"run": run.name, "started_at": run.started_at, "ended_at": now}
        checks: Checks = {}
        if run.kind == "verify":
            checks = await self._tell_folders(run, sums, now)
            whole = sums.whole()
            if self.sweep is not None:
                await self._unless_refused(run, "sweep", self.sweep(run, state, books, whole))
            copied = books.outcomes.keys.get(Outcome.COPIED, 0)
            repair = {"run": run.name, "state": state, "ended_at": now, "copied": copied, "failed": failed}
            fields |= {**asdict(whole), "repair": repair}
        await self.state.note_prefix(run.prefix, fields)
        return checks

    async def _tell_folders(self, run: OpenRun, sums: Sums, now: float) -> dict[bytes, tuple[int, int]]:
        """The run's own prefix is told the sum of all by whoever calls this, but is counted here."""
        checks: dict[bytes, tuple[int, int]] = {}
        folders = sorted({*sums.folders, run.prefix.encode()})
        for start in range(0, len(folders), _AT_ONCE):
            some = folders[start : start + _AT_ONCE]
            counted = await asyncio.gather(*(self._tell_folder(run, folder, sums, now) for folder in some))
            checks.update(zip(some, counted, strict=True))
        return checks

    async def _tell_folder(self, run: OpenRun, folder: bytes, sums: Sums, now: float) -> tuple[int, int]:
        """Said again for the same run, it is counted once."""
        prefix, amount = folder.decode(), sums.folders.get(folder, Sum())
        own = prefix == run.prefix
        known = await self.state.prefix(prefix)
        checks, repairs = known.get("checks", 0), known.get("repairs", 0)
        if known.get("counted") != run.name:
            checks, repairs = checks + 1, repairs + bool(sums.whole().wrong if own else amount.wrong)
        fields: dict[str, Any] = {"counted": run.name, "checks": checks, "repairs": repairs}
        if not own:
            checked = {"run": run.name, "started_at": run.started_at, "ended_at": now, "error": ""}
            fields |= {**asdict(amount), "check": checked}
        await self.state.note_prefix(prefix, fields)
        return checks, repairs

    async def _unless_refused(self, run: OpenRun, what: str, work: Awaitable[None]) -> None:
        """A bucket that refuses a report or a deletion must not keep runs from ending and others from beginning."""
        try:
            await work
        except ObjectError as failure:
            self.log.error(f"no {what}", run=run.name, reason=failure.reason, why=str(failure))

    async def started(self, run: str, kind: str, prefix: str) -> None:
        """Note the start of a run at its prefix, and how long after the one before it came (seconds)."""
        flow, now = FLOWS[kind], self.clock.now()
        last = (await self.state.prefix(prefix)).get(flow, {})
        told: dict[str, Any] = {"run": run, "state": "in_progress", "started_at": now, "error": ""}
        if last.get("started_at") and last.get("run") != run:
            told["frequency_seconds"] = now - last["started_at"]
        await self.state.note_prefix(prefix, {flow: told})

    async def failed(self, run: str, kind: str, prefix: str, why: str) -> None:
        """A range of a run ended before its last key: the prefix says why. The first one is enough: hundreds may stop
        at once, and they share the document.
        """
        self.log.error("a range has stopped", run=run, prefix=prefix, reason=why)
        known = (await self.state.prefix(prefix)).get(FLOWS[kind], {})
        if known.get("run") != run or not known.get("error"):
            await self.state.note_prefix(prefix, {FLOWS[kind]: {"run": run, "error": why}})
