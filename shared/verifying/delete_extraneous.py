"""Delete copies that belong to no object, if the job asks for it and `domain/extraneous.py` lets them go.

A comparison marks what it finds; a later one, after the grace period, deletes what it finds again. Killed in between,
the next comparison goes on: a mark is taken away only once its copy is gone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import LostRace
from shared.domain.extraneous import DeleteExtras, DestinationOnly, Evidence, is_ours, refusal
from shared.domain.rollup import FolderRollup
from shared.domain.runs import RunState
from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.extra_store import ExtraStore
from shared.ports.log import Log
from shared.ports.run_store import OpenRun, RunSummary
from shared.ports.source import Source
from shared.verifying.is_there import is_there

_AT_ONCE = 32

DELETING_SECONDS = 200.0
"""Deleting ends then, so that it ends before another invocation takes over the end of its run; the next comparison goes
on with what is left.
"""


@dataclass(frozen=True, slots=True)
class DeleteExtraneous:
    """asked: off, dry-run or on. root: the job's prefix. share: of all copies, what may belong to nobody.
    grace_seconds: how long ago a comparison must have marked a copy.
    """

    source: Source
    destination: Destination
    extras: ExtraStore
    clock: Clock
    log: Log
    asked: DeleteExtras
    root: str
    share: float
    grace_seconds: float

    @property
    def marks(self) -> bool:
        """Whether comparisons are to mark what they find."""
        return self.asked is not DeleteExtras.OFF

    async def mark(self, run: str, found: Sequence[DestinationOnly]) -> None:
        """Record destination-only objects, and since when they are."""
        await self.extras.mark(run, found, self.clock.now())

    async def __call__(self, run: OpenRun, ended: RunState, summary: RunSummary, whole: FolderRollup) -> None:
        """After a comparison: delete what may be deleted."""
        if not self.marks or not whole.extra:
            return
        found = Evidence(
            run.prefix == self.root, ended is RunState.FINISHED, summary.listed_keys, whole.extra, whole.gcs_count
        )
        why_not = refusal(self.asked, found, self.share)
        if why_not is not None:
            self.log.warning("destination-only objects are kept", run=run.name, reason=why_not, extras=whole.extra)
            return
        before, end = self.clock.now() - self.grace_seconds, self.clock.monotonic() + DELETING_SECONDS
        marked = aiter(self.extras.marked(run.name, before))
        deleted = 0
        while self.clock.monotonic() < end:
            some = [item for item in [await anext(marked, None) for _ in range(_AT_ONCE)] if item is not None]
            if not some:
                break
            deleted += await self._delete(run.name, some)
        self.log.warning("destination-only objects", run=run.name, found=whole.extra, deleted=deleted, asked=self.asked)

    async def _delete(self, run: str, found: Sequence[DestinationOnly]) -> int:
        return sum(await asyncio.gather(*(self._one(run, item) for item in found)))

    async def _one(self, run: str, item: DestinationOnly) -> bool:
        """Whether a copy was deleted. Both sides are asked once more for just this one."""
        name = item.name.decode()
        copy = await self.destination.stat(item.name)
        is_same = copy is not None and copy.generation == item.generation and is_ours(copy)
        if not is_same or await is_there(self.source, item.key):
            self.log.info(
                "a destination-only object is kept",
                run=run,
                key=name,
                reason="there is an object for it, or it is not ours",
            )
            await self.extras.unmark(item)
            return False
        if self.asked is DeleteExtras.DRY_RUN:
            self.log.warning("would be deleted", run=run, key=name, generation=item.generation, bytes=item.size)
            return False
        try:
            await self.destination.delete(item.name, item.generation)
        except LostRace:
            return False
        self.log.warning("deleted", run=run, key=name, generation=item.generation, bytes=item.size)
        await self.extras.unmark(item)
        return True
