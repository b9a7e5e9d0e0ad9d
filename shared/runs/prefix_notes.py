"""What a prefix's document says of the runs that were started for it, and of the comparisons that went through it."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain.counts import Outcome
from shared.domain.keys import Key
from shared.domain.messages import repairs
from shared.domain.rollup import Checks, Rollup
from shared.domain.runs import RunKind, RunState
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.prefix_store import PrefixStore
from shared.ports.run_store import OpenRun, RunSummary

FLOWS = {RunKind.LIST: "copy", RunKind.KEYS: "copy", RunKind.VERIFY: "check"}
"""What a run's kind is called in a prefix's document. One of events is noted at none."""

_LATER = frozenset({"published_at", "ended_at", "failed", "pending", "verdicts"})
"""What is not known of a run at its start: what stands there is of the run before."""

_AT_ONCE = 32
"""Folders that are written at a time."""


@dataclass(frozen=True, slots=True)
class PrefixNotes:
    """Written at the start of a run, at the first failure in it, once all of it is listed or compared, and at its end.
    Nobody else writes a prefix's document.
    """

    prefixes: PrefixStore
    clock: Clock
    log: Log

    async def started(self, run: str, kind: RunKind, prefix: Key) -> None:
        """Note the start of a run at its prefix, and how long after the one before it came (seconds); not behind its
        end, as whoever stood still meanwhile would.
        """
        flow, now = FLOWS[kind], self.clock.now()

        def note(known: dict[str, Any]) -> dict[str, Any]:
            last = known.get(flow, {})
            if last.get("run") == run and last.get("ended_at") is not None:
                return {}
            noted: dict[str, Any] = {"run": run, "state": "in_progress", "started_at": now, "error": ""}
            if last.get("run") != run:
                noted |= dict.fromkeys(_LATER.intersection(last))
                if last.get("started_at"):
                    noted["frequency_seconds"] = now - last["started_at"]
            return {flow: noted}

        await self.prefixes.update(prefix, note)

    async def failed(self, run: str, kind: RunKind, prefix: Key, why: str, *, ceiling: bool = False) -> None:
        """A range of a run ended before its last key: the prefix says why. The first one is enough: hundreds may stop
        at once, and they share the document. ceiling: because somebody wanted it so; else a side refused. Alerts tell
        the two apart by their lines.
        """
        if ceiling:
            self.log.warning("a ceiling is reached", run=run, prefix=prefix, reason=why)
        else:
            self.log.error("a range has stopped", run=run, prefix=prefix, reason=why)
        if kind not in FLOWS:
            return

        def note(known: dict[str, Any]) -> dict[str, Any]:
            last = known.get(FLOWS[kind], {})
            return {} if last.get("run") == run and last.get("error") else {FLOWS[kind]: {"run": run, "error": why}}

        await self.prefixes.update(prefix, note)

    async def listed(self, run: str, prefix: Key) -> None:
        """All that a run lists is listed and published."""
        await self._published(run, RunKind.LIST, prefix, {})

    async def compared(self, run: str, prefix: Key, verdicts: Mapping[str, int]) -> None:
        """All that a run compares is compared, and what is to be copied again is published. verdicts: keys by each."""
        await self._published(run, RunKind.VERIFY, prefix, {"verdicts": dict(verdicts)})

    async def _published(self, run: str, kind: RunKind, prefix: Key, of_run: dict[str, Any]) -> None:
        """Who closes the last range may come here late: the run may have ended by then, which stands, or another one
        may have begun.
        """
        flow = FLOWS[kind]
        noted = {"run": run, "state": "published", "published_at": self.clock.now(), **of_run}

        def note(known: dict[str, Any]) -> dict[str, Any]:
            last = known.get(flow, {})
            if _is_of_another(known, flow, run):
                return {}
            return {flow: of_run if last.get("ended_at") is not None else noted}

        await self.prefixes.update(prefix, note)

    async def had_first_run(self, prefix: Key) -> bool:
        """Whether a run that listed the whole prefix has finished."""
        return bool((await self.prefixes.get(prefix)).get("initial"))

    async def ended(self, run: OpenRun, state: RunState, summary: RunSummary, sums: Rollup, initial: bool) -> Checks:
        """Note the end of a run at its prefix, and what a comparison found at every folder; how often each was compared
        and repaired so far. initial: whether it was the prefix's first run. A comparison that had nothing to copy
        again, or was not to, is no repair. A run that did not come to its end has not counted what there is, so what is
        known of that stays.
        """
        now, failed = self.clock.now(), summary.outcomes.keys.get(Outcome.FAILED, 0)
        noted = {"run": run.name, "state": state.value, "ended_at": now, "failed": failed, "pending": summary.pending}
        fields: dict[str, Any] = {}
        whole = state is RunState.FINISHED
        if whole and run.kind is RunKind.LIST:
            fields |= {"s3_count": summary.listed_keys, "s3_bytes": summary.listed_bytes}
        if initial and whole:
            fields["initial"] = {"run": run.name, "started_at": run.started_at, "ended_at": now}
        checks: Checks = {}
        if run.kind is RunKind.VERIFY:
            checks = await self._folders(run, sums, now) if whole else {}
            copied = summary.outcomes.keys.get(Outcome.COPIED, 0)
            if repairs(run.message) and (copied or failed or sums.whole().wrong):
                fields["repair"] = {
                    "run": run.name,
                    "state": state.value,
                    "ended_at": now,
                    "copied": copied,
                    "failed": failed,
                }
        flow = FLOWS[run.kind]

        def note(known: dict[str, Any]) -> dict[str, Any]:
            return fields if _is_of_another(known, flow, run.name) else {flow: noted, **fields}

        await self.prefixes.update(run.prefix, note)
        return checks

    async def _folders(self, run: OpenRun, sums: Rollup, now: float) -> Checks:
        """What lies above the run's prefix was compared in part: its document keeps what it says of the whole."""
        checks: dict[bytes, tuple[int, int]] = {}
        prefix = run.prefix
        folders = sorted({prefix, *(folder for folder in sums.folders if folder.startswith(prefix))})
        for start in range(0, len(folders), _AT_ONCE):
            some = folders[start : start + _AT_ONCE]
            counted = await asyncio.gather(*(self._folder(run, folder, sums, now) for folder in some))
            checks.update(zip(some, counted, strict=True))
        return checks

    async def _folder(self, run: OpenRun, folder: bytes, sums: Rollup, now: float) -> tuple[int, int]:
        """The run's own prefix gets the sum of all. Noted again for the same run, a comparison is counted once."""
        own = folder == run.prefix
        amount = sums.whole() if own else sums.folders[folder]

        def note(known: dict[str, Any]) -> dict[str, Any]:
            checks, repaired = known.get("checks", 0), known.get("repairs", 0)
            if known.get("counted") != run.name:
                checks, repaired = checks + 1, repaired + (repairs(run.message) and amount.wrong > 0)
            fields: dict[str, Any] = {**asdict(amount), "counted": run.name, "checks": checks, "repairs": repaired}
            if not own:
                fields["check"] = {"run": run.name, "started_at": run.started_at, "ended_at": now, "error": ""}
            return fields

        now_known = await self.prefixes.update(folder, note)
        return now_known["checks"], now_known["repairs"]


def _is_of_another(known: dict[str, Any], flow: str, run: str) -> bool:
    """Whether what stands at a prefix is of another run than this one, which began later: it is kept."""
    return bool(known.get(flow, {}).get("run", run) != run)
