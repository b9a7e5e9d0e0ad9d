"""What lister and verifier have in common: a range is taken, walked, and finished according to what happened.

completed        the range is closed
budget spent     what is left becomes a range of its own, and its message is sent
paused           what is left becomes a range without a message, until the job is resumed; who finds, once it is written
                 down, that it is resumed already, sends the message
ceiling reached  the range is closed where it stands, and says why; what batches have of its rest counts as listed
cancelled        likewise: nothing of the rest is listed, or begun by anybody
unavailable      a side does not answer now: what is left is a message again; nacked if nothing was done yet
side failed      a side will not answer at all: the range is closed as at a ceiling
"""

from asyncio import CancelledError
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.domain.budget import Budget
from shared.domain.counts import RangeCounts
from shared.domain.errors import ObjectError, Postponed, Transient
from shared.domain.keys import Key
from shared.domain.messages import RangeMessage
from shared.domain.page import NO_OBJECTS, Page
from shared.domain.runs import RunKind
from shared.domain.transfer_topics import goes_first
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.publishing import Publishing
from shared.ranges.ranges import Ranges
from shared.ranges.results import (
    BudgetSpent,
    Cancelled,
    CeilingReached,
    Completed,
    Paused,
    Result,
    SideFailed,
    Unavailable,
)
from shared.ranges.sending import Sending
from shared.ranges.split_range import SplitRange, pages_before_split
from shared.ranges.steps import Steps
from shared.ranges.taken_range import TakenRange
from shared.ranges.walk import Walk
from shared.runs.ceilings import CeilingGuard, Stopped
from shared.runs.job_control import JobControl
from shared.runs.lifecycle import RunLifecycle
from shared.runs.portions import Portions

M = TypeVar("M", bound=RangeMessage)

MOST_REASON = 300
"""Characters of a reason that a range keeps."""


