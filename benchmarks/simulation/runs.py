"""The run as Firestore keeps it, and how its counts are added up when it has ended."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.simulation.documents import Documents
from shared.domain.counts import Counts, Outcome
from shared.domain.runs import RunKind, RunState
from shared.gcp.firestore.ranges import SUMMED
from shared.gcp.firestore.sums import MOST_SUMMED, SLICES, add_stretches, first_alone, groups
from shared.ports.range_store import OpenRange
from shared.ports.run_store import OpenRun, PartialSummary, RunSummary

_SAMPLE = 20
"""Ranges and records that are read to tell when a run was last active."""


@dataclass(slots=True)
class ModelRuns:
    """`shared.ports.run_store.RunStore`, as far as a lister and the end of its run use it: one run. open: takes its
    first range in. ranges: how many it has. settled: whether every key has ended. listed: keys and bytes.
    """

    documents: Documents
    open: Callable[[OpenRange], None]
    ranges: Callable[[], int]
    settled: Callable[[], bool]
    listed: Callable[[], tuple[int, int]]
    run: OpenRun | None = None
    ended: bool = False
    _partial: PartialSummary | None = None

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        self.open(opened)
        name = opened.range_id.run
        self.run = OpenRun(name, kind, opened.range_id.prefix, opened.message, now)
        await self.documents.write(f"runs/{name}", f"ranges/{opened.range_id.cursor!r}")
        return True

    async def exists(self, run: str) -> bool:
        await self.documents.read()
        return self.run is not None and self.run.name == run

    async def running(self) -> list[OpenRun]:
        await self.documents.read()
        return [] if self.run is None or self.ended else [self.run]

    async def names_running(self) -> frozenset[str]:
        return frozenset(run.name for run in await self.running())

    async def heartbeat(self, run: str, instance: str, now: float, progress: Any) -> None:
        await self.documents.write(f"pulses/{run}-{instance}")

    async def scheduled(self, kind: RunKind) -> tuple[str, object]:
        await self.documents.read()
        return "", None

    async def schedule(self, kind: RunKind, run: str, version: object) -> bool:
        await self.documents.write(f"control/schedule-{kind}")
        return True

    async def last_activity(self, run: str) -> float | None:
        settled = self.settled()
        await self.documents.read(2 if settled else _SAMPLE)
        return None if settled else self.documents.clock.now()

    async def unreported(self) -> list[Any]:
        await self.documents.read()
        return []

    async def acquire_end(self, run: str, now: float, lease_seconds: float) -> object | None:
        await self.documents.read()
        await self.documents.write(f"runs/{run}")
        return now

    async def partial_summary(self, run: str) -> PartialSummary | None:
        await self.documents.read()
        return self._partial

    async def keep_partial(
        self, run: str, partial: PartialSummary, now: float, lease_seconds: float, version: object
    ) -> object:
        self._partial = partial
        await self.documents.write(f"runs/{run}")
        return now

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        """By the stretches of production; what they would sum is known."""
        _, position, width = await add_stretches(self._stretch, partial.position, partial.width or SLICES)
        if position < SLICES:
            return PartialSummary(partial.active_at, partial.summary, position, width)
        await self.documents.aggregate(0)
        keys, size = self.listed()
        outcomes = Counts()
        outcomes.add(Outcome.COPIED, size, keys)
        whole = RunSummary(keys, size, outcomes, Counts(), Counts(), 0)
        return PartialSummary(partial.active_at, whole, position, width, complete=True)

    async def _stretch(self, slices: range) -> bool | None:
        parts = [(self.ranges(), names) for names in [*SUMMED.values(), ["edges"]]]
        found = await asyncio.gather(
            *(self._sums(count, names, slices) for count, names in [*parts, (self.documents.records, Outcome)])
        )
        return True if all(found) else None

    async def _sums(self, documents: int, names: Iterable[str], slices: range) -> bool:
        """The queries of one kind of count; False if there are too many documents for one."""
        there = documents * len(slices) // SLICES

        async def ask(number: int) -> bool | None:
            bounded = number == 0 and len(slices) > 1
            await self.documents.aggregate(min(there, MOST_SUMMED + 1) if bounded else there)
            return None if bounded and there > MOST_SUMMED else True

        return await first_alone([partial(ask, number) for number, _ in enumerate(groups("of", names))]) is not None

    async def finish(
        self, run: str, state: RunState, summary: RunSummary, now: float, version: object, reported: bool = True
    ) -> None:
        self.ended = state is RunState.FINISHED
        await self.documents.write(f"runs/{run}")
