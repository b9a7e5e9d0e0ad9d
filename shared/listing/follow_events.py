"""Follow the source's events: what S3 says it has written is published within a second or two.

What the queue brings is published at most about once in `pace.WINDOW_SECONDS`, as one batch: recorded, then sent, then
deleted from the queue. Killed in between, the events come again, and the run's next holder counts what was recorded and
sends it again.

Events come twice, late, and in no order. Of one key the newest sequencer is published, and what an instance has
published already it drops. It does not ask the ledger: the transfer looks at the destination and at S3 before it
copies, so an event that is older than the copy costs two requests and no copy. What events lose the delta repairs.

event                                       what becomes of it
-----------------------------------------   ----------------------------------------------------------
created, the newest that is known           published, or filtered
created, older or the same again            dropped
removed                                     counted; an older creation is dropped: comparisons find what is left over
of a key outside the job, of a tag, a test  counted and deleted from the queue
that nobody can read                        left, so that the queue puts it aside with its dead letters
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.batching import batches
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import Busy, ObjectError, Transient
from shared.domain.events import ObjectEvent
from shared.domain.filters import Filters
from shared.domain.messages import MOST_KEYS, ListMessage
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.domain.runs import RunKind
from shared.ledger.record import batch_id
from shared.listing.pace import Pace
from shared.listing.seen_events import SeenEvents
from shared.listing.stretch import Stretch
from shared.ports.event_queue import EventMessage, EventQueue
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue
from shared.ports.range_store import RangeStore
from shared.ports.run_store import RunStore
from shared.ports.source import Source
from shared.ranges.lease import Lease
from shared.ranges.range_work import MOST_REASON, RangeWork
from shared.ranges.sending import Sending
from shared.runs.ceilings import CeilingGuard, Stopped

WAIT_SECONDS = 5
"""Of one long poll, at most 20; a run that ends waits for those under way, since what they bring would be hidden."""

_Taken = tuple[Lease, list[EventMessage]]
"""The lease on a run's range, and the events that the run begins with."""

_AT_ONCE = 32
"""Keys whose storage class is asked for at a time."""


@dataclass(slots=True)
class FollowEvents:
    """quiet_seconds: without an event a run ends; the scheduler's next message begins another. topic: the lister's own,
    for the run that follows one whose budget is over. late_seconds: an older event is late, which is logged.
    """

    queue: EventQueue
    source: Source
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    work: RangeWork
    messages: Queue
    filters: Filters
    topic: str
    batch_bytes: int
    quiet_seconds: float
    late_seconds: float
    seen: SeenEvents = field(default_factory=SeenEvents)

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
                await stretch.sending.resend(record, False)

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
                await self._publish(stretch, portion)
            await stretch.lease.renew()
            await stretch.ceiling.mind()
            control = await self.work.job_control.read()
            over = budget.spent(now + WAIT_SECONDS) and not control.paused
            ending = ending or over or control.paused or (not waiting and now - came_at >= self.quiet_seconds)
            if ending and not polls and not waiting:
                return over

    async def _publish(self, stretch: Stretch, portion: Sequence[EventMessage]) -> None:
        """Record, send, then delete. Raises Stopped, and nothing is deleted, if a ceiling or a person says so: what was
        allowed of it is counted, and its events find it copied when they come again.
        """
        newest = self._newest(stretch, portion)
        objects = await self._objects(stretch, [event for event in newest if not event.removed])
        page = Page.of(objects)
        filtered = self.filters.sift(page)
        wanted = [item for index, item in enumerate(objects) if index not in filtered]
        run = stretch.run
        found = {batch_id(run, batch): batch for batch in batches(wanted, MOST_KEYS, self.batch_bytes)}
        new = [batch for name, batch in found.items() if name not in stretch.mine]
        stretch.note("duplicates", sum(map(len, found.values())) - sum(map(len, new)))
        sent = await stretch.sending(new)
        for batch in sent.batches:
            stretch.note("published", len(batch))
            stretch.counts.listed.add("listed", sum(item.size for item in batch), len(batch))
        if sent.refused is not None:
            raise sent.refused
        for index, reason in filtered.items():
            stretch.counts.listed.add("listed", page.sizes[index])
            stretch.counts.outcomes.add(Outcome.FILTERED, page.sizes[index])
            stretch.counts.filters.add(reason, page.sizes[index])
        self.seen.add(newest)
        handles = [message.handle for message in portion if not message.unreadable]
        stretch.note("not deleted", await self.queue.delete(handles) if handles else 0)

    def _newest(self, stretch: Stretch, portion: Iterable[EventMessage]) -> list[ObjectEvent]:
        """One event a key, in key order, that is newer than what was published."""
        newest: dict[bytes, ObjectEvent] = {}
        now, root = self.work.clock.now(), self.work.ranges.root
        for message in portion:
            stretch.note("others", message.others)
            if message.unreadable:
                stretch.note("unreadable")
                self.work.log.warning("an event that nobody can read", run=stretch.run, reason=message.unreadable)
            for event in message.events:
                stretch.oldest = max(stretch.oldest, now - event.at)
                if not event.key.startswith(root):
                    stretch.note("others")
                elif not self.seen.is_new(event):
                    stretch.note("duplicates")
                else:
                    known = newest.get(event.key)
                    stretch.note("duplicates", known is not None)
                    if known is None or event.is_newer(known.sequencer):
                        newest[event.key] = event
        stretch.note("removed", sum(event.removed for event in newest.values()))
        return [newest[key] for key in sorted(newest)]

    async def _objects(self, stretch: Stretch, events: Sequence[ObjectEvent]) -> list[SourceObject]:
        """What events name. They do not tell the storage class, and the transfer asks S3 for all that it copies; only a
        filter needs it before. Asked one after the other, they would be fewer a second than come.
        """
        found: list[SourceObject] = []
        for start in range(0, len(events), _AT_ONCE):
            found += await asyncio.gather(*map(self._object, events[start : start + _AT_ONCE]))
            await stretch.lease.renew()
        return found

    async def _object(self, event: ObjectEvent) -> SourceObject:
        told = f"{event.sequencer}@{event.at}"
        if self.filters.storage_classes:
            try:
                return replace(await self.source.head(event.key), told=told, event_at=event.at)
            except Transient:
                raise
            except ObjectError as failure:
                self.work.log.info("an event's object cannot be asked for", key=event.key.decode(), why=str(failure))
        return SourceObject(event.key, event.etag, event.size, int(event.at), told=told, event_at=event.at)

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
