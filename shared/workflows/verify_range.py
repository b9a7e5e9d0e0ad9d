"""Compare a prefix on both sides, key by key, and publish what differs for another copy."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.core.budget import Budget
from shared.core.compare import Verdict, judge, march
from shared.core.keys import Mapping, Place
from shared.core.messages import VerifyMessage
from shared.core.objects import DestinationObject, SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Destination, Log, RangeId, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches
from shared.workflows.ranges import Ranges

_STRIDE = 1000
"""Keys between two looks at the clock, the lease and the pile of mismatches."""

_SHOWN = 100
"""Mismatches of a kind that an invocation logs one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """life_seconds: how long a published batch counts as being copied."""

    source: Source
    destination: Destination
    state: State
    ranges: Ranges
    publish: PublishBatches
    clock: Clock
    log: Log
    mapping: Mapping
    life_seconds: float

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        lease = await self.ranges.take("verify", message, new_run)
        if lease is None:
            return
        books = Books()
        rest = await self._walk(message, lease, books, budget)
        await self.ranges.close(lease.piece, books, rest)
        if rest is None:
            await self._note(lease.piece)

    async def _walk(self, message: VerifyMessage, lease: Lease, books: Books, budget: Budget) -> VerifyMessage | None:
        """The message for the rest, None once both listings were walked to their ends."""
        piece = lease.piece
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        memory = MemoryScan(self.state.records(prefix, after), piece.run, self.clock.now())
        pairs = march(
            _flatten(self.source, prefix, after),
            self.destination.listing(self.mapping.name(prefix), self.mapping.name(after) if after else b""),
            self.mapping,
        )
        wrong: list[SourceObject] = []
        steps = 0
        async for source, found in pairs:
            steps += 1
            copy = found
            if source is not None:
                for orphan in await memory.advance(source.key):
                    await self.publish.again(orphan, force=False)
                place = self.mapping.place(source.key)
                if place.encoded and place.name is not None:
                    copy = await self.destination.stat(place.name)
                if self._is_wrong(source, copy, place, memory, message, piece.run, books):
                    wrong.append(source)
            elif copy is not None:
                books.verdicts.add(Verdict.EXTRA, copy.size)
            if steps % _STRIDE == 0:
                key = _key(source, copy, self.mapping)
                await self.publish(piece.run, wrong, force=False)
                wrong.clear()
                memory.forget_before(key)
                await lease.renew()
                if budget.spent(self.clock.monotonic()):
                    cursor = key.decode()
                    return VerifyMessage(prefix=piece.prefix, repair=message.repair, run=piece.run, cursor=cursor)
        await self.publish(piece.run, wrong, force=False)
        return None

    def _is_wrong(
        self,
        source: SourceObject,
        copy: DestinationObject | None,
        place: Place,
        memory: MemoryScan,
        message: VerifyMessage,
        run: str,
        books: Books,
    ) -> bool:
        """Book a key of the source; True if it is to be copied again. The copy itself looks before it writes, so
        it need not be forced: what differs for the verifier differs for it, too.
        """
        books.listed.add("listed", source.size)
        known = memory.lookup(source.key)
        if known is not None and known.run == run:
            return False
        alive = known is not None and self.clock.now() - known.published_at < self.life_seconds
        in_flight = alive and known is not None and known.entry.open
        verdict = judge(source, copy, place, in_flight)
        books.verdicts.add(verdict, source.size)
        if verdict.repairable and books.verdicts.keys[verdict] <= _SHOWN:
            self.log.warning("mismatch", run=run, key=source.text, reason=verdict)
        if verdict.repairable and message.repair:
            return True
        books.outcomes.add(_OUTCOMES.get(verdict, Outcome.FAILED), source.size)
        return False

    async def _note(self, piece: RangeId) -> None:
        summary = await self.state.summary(piece.run)
        verdicts = {name: count for name, count, _ in summary.verdicts}
        self.log.info("verified", run=piece.run, prefix=piece.prefix, keys=summary.listed_keys, **verdicts)
        await self.state.note_prefix(
            piece.prefix,
            {"check": {"run": piece.run, "ended_at": self.clock.now(), "verdicts": verdicts}},
        )


_OUTCOMES = {
    Verdict.SAME: Outcome.UNCHANGED,
    Verdict.UNSUPPORTED: Outcome.UNSUPPORTED,
    Verdict.IN_FLIGHT: Outcome.IN_FLIGHT,
}


def _key(source: SourceObject | None, copy: DestinationObject | None, mapping: Mapping) -> bytes:
    """Where a walk stands, as a key of the source."""
    if source is not None:
        return source.key
    return mapping.key(copy.name) if copy is not None else b""


async def _flatten(source: Source, prefix: bytes, after: bytes) -> AsyncIterator[SourceObject]:
    async for page in source.pages(prefix, after):
        for item in page:
            yield item
