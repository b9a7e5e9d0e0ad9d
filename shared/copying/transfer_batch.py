"""Copy the keys of one message and write down how each ended.

Safe to kill at any line and to run twice: what is settled is skipped, what is not is tried again, and the
message is acknowledged only after the record is written and the remainder is published.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject, Existing
from shared.copying.in_flight import InFlight
from shared.domain.backoff import delay_seconds
from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import Busy, ObjectError, OutOfAttempts, StateConflict, Transient
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore, Versioned
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.runs.heartbeat import Heartbeat
from shared.runs.quota import JobControl

_TRIES = 3
"""Tries of one key within one invocation, before it is handed back to the queue."""

_SETTLE_TRIES = 5

GRACE_SECONDS = 30.0
"""What a copy that is under way may take beyond the budget: still within the push's 600 s deadline."""

OVERHEAD_BYTES = 256 * 1024
"""What a copy weighs besides its buffer: sockets and parser state on both sides."""


@dataclass(frozen=True, slots=True)
class TransferBatch:
    """buffer_bytes: the most of one object that its copy holds at a time. large_bytes: larger objects are copied in
    parts. max_attempts: deliveries of a key before it counts as failed.
    """

    copy: CopyObject
    large: CopyLarge
    ledger: LedgerStore
    queue: Queue
    clock: Clock
    log: Log
    in_flight: InFlight
    switch: JobControl
    pulse: Heartbeat
    topic: str
    buffer_bytes: int
    large_bytes: int
    max_attempts: int

    async def __call__(self, message: TransferMessage, _new_run: str, budget: Budget) -> None:
        """Returns when the message may be acknowledged. While the job is paused that is at once: the batch's record
        stays open, and resuming sends it again. Parts of an object that was begun go on.
        """
        if message.part is None and (await self.switch.read()).paused:
            self.log.info("left for when the job is resumed", run=message.run, batch=message.batch)
            return
        began = self.clock.monotonic()
        found = await self.ledger.get(message.batch)
        record = found.record if found else self._from_message(message)
        settled = {entry.key for entry in record.entries if not entry.open}
        todo = [entry.source() for entry in message.objects if entry.key.encode() not in settled]
        if not todo:
            await self._clean_up(message)
            return
        if message.attempt > 1:
            await self.clock.sleep(delay_seconds(message.attempt, self.clock.draw()))
        seen = await self._look(todo) if message.part is None else None
        results = await self._all(todo, message, budget, seen)
        ended = [entry for entry in results if isinstance(entry, Entry)]
        if ended or message.part is None:
            await self._settle(message, found, record, ended)
        if ended:
            await self._clean_up(message)
        await self.pulse.send(message.run, ended)
        left = [item for item in results if isinstance(item, _Left)]
        await self._hand_back(message, left)
        self._tell(message, ended, len(left), self.clock.monotonic() - began)

    def _tell(self, message: TransferMessage, ended: Sequence[Entry], left: int, seconds: float) -> None:
        """The line that metrics are made of."""
        copied = [entry.size for entry in ended if entry.outcome is Outcome.COPIED]
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
        )

    def _from_message(self, message: TransferMessage) -> BatchRecord:
        """The memory of this batch is lost, or never was: the message says all that is needed."""
        entries = tuple(Entry.of(entry.source()) for entry in message.objects)
        return BatchRecord(message.batch, message.run, self.clock.now(), entries)

    async def _look(self, todo: Sequence[SourceObject]) -> Existing | None:
        """The destination seen at once. If that fails, every key asks for itself and says what is wrong."""
        try:
            return await self.copy.look(todo)
        except ObjectError as error:
            self.log.warning("cannot look at a whole batch", reason=error.reason, why=str(error))
            return None

    async def _all(
        self, todo: Sequence[SourceObject], message: TransferMessage, budget: Budget, seen: Existing | None
    ) -> "list[Entry | _Left | None]":
        """Every key's end, at the latest when the budget and the grace after it are over."""
        copies = [asyncio.ensure_future(self._one(source, message, budget, seen)) for source in todo]
        _, late = await asyncio.wait(copies, timeout=budget.left(self.clock.monotonic()) + GRACE_SECONDS)
        for copy in late:
            copy.cancel()
        if late:
            await asyncio.wait(late)
        for failure in [copy.exception() for copy in copies if copy not in late]:
            if failure is not None:
                raise failure
        return [
            await self._outlasted(source, message) if copy in late else copy.result()
            for source, copy in zip(todo, copies, strict=True)
        ]

    async def _outlasted(self, source: SourceObject, message: TransferMessage) -> "Entry | _Left":
        why = Transient(f"{source.text}: its copy outlasts an invocation ({source.size} bytes)")
        return await self._put_off(source, why, message)

    async def _one(
        self, source: SourceObject, message: TransferMessage, budget: Budget, seen: Existing | None
    ) -> "Entry | _Left | None":
        """How a key ended, that it is left, or None if other messages will tell."""
        weight = min(source.size, self.buffer_bytes) + OVERHEAD_BYTES
        async with self.in_flight.slot(weight):
            error: ObjectError = Transient(source.text)
            for attempt in range(1, _TRIES + 1):
                if budget.spent(self.clock.monotonic()):
                    if attempt == 1:
                        return _Left(source, message.attempt)
                    break
                try:
                    return await self._timed(source, message, budget, seen if attempt == 1 else None)
                except Busy:
                    raise
                except OutOfAttempts as out:
                    return await self._gave_up(source, out.last, message)
                except ObjectError as failure:
                    error = failure
                except Exception as bug:
                    self.log.error("unexpected error", error=bug, key=source.text, attempt=message.attempt)
                    error = Transient(f"{source.text}: {bug!r}")
                if not error.retryable:
                    return await self._gave_up(source, error, message)
                if attempt < _TRIES:
                    await self.clock.sleep(delay_seconds(attempt, self.clock.draw(), error.retry_after))
        return await self._put_off(source, error, message)

    async def _put_off(self, source: SourceObject, error: ObjectError, message: TransferMessage) -> "Entry | _Left":
        """Another message may have better luck, unless this was the last one."""
        if message.attempt >= self.max_attempts:
            return await self._gave_up(source, error, message)
        self.log.warning("handed back", key=source.text, reason=error.reason, attempt=message.attempt, why=str(error))
        return _Left(source, message.attempt + 1)

    async def _timed(
        self, source: SourceObject, message: TransferMessage, budget: Budget, seen: Existing | None
    ) -> Entry | None:
        began = self.clock.monotonic()
        ended = await self._copy(source, message, budget, seen)
        if message.part is not None or (ended is not None and ended.outcome is Outcome.COPIED):
            part = f", part {message.part.number}" if message.part is not None else ""
            self.pulse.took(message.run, f"{source.text}{part}", source.size, self.clock.monotonic() - began)
        return ended

    async def _copy(
        self, source: SourceObject, message: TransferMessage, budget: Budget, seen: Existing | None
    ) -> Entry | None:
        if message.part is not None:
            return await self.large.part(message, source, message.part, budget)
        decided = await self.copy.decide(source, message.force, seen)
        if isinstance(decided, Entry):
            return decided
        if decided.version.size > self.large_bytes:
            return await self.large.start(message, decided)
        return await self.copy.chase(decided)

    async def _gave_up(self, source: SourceObject, error: ObjectError, message: TransferMessage) -> Entry:
        outcome = error.reason.outcome
        self.log.error(str(outcome), key=source.text, reason=error.reason, attempt=message.attempt, why=str(error))
        return replace(Entry.of(source), outcome=outcome, reason=f"{error.reason}: {error}"[:300])

    async def _clean_up(self, message: TransferMessage) -> None:
        """Once a large object's end is on record, nothing of it stays, whoever was killed before."""
        if message.part is not None:
            await self.large.clean_up(message, message.objects[0].source(), message.part)

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

    async def _hand_back(self, message: TransferMessage, left: list["_Left"]) -> None:
        for attempt in sorted({item.attempt for item in left}):
            objects = tuple(ObjectEntry.of(item.source) for item in left if item.attempt == attempt)
            remainder = message.model_copy(update={"objects": objects, "attempt": attempt})
            await self.queue.publish(self.topic, [remainder])


@dataclass(frozen=True, slots=True)
class _Left:
    """A key that did not end, and the attempt that its next message is."""

    source: SourceObject
    attempt: int
