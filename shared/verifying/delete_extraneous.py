"""Delete copies that belong to no object, if the job asks for it and `domain/extraneous.py` lets them go.

A comparison marks what it finds; a later one, after the grace period, deletes what it finds again. What a finished
comparison of the whole job has not found again is marked no more, so a mark means "at every comparison since". Killed
in between, the next comparison goes on: a mark is taken away only once its copy is gone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.counts import Outcome
from shared.domain.errors import LostRace, ObjectError
from shared.domain.extraneous import DeleteExtras, DestinationOnly, Evidence, own_key, refusal
from shared.domain.keys import KeyMapping
from shared.domain.objects import DestinationObject
from shared.domain.provenance import Provenance
from shared.domain.reasons import Scope
from shared.domain.rollup import Rollup
from shared.domain.runs import RunState
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord, batch_id
from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.extra_store import ExtraStore
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.run_store import OpenRun, RunSummary
from shared.ports.source import Source
from shared.runs.job_control import JobControl
from shared.verifying.is_there import is_there

DELETING_SECONDS = 200.0
"""Deleting ends then, so that it ends before another invocation takes over the end of its run; the next comparison goes
on with what is left.
"""


@dataclass(frozen=True, slots=True)
class DeleteExtraneous:
    """asked: off, dry-run or on. provenance: what this job's copies say of where they come from. share: of this
    job's copies, what may belong to no object. grace_seconds: how long ago a comparison must have marked a copy.
    """

    source: Source
    destination: Destination
    extras: ExtraStore
    ledger: LedgerStore
    job_control: JobControl
    clock: Clock
    log: Log
    asked: DeleteExtras
    provenance: Provenance
    mapping: KeyMapping
    share: float
    grace_seconds: float

    @property
    def marks(self) -> bool:
        """Whether comparisons are to mark what they find."""
        return self.asked is not DeleteExtras.OFF

    def own(self, copy: DestinationObject) -> DestinationOnly | None:
        """A copy without an object, if this very job has made it, with the key that it was made of."""
        key = own_key(copy, self.provenance, self.mapping)
        if key is None:
            return None
        return DestinationOnly(copy.name, key, copy.generation, copy.size)

    async def mark(self, run: str, found: Sequence[DestinationOnly]) -> None:
        """Record destination-only objects, and since when they are."""
        await self.extras.mark(run, found, self.clock.now())

    async def __call__(self, run: OpenRun, ended: RunState, summary: RunSummary, sums: Rollup) -> None:
        """After a comparison: forget the marks that it did not see again, and delete what may be deleted."""
        whole = sums.whole()
        own_copies = whole.gcs_count - whole.extra + sums.own_extra
        found = Evidence(
            whole_job=run.prefix == self.mapping.source_prefix,
            finished=ended is RunState.FINISHED,
            listed=summary.listed_keys,
            extras=sums.own_extra,
            copies=own_copies,
        )
        if found.whole_job and found.finished:
            await self.extras.keep_only(run.name)
        if not self.marks or not whole.extra:
            return
        why_not = refusal(self.asked, found, self.share)
        if why_not is not None:
            self.log.warning("destination-only objects are kept", run=run.name, reason=why_not, extras=whole.extra)
            return
        before, end = self.clock.now() - self.grace_seconds, self.clock.monotonic() + DELETING_SECONDS
        deleted = 0
        async for some in self.extras.marked(run.name, before):
            if self.clock.monotonic() >= end:
                break
            if some and (await self.job_control.read(afresh=True)).paused:
                self.log.warning("deletion waits", run=run.name, reason="the job is paused")
                break
            deleted += await self._delete(run.name, some)
        self.log.warning(
            "destination-only objects",
            run=run.name,
            found=whole.extra,
            own=sums.own_extra,
            deleted=deleted,
            asked=self.asked,
        )

    async def _delete(self, run: str, found: Sequence[DestinationOnly]) -> int:
        """How many were deleted. One that is refused, for a hold, keeps its mark and nothing else from going; what
        concerns all of them is raised, once all have been tried.
        """
        ended = await asyncio.gather(*(self._one(run, item) for item in found), return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        return sum(gone is True for gone in ended)

    async def _one(self, run: str, item: DestinationOnly) -> bool:
        """Whether a copy was deleted."""
        try:
            return await self._checked(run, item)
        except ObjectError as failure:
            if failure.reason.scope is Scope.EVERYBODY:
                raise
            why = f"{failure.reason}: {failure}"
            self.log.warning("a destination-only object is kept", run=run, key=item.name.decode(), reason=why)
            return False

    async def _checked(self, run: str, item: DestinationOnly) -> bool:
        """Both sides are asked once more for just this one; then the ledger forgets the key, so that an object which
        comes back as it was is copied again, and only then the copy goes. One that came back meanwhile may have been
        listed, and its copy found there and noted: then the ledger forgets the key once more.
        """
        name = item.name.decode()
        copy = await self.destination.stat(item.name)
        own = self.own(copy) if copy is not None else None
        if own != item or await is_there(self.source, item.key):
            self.log.info(
                "a destination-only object is kept",
                run=run,
                key=name,
                reason="there is an object for it, or it is not the copy that was marked, or not ours",
            )
            await self.extras.unmark(item)
            return False
        if self.asked is DeleteExtras.DRY_RUN:
            self.log.warning("would be deleted", run=run, key=name, generation=item.generation, bytes=item.size)
            return False
        await self.ledger.create([self._forgotten(run, item, "before")])
        try:
            await self.destination.delete(item.name, item.generation)
        except LostRace:
            return False
        if await is_there(self.source, item.key):
            await self.ledger.create([self._forgotten(run, item, "after")])
        self.log.warning("deleted", run=run, key=name, generation=item.generation, bytes=item.size)
        await self.extras.unmark(item)
        return True

    def _forgotten(self, run: str, item: DestinationOnly, when: str) -> BatchRecord:
        """A record that outweighs what is known of a key, and fits no version: whatever is listed under it is new.
        when: of its deletion.
        """
        why = "its copy was deleted: it belonged to no object"
        entry = Entry(item.key, "", 0, 0, Outcome.UNCHANGED, reason=why)
        return BatchRecord(batch_id(f"{run}:{item.generation}:{when}", [entry]), MERGED, self.clock.now(), (entry,))
