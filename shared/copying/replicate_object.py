"""Copy one object now, because somebody asks for it. Who asks for one that is being copied waits for that copy."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.in_flight import InFlight
from shared.domain.backoff import KEY
from shared.domain.counts import Outcome
from shared.domain.errors import StateConflict, Transient
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
        asked = (key, force)
        copy = self._under_way.get((key, True)) or self._under_way.get(asked)
        if copy is None:
            copy = self._under_way[asked] = asyncio.create_task(self._in_time(key, force))
            copy.add_done_callback(lambda _: self._under_way.pop(asked, None))
        return await asyncio.shield(copy)

    async def _in_time(self, key: bytes, force: bool) -> Entry | None:
        """What is stopped may take a while to leave, and nobody waits for that."""
        work = asyncio.create_task(self._tries(key, force))
        await asyncio.wait([work], timeout=self.seconds)
        if work.cancel():
            raise Transient(f"{key.decode(errors='replace')}: not copied within {self.seconds:g} s")
        return work.result()

    async def _tries(self, key: bytes, force: bool) -> Entry | None:
        async with self.in_flight.slot(self.weight):
            tries = count()
            return await retried(KEY, self.clock, lambda: self._once(key, force, again=next(tries) > 0))

    async def _once(self, key: bytes, force: bool, again: bool = False) -> Entry | None:
        """again: whether a try before may have written what is there, unheard."""
        current = await self.source.head(key)
        decided = await self.copy.decide(current, force)
        batch = batch_id(f"{RUN} {self.clock.now()}", [current])
        if isinstance(decided, Entry):
            if again and decided.outcome is Outcome.UNCHANGED:
                await self._write_down(batch, current, decided)
            return decided
        if decided.version.size > self.large_bytes:
            objects = (ObjectEntry.of(current),)
            message = TransferMessage(run=RUN, batch=batch, objects=objects, force=force, first=True)
            started = await self.large.start(message, decided)
            record = self._record(batch, current, started)
            await self.ledger.create([record])  # after the start: one that fails must leave no key in flight
            return started
        ended = await self.copy.copy_latest(decided)
        if ended.outcome is Outcome.COPIED:
            await self._write_down(batch, current, ended)
        return ended

    async def _write_down(self, batch: str, current: SourceObject, ended: Entry) -> None:
        with suppress(StateConflict):  # nobody else names this batch: it was written, and the answer lost
            await self.ledger.commit_results(self._record(batch, current, ended), None)

    def _record(self, batch: str, current: SourceObject, ended: Entry | None) -> BatchRecord:
        """As of now. ended: None while parts are on their way."""
        record = BatchRecord(batch, RUN, self.clock.now(), (Entry.of(current),))
        return record if ended is None else record.with_results([ended], record.attempt)
