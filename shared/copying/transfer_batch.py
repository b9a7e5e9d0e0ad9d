"""Copy the keys of one message and write down how each ended.

Safe to kill at any line and to run twice: what is settled is skipped, what is not is tried again, and the
message is acknowledged only after the record is written and the remainder is published.

    0            the budget             + GRACE       + CLEAN_UP     + END
    |  keys begin  |  what is under way goes on  | cancelled | looked at, settled, requeued, answered
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.copying.copy_object import Existing
from shared.copying.try_key import Ended, KeyTask, Requeued, TryKey
from shared.domain.backoff import delay_seconds
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import ObjectError, Postponed, RunCancelled, StateConflict, Transient
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.domain.transfer_topics import TransferTopics
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore, Versioned
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.runs.ceilings import CANCELLED
from shared.runs.heartbeat import Heartbeat
from shared.runs.job_control import JobControl

_SETTLE_TRIES = 5

GRACE_SECONDS = 30.0
"""What a copy that is under way may take beyond the budget."""

CLEAN_UP_SECONDS = 5.0
"""What cancelled copies may take to leave. One that takes longer ends by itself, and nobody waits for it."""

LAST_LOOK_SECONDS = 5.0
"""What looks may take at keys whose last attempt was cancelled. One that takes longer says nothing: the key failed."""

END_SECONDS = 55.0
"""All that follows the budget: 540 s of it and these are less than the 600 s after which Pub/Sub delivers again."""


@dataclass(frozen=True, slots=True)
class TransferBatch:
    """The use case of the transfer function; one an instance. at_once: copies that it may have in flight."""

    try_key: TryKey
    ledger: LedgerStore
    queue: Queue
    clock: Clock
    log: Log
    job_control: JobControl
    heartbeat: Heartbeat
    topics: TransferTopics
    at_once: int

    async def __call__(self, message: TransferMessage, _new_run: str, budget: Budget) -> None:
        """Returns when the message may be acknowledged, within END_SECONDS after the budget. While the job is paused
        that is at once: the batch's record stays open, and resuming sends it again; without a record the message waits.
        Parts of an object that was begun go on. Of a cancelled run nothing begins, neither a batch nor a part. Raises
        Postponed, OutOfService or Busy if the message must come again later.
        """
        end = asyncio.timeout(max(0.0, budget.left(self.clock.monotonic())) + END_SECONDS)
        try:
            async with end:
                await self._carry(message, budget)
        except TimeoutError:
            if not end.expired():
                raise
            raise Postponed("what came of the keys could not be written down in time") from None

    async def _carry(self, message: TransferMessage, budget: Budget) -> None:
        paused = message.part is None and await self.job_control.paused(message.run)
        began = self.clock.monotonic()
        found = await self.ledger.get(message.batch)
        if paused and found is None:
            raise Postponed("the job is paused, and resuming it would not send again what is not on record")
        if paused:
            self.log.info("left for when the job is resumed", run=message.run, batch=message.batch)
            return
        record = found.record if found else self._from_message(message)
        settled = {entry.key for entry in record.entries if not entry.open}
        told = {entry.key: entry.event_at for entry in record.entries if entry.event_at}
        todo = [item.source(told.get(item.key, 0.0)) for item in message.objects if item.key not in settled]
        if not todo:
            await self._clean_up(message)
            return
        if await self.job_control.is_cancelled(message.run):
            await self._leave_out(message, found, record, todo)
            return
        if message.attempt > 1:
            await self.clock.sleep(delay_seconds(message.attempt, self.clock.draw()))
        present = await self._stat_many(todo) if message.part is None else None
        results = await self._all([KeyTask(source, message, budget, present) for source in todo], budget)
        ended = [entry for entry in results if isinstance(entry, Entry)]
        requeued = [item for item in results if isinstance(item, Requeued)]
        postponed = [item.postponed for item in requeued if item.postponed is not None]
        if ended or (message.part is None and len(postponed) < len(todo)):
            await self._settle(message, found, record, ended)
        if ended:
            await self._clean_up(message)
        await self.heartbeat.send(message.run, ended)
        self._log_batch(message, ended, len(requeued), self.clock.monotonic() - began)
        if postponed and len(postponed) == len(requeued):
            raise postponed[0]
        await self._requeue(message, requeued)

    async def _leave_out(
        self, message: TransferMessage, found: Versioned | None, record: BatchRecord, todo: Sequence[SourceObject]
    ) -> None:
        """The run was cancelled: what of the message has not ended is put on record as not copied, and what there is of
        a large object is dropped. Where the record is gone, later runs may have copied them: this outweighs nothing.
        """
        why = RunCancelled(CANCELLED)
        outcome, reason = why.reason.outcome, f"{why.reason}: {why}"
        results = [replace(Entry.of(source), outcome=outcome, reason=reason) for source in todo]
        record = record if found else replace(record, published_at=0.0)
        await self._settle(message, found, record, results)
        self.log.info("left out", run=message.run, batch=message.batch, keys=len(todo), reason=CANCELLED)
        await self._clean_up(message)

    def _log_batch(self, message: TransferMessage, ended: Sequence[Entry], left: int, seconds: float) -> None:
        """The line that metrics are made of."""
        copied = [entry.size for entry in ended if entry.outcome is Outcome.COPIED]
        lags = [entry.lag for entry in ended if entry.lag is not None]
        self.log.info(
            "batch",
            run=message.run,
            batch=message.batch,
            attempt=message.attempt,
            copied=len(copied),
            bytes=sum(copied),
            failed=sum(entry.outcome is Outcome.FAILED for entry in ended),
            ended=len(ended),
            left=left,
            seconds=round(seconds, 3),
            **({"lag_seconds": round(max(lags), 3)} if lags else {}),
        )

    def _from_message(self, message: TransferMessage) -> BatchRecord:
        """The memory of this batch is lost, or never was: the message says all that is needed."""
        entries = tuple(Entry.of(entry.source()) for entry in message.objects)
        return BatchRecord(message.batch, message.run, self.clock.now(), entries)

    async def _stat_many(self, todo: Sequence[SourceObject]) -> Existing | None:
        """The destination seen at once. If that fails, every key asks for itself and says what is wrong."""
        copy = self.try_key.copy
        inside = [source for source in todo if copy.mapping.covers(source.key)]
        try:
            return await copy.stat_many(inside)
        except ObjectError as error:
            self.log.warning("cannot look at a whole batch", reason=error.reason, why=str(error))
            return None

    async def _all(self, key_tasks: Sequence[KeyTask], budget: Budget) -> list[Ended]:
        """Every key's end, at the latest when the budget and the grace after it are over. The keys are taken in turn by
        as many workers as the instance may have copies in flight: a task costs more than a turn.
        """
        waiting, loop = deque(key_tasks), asyncio.get_running_loop()
        workers = [loop.create_task(self._work(waiting)) for _ in range(min(len(key_tasks), self.at_once))]
        try:
            await asyncio.wait(workers, timeout=budget.left(self.clock.monotonic()) + GRACE_SECONDS)
        finally:
            waiting.clear()
            late = [worker for worker in workers if worker.cancel()]
        if late:
            await asyncio.wait(late, timeout=CLEAN_UP_SECONDS)
        for worker in workers:
            if worker.done() and not worker.cancelled():
                worker.result()
        await asyncio.gather(*(self._end(key) for key in key_tasks if not key.is_over))
        return [key.ended for key in key_tasks]

    async def _work(self, waiting: deque[KeyTask]) -> None:
        while waiting:
            key = waiting.popleft()
            key.over(await self.try_key(key))

    async def _end(self, key: KeyTask) -> None:
        """See what came of a key that was not over in time. Who still waited for its turn was not tried."""
        if not key.spent:
            key.over(Requeued(key.source, key.message.attempt))
            return
        source = key.source
        why = Transient(f"{source.text}: its copy outlasts an invocation ({source.size} bytes)")
        key.over(await self.try_key.cut_off(key, why, LAST_LOOK_SECONDS))

    async def _clean_up(self, message: TransferMessage) -> None:
        """Once a large object's end is on record, nothing of it stays, whoever was killed before."""
        source = message.objects[0].source()
        if message.part is not None and self.try_key.copy.mapping.covers(source.key):
            await self.try_key.large.clean_up(message, source, message.part)

    async def _settle(
        self, message: TransferMessage, found: Versioned | None, record: BatchRecord, ended: Iterable[Entry]
    ) -> None:
        results = list(ended)
        for _ in range(_SETTLE_TRIES):
            try:
                settled = record.with_results(results, message.attempt)
                await self.ledger.commit_results(settled, found.version if found else None)
                return
            except StateConflict:
                found = await self.ledger.get(message.batch)
                record = found.record if found else record
        raise StateConflict(f"batch {message.batch}: the record moved {_SETTLE_TRIES} times")

    async def _requeue(self, message: TransferMessage, requeued: Sequence[Requeued]) -> None:
        for attempt in sorted({item.attempt for item in requeued}):
            objects = tuple(ObjectEntry.of(item.source) for item in requeued if item.attempt == attempt)
            remainder = message.model_copy(update={"objects": objects, "attempt": attempt})
            await self.queue.publish(self.topics.of(message), [remainder])
