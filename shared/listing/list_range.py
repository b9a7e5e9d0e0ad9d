"""List a key range of the source, publish what is new or changed, account for the rest.

Killed at any line, the redelivered message takes the range over when the lease has run out, sends again what was
recorded but may not have been sent, and goes on; no key is counted twice.
"""

from bisect import bisect_right
from dataclasses import dataclass

from shared.domain.budget import Budget
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage
from shared.domain.missed import Followed
from shared.domain.runs import RunKind
from shared.listing.follow_events import FollowEvents
from shared.listing.key_steps import KeySteps
from shared.listing.list_steps import ListSteps
from shared.listing.sort_events import SortEvents
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.range_store import RangeId, RangeStore
from shared.ports.run_store import RunStore
from shared.ports.source import Source
from shared.ranges.ledger_scan import LedgerScan
from shared.ranges.range_work import RangeWork
from shared.ranges.taken_range import TakenRange


@dataclass(frozen=True, slots=True)
class ListRange:
    """life_seconds: how long a published batch counts as alive. events: None where the job follows none."""

    source: Source
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    work: RangeWork
    filters: Filters
    clock: Clock
    log: Log
    life_seconds: float
    sort_events: SortEvents
    events: FollowEvents | None = None

    async def __call__(self, message: ListMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        if message.sort is not None:
            await self.sort_events(message.sort, budget)
            return
        if message.events:
            if self.events is None:
                self.log.warning("no events are followed: EVENTS_QUEUE_URL is not set")
                return
            await self.events(message, new_run, budget)
            return
        held = await self.work.take(RunKind.KEYS if message.keys else RunKind.LIST, message, new_run, message.keys)
        if held is None:
            return
        steps = self._key_steps(held) if held.single_keys else await self._steps(held)
        if await self.work(held, steps, budget, message.force):
            await self._note(held.lease.range_id, held.kind)

    def _key_steps(self, held: TakenRange[ListMessage]) -> KeySteps:
        keys = sorted(set(held.message.keys))
        run, again = held.lease.range_id.run, held.may_be_recorded
        return KeySteps(self.source, self.ledger, run, keys[bisect_right(keys, held.walk.start) :], again, self.log)

    async def _steps(self, held: TakenRange[ListMessage]) -> ListSteps:
        run, walk = held.lease.range_id.run, held.walk
        running = await self.runs.names_running() | {run}
        records = self.ledger.scan(held.prefix, walk.start, walk.until)
        cancelled = (await self.work.job_control.read()).cancelled
        ledger = LedgerScan(
            self.ledger,
            self.runs,
            records,
            run,
            held.mine,
            running,
            cancelled,
            after=walk.start,
            merges=True,
            prefix=held.prefix,
        )
        followed = None
        if self.events is not None:
            since, late_seconds = await self.runs.scheduled_since(RunKind.EVENTS), self.events.late_seconds
            followed = Followed(since, late_seconds, self.clock.now())
        return ListSteps(ledger, held.message, run, self.filters, self.clock, self.life_seconds, followed)

    async def _note(self, range_id: RangeId, kind: RunKind) -> None:
        """What the prefix's document says once the last range is closed."""
        if await self.ranges.is_open(range_id.run):
            return
        listed = await self.ranges.listed(range_id.run)
        keys, size = listed.total_keys, listed.total_bytes
        self.log.info("listed", run=range_id.run, prefix=range_id.prefix, keys=keys, bytes=size)
        if kind is RunKind.LIST:
            await self.work.runs.notes.listed(range_id.run, range_id.prefix)
