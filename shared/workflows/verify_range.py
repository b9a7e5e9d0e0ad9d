"""Compare a prefix on both sides, key by key, and publish what differs for another copy."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.core.budget import Budget
from shared.core.compare import Verdict, judge, march
from shared.core.errors import MalformedMessage
from shared.core.keys import Mapping
from shared.core.messages import VerifyMessage
from shared.core.objects import SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Destination, Log, Queue, RangeId, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches

_STRIDE = 1000
"""Keys between two looks at the clock, the lease and the pile of mismatches."""

_SHOWN = 100
"""Mismatches logged one by one in an invocation; all are counted."""


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """root: the job's source prefix. life_seconds: how long a published batch counts as being copied."""

    source: Source
    destination: Destination
    state: State
    queue: Queue
    publish: PublishBatches
    clock: Clock
    log: Log
    topic: str
    root: str
    mapping: Mapping
    life_seconds: float
    lease_seconds: float

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        prefix = message.prefix or self.root
        if not prefix.startswith(self.root):
            raise MalformedMessage([f"{prefix!r} lies outside the job's root {self.root!r}"])
        piece = RangeId(message.run or new_run, prefix, message.cursor)
        if message.run is None:
            await self.state.begin(piece, "verify", self.clock.now())
        lease = Lease(self.state, self.clock, piece, uuid.uuid4().hex, self.lease_seconds)
        if not await lease.take():
            return
        books = Books()
        cursor = await self._walk(message, piece, lease, books, budget)
        if cursor is not None:
            rest = RangeId(piece.run, prefix, cursor)
            await self.state.expect(rest)
            onward = message.model_copy(update={"run": piece.run, "prefix": prefix, "cursor": cursor})
            await self.queue.publish(self.topic, [onward])
        await self.state.finish(piece, books, self.clock.now())
        if cursor is None:
            await self._note(piece)

    async def _walk(
        self, message: VerifyMessage, piece: RangeId, lease: Lease, books: Books, budget: Budget
    ) -> str | None:
        """The cursor from which the rest must go on, None if both listings were walked to their ends."""
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
                    return source.text
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