@dataclass(frozen=True, slots=True)
class RangeWork:
    """portions: what the instance holds of ceilings."""

    source: Source
    clock: Clock
    split: SplitRange
    ranges: Ranges
    runs: RunLifecycle
    publish: PublishBatches
    job_control: JobControl
    log: Log
    portions: Portions

    async def take(
        self, kind: RunKind, message: M, new_run: str, keys: Sequence[Key] = (), counts: RangeCounts | None = None
    ) -> TakenRange[M] | None:
        """The range of a message, taken for this invocation; None if there is nothing to do. keys: instead of a prefix.
        counts: what the range's counts begin with.
        """
        if message.run is None and not await self.runs.may_start(new_run, kind, message.scheduled):
            return None
        taken = await self.ranges.take(kind, message, new_run, keys)
        if taken is None:
            return None
        named, lease = taken
        range_id = lease.range_id
        if message.run is None and not keys:
            await self.runs.notes.started(range_id.run, kind, range_id.prefix)
        walk = Walk(
            start=range_id.cursor,
            until=lease.until,
            counts=counts or RangeCounts(),
            most_keys=1 if keys else self.publish.keys_per_message,
            most_bytes=self.publish.batch_bytes,
        )
        ceiling = CeilingGuard(self.job_control, self.portions, range_id.run)
        return TakenRange(kind, named, lease, ceiling, walk)

    async def __call__(
        self,
        held: TakenRange[M],
        steps: Steps,
        budget: Budget,
        force: bool = False,
        repairs: set[bytes] | None = None,
    ) -> bool:
        """Walk a range and finish it. True if it was closed. force: copy even what is unchanged. repairs: the keys that
        steps name to be copied so; None for a listing.
        """
        sending = Sending(self.publish, held.ceiling, held.lease, held.mine, goes_first(held.message))
        out = Publishing(sending, held.walk, force, repairs)
        try:
            result = await self._walk(held, steps, budget, out)
        except (Exception, CancelledError):  # whoever is cut off leaves an instance that lives on
            await held.ceiling.release()
            raise
        await held.ceiling.release()
        return await self._finish(held, steps, result, out, budget)

    async def _walk(self, held: TakenRange[M], steps: Steps, budget: Budget, out: Publishing) -> Result:
        walk = held.walk
        try:
            if not held.single_keys:
                await held.ceiling.mind()
            over = not held.single_keys and await self._pages(held, steps, out, budget)
            if not over and not walk.at_end:
                over = await self._tail(held, steps, out, budget)
            await out.flush()
            if not over:
                walk.complete()
            await steps.close(walk.read if over else held.end)
            return BudgetSpent() if over else Completed()
        except Stopped as stop:
            if stop.cancelled:
                return Cancelled(str(stop))
            return Paused(str(stop)) if stop.paused else CeilingReached(str(stop))
        except Transient as failure:
            return Unavailable(failure)
        except ObjectError as failure:
            return SideFailed(failure)

    async def _pages(self, held: TakenRange[M], steps: Steps, out: Publishing, budget: Budget) -> bool:
        """Read the source's listing, page by page, to its end or the range's. True if the budget ended first."""
        walk, depth = held.walk, held.message.depth
        pages, look_at = 0, pages_before_split(depth)
        async for listed in self.source.pages(held.prefix, walk.start):
            if not len(listed):
                await self._go_on(held)
                if walk.read > walk.start and budget.spent(self.clock.monotonic()):
                    return True
                continue
            page = listed if walk.until is None else listed.until(walk.until)
            if len(page):
                left = await self._remember(held, steps, out, budget, page, page.last)
                if left is None:
                    return True
                async for plan in steps.page(left):
                    await out.add(plan)
                    await self._keep_rows(walk, steps)
                    if walk.read < page.last and budget.spent(self.clock.monotonic()):
                        return True
            if len(page) < len(listed) or walk.at_end:
                return False
            pages += 1
            if budget.spent(self.clock.monotonic()):
                return True
            if pages >= look_at:
                look_at = pages + await self._split_if_long(held)
            await self._go_on(held)
        return False

    async def _go_on(self, held: TakenRange[M]) -> None:
        """Keep the lease. Whenever it is renewed, which is three times in its time, ask whether the run was cancelled:
        where nothing has changed nothing is published, and nobody else asks. Raises Stopped if so.
        """
        if await held.lease.renew():
            await held.ceiling.mind()

    async def _tail(self, held: TakenRange[M], steps: Steps, out: Publishing, budget: Budget) -> bool:
        """Read what lies behind the source's last object. True if the budget ended first."""
        walk = held.walk
        if await self._remember(held, steps, out, budget, NO_OBJECTS, held.end) is None:
            return True
        await held.ceiling.mind()
        async for plan in steps.tail(walk.until):
            await out.add(plan)
            await self._keep_rows(walk, steps)
            if not walk.at_end and budget.spent(self.clock.monotonic()):
                return True
        return False

    async def _remember(
        self, held: TakenRange[M], steps: Steps, out: Publishing, budget: Budget, page: Page, end: bytes
    ) -> Page | None:
        """Read the ledger up to `end`, however much lies there that the source has no more. What of the page is still
        to be planned; None if the budget ended.
        """
        walk = held.walk
        async for step in steps.advance(page, end):
            await out.resend(step.unsent)
            await self._go_on(held)
            if step.reached is None or step.reached <= max(walk.read, held.prefix):
                continue
            async for plan in steps.until(page, step.reached, budget.spent(self.clock.monotonic())):
                await out.add(plan)
                await self._keep_rows(walk, steps)
                if budget.spent(self.clock.monotonic()):
                    return None
            page = page.behind(walk.read)
        return page

    async def _split_if_long(self, held: TakenRange[M]) -> int:
        """Split off what proves long; after how many pages to look again."""
        walk, depth = held.walk, held.message.depth
        found = await self.split(held.prefix, walk.read, walk.until, depth)
        points = [point for point in found.points if point.startswith(held.prefix)]
        if points and self.ranges.has_room(held.lease, points):
            await self._hand_on(held, points, deeper=1)
        return found.pages

    async def _hand_on(
        self, held: TakenRange[M], points: Sequence[Key], *, deeper: int = 0, paused: bool = False
    ) -> None:
        held.walk.split(points)
        still = partial(self.job_control.paused, held.lease.range_id.run) if paused else None
        await self.ranges.split(held.lease, held.message, points, deeper=deeper, paused=still)

    async def _keep_rows(self, walk: Walk, steps: Steps) -> None:
        counted = walk.take_counted()
        if steps.manifest is not None and counted:
            for plan, count in counted:
                steps.manifest.add(plan.rows(count))
            await steps.manifest.write_full()

    async def _finish(self, held: TakenRange[M], steps: Steps, result: Result, out: Publishing, budget: Budget) -> bool:
        """All that follows from what happened. True if the range was closed. Raises what made a side unavailable if
        nothing was done yet: the message comes again.
        """
        walk, range_id = held.walk, held.lease.range_id
        walk.stop()
        rest = walk.rest
        may_hand_on = walk.position is not None
        match result:
            case Completed() | BudgetSpent():
                if rest is not None:
                    await self._hand_on(held, [rest])
            case Paused(why):
                self.log.info("waiting to be resumed", run=range_id.run, prefix=range_id.prefix, reason=why)
                if not may_hand_on:
                    if await self.job_control.paused(range_id.run):
                        return False
                    raise Postponed("the job was resumed, or the run cancelled, meanwhile")
                if rest is not None:
                    await self._hand_on(held, [rest], paused=True)
            case Unavailable(failure):
                if not may_hand_on:
                    raise failure
                self.log.warning("a range is handed on", run=range_id.run, reason=failure.reason, why=str(failure))
                if rest is not None:
                    await self._hand_on(held, [rest])
            case Cancelled(why):
                self.log.info("a range of a cancelled run is closed", run=range_id.run, prefix=range_id.prefix)
                if rest is not None or held.single_keys:
                    walk.counts.stopped = why
                await self._list_queued(held, steps, out, budget)
            case CeilingReached(why):
                await self._stopped(held, why, ceiling=True)
                await self._list_queued(held, steps, out, budget)
            case SideFailed(failure):
                await self._stopped(held, f"{failure.reason}: {failure}")
                await self._list_queued(held, steps, out, budget)
        await self._keep_rows(walk, steps)
        if steps.manifest is not None:
            await steps.manifest.write()
        await self.ranges.close(held.lease, walk.counts)
        return True

    async def _stopped(self, held: TakenRange[M], why: str, *, ceiling: bool = False) -> None:
        if held.walk.rest is not None or held.single_keys:
            reason, range_id = why[:MOST_REASON], held.lease.range_id
            held.walk.counts.stopped = reason
            await self.runs.notes.failed(range_id.run, held.kind, range_id.prefix, reason, ceiling=ceiling)

    async def _list_queued(self, held: TakenRange[M], steps: Steps, out: Publishing, budget: Budget) -> None:
        """Nobody will look at the rest of the range; but what a killed invocation recorded of it is copied, so it was
        listed. Where the ledger is long, what is left of it is a range of its own.
        """
        walk, end = held.walk, held.end
        if walk.rest is None or not held.may_be_recorded:
            return
        async for step in steps.read_queued(end):
            await out.resend(step.unsent)
            await held.lease.renew()
            reached = step.reached or b""
            if max(walk.read, held.prefix) < reached < end and budget.spent(self.clock.monotonic()):
                end = reached
                await self._hand_on(held, [end])
                break
        steps.queued(walk.queued_behind, end).count(0, walk.counts)
