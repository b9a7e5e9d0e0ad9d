"""Copy one object now, because somebody asks for it."""

from dataclasses import dataclass

from shared.copying.copy_large import CopyLarge
from shared.copying.copy_object import CopyObject
from shared.copying.in_flight import InFlight
from shared.domain.backoff import delay_seconds
from shared.domain.counts import Outcome
from shared.domain.errors import Transient
from shared.domain.messages import ObjectEntry, TransferMessage
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.source import Source

RUN = "on-demand"
"""The run under which such copies are on record. It has no books: nothing was listed."""

_TRIES = 3


@dataclass(frozen=True, slots=True)
class ReplicateObject:
    """large_bytes: larger objects go in parts, by the transfer's queue. weight: what a copy may hold in memory."""

    source: Source
    copy: CopyObject
    large: CopyLarge
    ledger: LedgerStore
    clock: Clock
    in_flight: InFlight
    large_bytes: int
    weight: int

    async def __call__(self, key: bytes, force: bool = False) -> Entry | None:
        """How the key ended; None if its parts are on their way. Raises ObjectError where it could not be copied."""
        async with self.in_flight.slot(self.weight):
            for attempt in range(1, _TRIES + 1):
                try:
                    return await self._once(await self.source.head(key), force)
                except Transient as failure:
                    if attempt == _TRIES:
                        raise
                    await self.clock.sleep(delay_seconds(attempt, self.clock.draw(), failure.retry_after))
        raise AssertionError("unreachable")

    async def _once(self, current: SourceObject, force: bool) -> Entry | None:
        decided = await self.copy.decide(current, force)
        if isinstance(decided, Entry):
            return decided
        batch = batch_id(f"{RUN} {self.clock.now()}", [current])
        if decided.version.size > self.large_bytes:
            await self.ledger.create([BatchRecord(batch, RUN, self.clock.now(), (Entry.of(current),))])
            message = TransferMessage(run=RUN, batch=batch, objects=(ObjectEntry.of(current),), force=force)
            started = await self.large.start(message, decided)
            if started is not None:
                found = await self.ledger.get(batch)
                record = BatchRecord(batch, RUN, self.clock.now(), (started,))
                await self.ledger.commit_results(record, found.version if found is not None else None)
            return started
        ended = await self.copy.chase(decided)
        if ended.outcome is Outcome.COPIED:
            await self.ledger.commit_results(BatchRecord(batch, RUN, self.clock.now(), (ended,)), None)
        return ended
