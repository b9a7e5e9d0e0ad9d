"""A run's counts, added up over its ranges and the ledger, in stretches (`sums`)."""

import asyncio
from dataclasses import replace
from functools import reduce

from google.cloud.firestore import AsyncCollectionReference

from shared.domain.counts import Counts, Outcome
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.gcp.firestore.ranges import SUMMED, FirestoreRanges
from shared.gcp.firestore.summaries import add_summaries
from shared.gcp.firestore.sums import SLICES, add_stretches
from shared.ports.run_store import PartialSummary, RunSummary


class RunCounts:
    """The counts of the runs of one job."""

    def __init__(self, runs: AsyncCollectionReference, ranges: FirestoreRanges, ledger: FirestoreLedger) -> None:
        self._runs, self._ranges, self._ledger = runs, ranges, ledger

    async def whole(self, run: str) -> RunSummary:
        """All of them, as they are now."""
        partial = PartialSummary(None)
        while not partial.complete:
            partial = await self.add_up(run, partial)
        return partial.summary

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        """Some more stretches. With the last one it is known what is open, what has stopped, and what is lost."""
        parts, position, width = await add_stretches(
            lambda slices: self._stretch(run, slices), partial.position, partial.width or SLICES
        )
        summary = reduce(add_summaries, (counts for counts, _ in parts), partial.summary)
        edges = partial.edges + sum(found for _, found in parts)
        complete = position == SLICES
        if complete:
            still_open, stopped = await self._ranges.open_and_stopped(run)
            gap = not still_open and await self._gap(run, edges)
            summary = replace(summary, open_ranges=still_open, stopped_ranges=stopped, gap=gap)
        return PartialSummary(partial.active_at, summary, position, width, complete, edges)

    async def _stretch(self, run: str, slices: range) -> tuple[RunSummary, int] | None:
        """The counts of some slices, and the edges of the ranges in them; None if that is too much at once."""
        counts, edges = await asyncio.gather(self._tallies(run, slices), self._ranges.edges(run, slices))
        if edges is None or any(tally is None for tally in counts):
            return None
        listed, outcomes, filters, verdicts, published, changes = (tally or Counts() for tally in counts)
        outcomes.merge(published)
        keys, size, there = listed.total_keys, listed.total_bytes, published.keys.get(Outcome.UNCHANGED, 0)
        return RunSummary(keys, size, outcomes, filters, verdicts, 0, changes=changes, found_there=there), edges

    async def _tallies(self, run: str, slices: range) -> list[Counts | None]:
        return await asyncio.gather(
            *(self._ranges.sums(run, field, slices) for field in SUMMED),
            self._ledger.outcomes(run, slices),
            self._ledger.changes(run, slices),
        )

    async def _gap(self, run: str, edges: int) -> bool:
        """Whether ranges of a run, none of which is open, are lost. edges: of those that are there.

        A run and its first range have the same edges, and a range that is split divides its own among its parts. Up to
        29 November 2026 neither had any.
        """
        began = (await self._runs.document(run).get(["edges"])).to_dict() or {}
        return bool(began.get("edges", edges) != edges)
