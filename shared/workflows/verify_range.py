"""Compare a prefix on both sides, key by key, and publish what differs for another copy."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.core.budget import Budget
from shared.core.compare import Verdict, judge, march
from shared.core.keys import Mapping
from shared.core.messages import VerifyMessage
from shared.core.objects import SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Destination, Log, RangeId, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches
from shared.workflows.ranges import Ranges

_STRIDE = 1000
"""Keys between two looks at the clock, the lease and the pile of mismatches."""

_SHOWN = 100
"""Mismatches logged one by one in an invocation; all are counted."""


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
        shown = steps = 0
        async for source, copy in pairs:
            steps += 1
            if source is None:
                if copy is not None:
                    books.verdicts.add(Verdict.EXTRA, copy.size)
                continue
            for orphan in await memory.advance(source.key):
                await self.publish.again(orphan, force=True)
            known = memory.lookup(source.key)
            books.listed.add("listed", source.size)
            if known is not None and known.run == piece.run:
                continue
            fresh = known is not None and self.clock.now() - known.published_at < self.life_seconds
            copying = fresh and known is not None and known.entry.open
            verdict = judge(source, copy, self.mapping.name(source.key), copying)
            books.verdicts.add(verdict, source.size)
            if verdict.repairable and message.repair:
                wrong.append(source)
            else:
                books.outcomes.add(_OUTCOMES.get(verdict, Outcome.FAILED), source.size)
            if verdict.repairable and shown < _SHOWN:
                shown += 1
                self.log.warning("mismatch", run=piece.run, key=source.text, reason=verdict)
            if steps % _STRIDE == 0:
                await self.publish(piece.run, wrong, force=True)
                wrong.clear()
                memory.forget_before(source.key)
                await lease.renew()
                if budget.spent(self.clock.monotonic()):
                    return VerifyMessage(prefix=piece.prefix, repair=message.repair, run=piece.run, cursor=source.text)
        await self.publish(piece.run, wrong, force=True)
        return None

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


async def _flatten(source: Source, prefix: bytes, after: bytes) -> AsyncIterator[SourceObject]:
    async for page in source.pages(prefix, after):
        for item in page:
            yield item
