"""Copy one object now, because somebody asks for it.

Whoever asks for one that is being copied waits for that copy. Then S3 is asked once more what is current, because the
copy may have begun before the newest version was written; if so, that one is copied, too.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.in_flight import InFlight
from shared.domain.backoff import KEY
from shared.domain.counts import Outcome
from shared.domain.errors import ObjectError, StateConflict, Transient
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.retried import retried
from shared.ports.source import Source

RUN = "on-demand"
"""The run under which such copies are on record. It has no counts: nothing was listed."""

DEADLINE_SECONDS = 540.0
"""As long as a message's copy may take: less than the 600 s after which Cloud Run ends a request, in terraform."""

YOUNG_SECONDS = 3600.0
"""Parts of a large object that were asked for since then are on their way; who asks later has them published again, as
their messages may be lost. And a copy that is younger may be one that nobody put on record: its writer was cut off or
died, the store did not answer, and whoever was told so asks again.
"""


@dataclass(frozen=True, slots=True)
class ReplicateObject:
    """large_bytes: larger objects go in parts, by the transfer's queue. weight: what a copy may hold in memory.
    seconds: what a caller waits at most.
    """

    source: Source
    copy: CopyObject
    large: CopyLarge
    ledger: LedgerStore
    clock: Clock
    in_flight: InFlight
    large_bytes: int
    weight: int
    seconds: float = DEADLINE_SECONDS
    _under_way: "dict[tuple[bytes, bool], asyncio.Task[Entry | None]]" = field(default_factory=dict)

    async def __call__(self, key: bytes, force: bool = False) -> Entry | None:
        """How the key ended; None if its parts are on their way. Raises ObjectError where it could not be copied."""
        begun = (self._under_way.get((key, forced)) for forced in dict.fromkeys((True, force)))
        earlier = [copy for copy in begun if copy is not None]
        if not earlier:
            return await asyncio.shield(self._begin(key, force))
        end = asyncio.timeout(self.seconds)
        try:
            async with end:
                return await self._join(earlier, key, force)
        except TimeoutError:
            if not end.expired():
                raise
            raise self._too_late(key) from None

    async def _join(self, earlier: "Sequence[asyncio.Task[Entry | None]]", key: bytes, force: bool) -> Entry | None:
        """What comes of copies that were begun before somebody asked, or of one that was begun since."""
        for copy in earlier:
            await asyncio.wait([copy])
            if await self._holds(copy, key):
                return copy.result()
        later = self._under_way.get((key, force)) or self._begin(key, force)
        await asyncio.wait([later])
        return later.result()

    def _begin(self, key: bytes, force: bool) -> "asyncio.Task[Entry | None]":
        def over(copy: "asyncio.Task[Entry | None]") -> None:
            del self._under_way[key, force]
            _heard(copy)

        copy = self._under_way[key, force] = asyncio.create_task(self._in_time(key, force))
        copy.add_done_callback(over)
        return copy

    async def _holds(self, earlier: "asyncio.Task[Entry | None]", key: bytes) -> bool:
        """Whether what came of a copy that was begun before somebody asked answers them, too: it is of what is current,
        or it failed with what passes by itself, or its parts are on their way, and ask S3 themselves.
        """
        failure = earlier.exception()
        if failure is not None:
            return not isinstance(failure, ObjectError) or failure.retryable
        ended = earlier.result()
        return ended is None or (await self.source.head(key)).etag == ended.etag

    async def _in_time(self, key: bytes, force: bool) -> Entry | None:
        """What is stopped may take a while to leave, and nobody waits for that."""
        work = asyncio.create_task(self._tries(key, force))
        work.add_done_callback(_heard)
        await asyncio.wait([work], timeout=self.seconds)
        if work.cancel():
            raise self._too_late(key)
        return work.result()

    def _too_late(self, key: bytes) -> Transient:
        return Transient(f"{key.decode(errors='replace')}: not copied within {self.seconds:g} s")

    async def _tries(self, key: bytes, force: bool) -> Entry | None:
        async with self.in_flight.slot(self.weight):
            return await retried(KEY, self.clock, lambda: self._once(key, force))

    async def _once(self, key: bytes, force: bool) -> Entry | None:
        began = self.clock.now()
        current = await self.source.head(key)
        decided = await self.copy.decide(current, force)
        if isinstance(decided, Entry):
            if decided.outcome is Outcome.UNCHANGED and began - decided.at < YOUNG_SECONDS:
                once = batch_id(f"{RUN} {decided.generation}", [current])
                await self._write_down(_record(once, began, current, decided))
            return decided
        batch = batch_id(f"{RUN} {began}", [current])
        if decided.version.size > self.large_bytes:
            if not force and await self._on_its_way(current, began):
                return None
            objects = (ObjectEntry.of(current),)
            message = TransferMessage(run=RUN, batch=batch, objects=objects, force=force, first=True)
            started = await self.large.start(message, decided)
            record = _record(batch, began, current, started)
            await self.ledger.create([record])  # after the start: one that fails must leave no key in flight
            return started
        ended = await self.copy.copy_latest(decided)
        if ended.outcome is Outcome.COPIED:
            await self._write_down(_record(batch, began, current, ended))
        return ended

    async def _on_its_way(self, current: SourceObject, now: float) -> bool:
        """Whether somebody has asked for this version within the last hour, and it has not ended: whoever asks until it
        is there has its parts published once an hour, and not each time.
        """
        version = (current.key, current.etag, current.size)
        async for found in self.ledger.scan(current.key, b"", current.key):
            record = found.record
            young = record.run == RUN and record.readable and now - record.published_at < YOUNG_SECONDS
            if young and any(item.open and (item.key, item.etag, item.size) == version for item in record.entries):
                return True
        return False

    async def _write_down(self, record: BatchRecord) -> None:
        with suppress(StateConflict):  # it is there: the answer was lost, or somebody has asked for this copy before
            await self.ledger.commit_results(record, None)


def _heard(copy: "asyncio.Task[Entry | None]") -> None:
    """Nobody may be waiting any more for what it ended with."""
    if not copy.cancelled():
        copy.exception()


def _record(batch: str, began: float, current: SourceObject, ended: Entry | None) -> BatchRecord:
    """began: before S3 was asked. The record is as old as that, so that an instance that stood still does not outrank
    what was published and copied meanwhile. ended: None while parts are on their way.
    """
    record = BatchRecord(batch, RUN, began, (Entry.of(current),))
    return record if ended is None else record.with_results([ended], record.attempt)
