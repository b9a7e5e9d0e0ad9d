"""Follow the source's events: what S3 says it has written is published within a second or two.

What the queue brings is published at most about once in `pace.WINDOW_SECONDS`, as one batch: recorded, then sent, then
deleted from the queue. Killed in between, the events come again, and the run's next holder counts what was recorded and
sends it again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.budget import Budget
from shared.domain.errors import Busy, ObjectError, Transient
from shared.domain.messages import MOST_KEYS, ListMessage
from shared.domain.runs import RunKind
from shared.listing.pace import Pace
from shared.listing.publish_events import PublishEvents
from shared.listing.stretch import Stretch
from shared.ports.event_queue import EventMessage, EventQueue
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue
from shared.ports.range_store import RangeStore
from shared.ports.run_store import RunStore
from shared.ranges.lease import Lease
from shared.ranges.range_work import MOST_REASON, RangeWork
from shared.ranges.sending import Sending
from shared.runs.ceilings import CeilingGuard, Stopped

WAIT_SECONDS = 5
"""Of one long poll, at most 20; a run that ends waits for those under way, since what they bring would be hidden."""

_Taken = tuple[Lease, list[EventMessage]]
"""The lease on a run's range, and the events that the run begins with."""


@dataclass(slots=True)
class FollowEvents:
    """quiet_seconds: without an event a run ends; the scheduler's next message begins another. topic: the lister's own,
    for the run that follows one whose budget is over. late_seconds: an older event is late, which is logged.
    """

    queue: EventQueue
    publish: PublishEvents
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    work: RangeWork
    messages: Queue
    topic: str
    quiet_seconds: float
    late_seconds: float

    async def __call__(self, message: ListMessage, new_run: str, budget: Budget) -> None:
        """Follow until the budget ends, or until nothing came for a while."""
        taken = await self._take(message, new_run)
        if taken is None:
            return
        lease, first = taken
        ceiling = CeilingGuard(self.work.job_control, self.work.portions, lease.range_id.run)
        stretch = Stretch(Sending(self.work.publish, ceiling, lease, set(), first=True))
        if stretch.lease.taken_over:
            await self._recount(stretch)
        try:
            over = await self._follow(stretch, budget, first)
        finally:
            await stretch.ceiling.release()
        await self.work.ranges.close(stretch.lease, stretch.counts)
        self._say(stretch)
        if over:
            await self.messages.publish(self.topic, [ListMessage(events=True, scheduled=True)])

    async def _take(self, message: ListMessage, new_run: str) -> _Taken | None:
        """The lease on the range of the message's run, of one that is open, or of a new one; with what a new one begins
        with. None if there is nothing to do. Raises Busy while another invocation follows for this very message.
        """
        run = message.run or new_run.replace("list-", "events-", 1)
        if message.run is not None or await self.runs.exists(run):
            return await self._lease(message, run, [])
        if (await self.work.job_control.read(afresh=True)).paused:
            self.work.log.info("the job is paused, so no events are followed", run=run)
            return None
        version = (await self.runs.scheduled(RunKind.EVENTS))[1]  # before it is asked which are open
        open_run = await self._open_run()
        if open_run:
            try:
                return await self._lease(message.model_copy(update={"run": open_run}), open_run, [])
            except Busy:
                return None  # somebody follows
        first = await self._first(run)
        if not first or not await self.runs.schedule(RunKind.EVENTS, run, version):
            return None
        return await self._lease(message, run, first)

    async def _lease(self, message: ListMessage, run: str, first: list[EventMessage]) -> _Taken | None:
        taken = await self.work.ranges.take(RunKind.EVENTS, message, run)
        return None if taken is None else (taken[1], first)

    async def _open_run(self) -> str:
        """The first of the runs of this job's events that are not over, "" if there is none.

        One follows at a time, and who does may have died: its message may come again after minutes, or never if it was
        a second delivery of one that had been acknowledged. It need not be the run that was scheduled last: whoever
        stands still between scheduling a run and creating it finds another one begun meanwhile.
        """
        for item in await self.runs.running():
            of_events = item.kind is RunKind.EVENTS and item.prefix == self.work.ranges.root
            if of_events and await self.ranges.is_open(item.name):
                return item.name
        return ""

    async def _first(self, run: str) -> list[EventMessage]:
        """What a run begins with: where nothing comes, there is none."""
        clock = self.work.clock
        until = clock.monotonic() + self.quiet_seconds
        try:
            while clock.monotonic() < until:
                found = await self.queue.receive(WAIT_SECONDS)
                if found:
                    return found
        except Transient as failure:
            self.work.log.warning("events are not followed", run=run, reason=str(failure))
        except ObjectError as failure:
            why = f"{failure.reason}: {failure}"
            self.work.log.error("events cannot be followed", run=run, reason=why, advice=failure.reason.advice)
        return []

    async def _recount(self, stretch: Stretch) -> None:
        """Count what a killed invocation recorded, and send again what it may not have sent."""
        async for record in self.ledger.of_run(stretch.run):
            stretch.mine.add(record.batch)
            size = sum(entry.listed_size for entry in record.entries)
            stretch.counts.listed.add("listed", size, len(record.entries))
            if not record.settled:
                await stretch.sending.resend([record], False)

    async def _follow(self, stretch: Stretch, budget: Budget, first: list[EventMessage]) -> bool:
        """True if the budget has ended."""
        polls: set[asyncio.Task[list[EventMessage]]] = set()
        try:
            return await self._read(stretch, budget, polls, first)
        except Stopped as stop:
            if not stop.paused:
                stretch.counts.stopped = str(stop)
                self.work.log.warning("events are not followed", run=stretch.run, reason=str(stop))
        except Transient as failure:
            self.work.log.warning("events are not followed", run=stretch.run, reason=str(failure))
        except ObjectError as failure:
            stretch.counts.stopped = f"{failure.reason}: {failure}"[:MOST_REASON]
            self.work.log.error("events cannot be followed", run=stretch.run, reason=stretch.counts.stopped)
        finally:
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, return_exceptions=True)
        return False

    async def _read(
        self,
        stretch: Stretch,
        budget: Budget,
        polls: set[asyncio.Task[list[EventMessage]]],
        waiting: list[EventMessage],
    ) -> bool:
        clock = self.work.clock
        came_at, pace, ending = clock.monotonic(), Pace(), False
        while True:
            now = clock.monotonic()
            rest = 0.0 if ending else pace.rest(now)
            while not ending and not rest and len(polls) < pace.polls:
                polls.add(asyncio.create_task(self.queue.receive(WAIT_SECONDS)))
            resting = rest > 0 and len(polls) < pace.polls
            done: set[asyncio.Task[list[EventMessage]]] = set()
            if polls:
                timeout = rest if resting else pace.due_in(now) if waiting else None
                done, _ = await asyncio.wait(polls, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            elif resting:
                await clock.sleep(rest)
            polls -= done
            now = clock.monotonic()
            for poll in done:
                brought = poll.result()
                pace.brought(len(brought), _age(brought, clock.now()), now)
                waiting += brought
                came_at = now if brought else came_at
            due = not pace.due_in(now) or not (done or resting)
            if waiting and (due or _events(waiting) >= MOST_KEYS):
                portion, waiting = waiting, []
                pace.sent(now)
                await self.publish(stretch, portion)
                await self._delete(stretch, portion)
            await stretch.lease.renew()
            await stretch.ceiling.mind()
            control = await self.work.job_control.read()
            over = budget.spent(now + WAIT_SECONDS) and not control.paused
            ending = ending or over or control.paused or (not waiting and now - came_at >= self.quiet_seconds)
            if ending and not polls and not waiting:
                return over

    async def _delete(self, stretch: Stretch, portion: Sequence[EventMessage]) -> None:
        """What is recorded and sent; what nobody can read is left, for the queue to put aside."""
        handles = [message.handle for message in portion if not message.unreadable]
        stretch.note("not deleted", await self.queue.delete(handles) if handles else 0)

    def _say(self, stretch: Stretch) -> None:
        run, oldest = stretch.run, round(stretch.oldest, 1)
        self.work.log.info("events followed", run=run, oldest_seconds=oldest, **stretch.told)
        if stretch.oldest > self.late_seconds:
            self.work.log.warning("events lag behind", run=run, oldest_seconds=oldest)


def _events(waiting: Sequence[EventMessage]) -> int:
    return sum(len(message.events) for message in waiting)


def _age(brought: Sequence[EventMessage], now: float) -> float:
    """How old the oldest of these events is, in seconds; 0 for none."""
    return max((now - event.at for message in brought for event in message.events), default=0.0)
