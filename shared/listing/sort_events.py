"""The batches of an ended run of events, sorted: `shared.ledger.levels` says why.

Each step replaces some records by others that say the same, all at once, as long as nobody has written them; killed in
between, the message comes again and goes on with what is left.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.budget import Budget
from shared.domain.errors import Busy
from shared.ledger.levels import FAN, MOST_LEVELS, fitting, level, most_records, portions, sorted_together
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore, Outline, Versioned
from shared.ports.log import Log
from shared.ports.run_store import RunStore

_READ_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class SortEvents:
    """Raises Busy, so that the message comes again, while the run's records are still counted, or if time is up."""

    ledger: LedgerStore
    runs: RunStore
    clock: Clock
    log: Log

    async def __call__(self, run: str, budget: Budget) -> None:
        if run in await self.runs.names_running():
            raise Busy(f"run {run}: its batches are counted before they are sorted")
        batches = [item for item in await self.ledger.outlines(run) if item.keys > 1]
        for portion in portions([item.keys for item in batches]):
            if budget.spent(self.clock.monotonic()) or not await self._sort(batches[portion], 0):
                raise Busy(f"run {run}: not all of its batches are sorted yet")
        for number in range(1, MOST_LEVELS):
            if not await self._sink(number, budget):
                break
        self.log.info("batches of events are sorted", run=run, batches=len(batches))

    async def _sink(self, number: int, budget: Budget) -> bool:
        """Sort the records of a level into the next one if it is full; false if not, or if time is up: the next run's
        message goes on.
        """
        found = await self.ledger.outlines(level(number))
        if len(found) < most_records(number):
            return False
        for start in range(0, len(found) - FAN + 1, FAN):
            if budget.spent(self.clock.monotonic()):
                return False
            await self._sort(found[start : start + FAN], number)
        return True

    async def _sort(self, outlines: Sequence[Outline], number: int) -> bool:
        """False if somebody has written one of the records meanwhile."""
        turns = asyncio.Semaphore(_READ_AT_ONCE)

        async def read(outline: Outline) -> Versioned | None:
            async with turns:
                return await self.ledger.get(outline.batch)

        found = [item for item in await asyncio.gather(*map(read, outlines)) if item is not None]
        whole = True
        for part in fitting([len(item.record.table.packed) for item in found]):
            records, versions = [item.record for item in found[part]], [item.version for item in found[part]]
            whole &= await self.ledger.merge(sorted_together(records, versions, number), versions)
        return whole
