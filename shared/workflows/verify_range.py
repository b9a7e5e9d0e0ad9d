"""Compare a prefix on both sides, key by key, and publish what differs for another copy."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.core.budget import Budget
from shared.core.compare import Verdict, judge, march
from shared.core.diff import is_alive
from shared.core.errors import ObjectError, Transient
from shared.core.filters import Filters
from shared.core.keys import Mapping, Place
from shared.core.messages import VerifyMessage
from shared.core.objects import DestinationObject, SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Destination, Log, RangeId, Source, State
from shared.workflows.gate import Gate, Stopped, Switch
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches
from shared.workflows.ranges import Ranges
from shared.workflows.runs import Runs

_STRIDE = 1000
"""Keys between two looks at the clock and the lease."""

_SHOWN = 100
"""Mismatches of a kind that an invocation logs one by one; all are counted."""


@dataclass(slots=True)
class Stride:
    """What was compared since something was last published. position: the last key that was looked at."""

    books: Books = field(default_factory=Books)
    wrong: list[SourceObject] = field(default_factory=list)
    steps: int = 0
    position: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerifyRange:
    """life_seconds: how long a published batch counts as being copied."""

    source: Source
    destination: Destination
    state: State
    ranges: Ranges
    runs: Runs
    publish: PublishBatches
    switch: Switch
    filters: Filters
    clock: Clock
    log: Log
    mapping: Mapping
    life_seconds: float

    async def __call__(self, message: VerifyMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        if message.run is None and not await self.runs.may_start(new_run, "verify", message.scheduled):
            return
        taken = await self.ranges.take("verify", message, new_run)
        if taken is None:
            return
        named, lease = taken
        if message.run is None:
            await self.runs.started(lease.piece.run, "verify", lease.piece.prefix)
        gate = Gate(self.switch, self.state, lease.piece.run)
        books, position = Books(), None
        try:
            async for stride in self._strides(named, lease):
                await self._publish(stride.wrong, lease, gate)
                _merge(books, stride.books)
                position = stride.position
                if budget.spent(self.clock.monotonic()) and position is not None:
                    await self.ranges.divide(lease, named, [position.decode()])
                    break
        except Stopped as stop:
            if stop.paused:
                self.log.info("waiting to be resumed", run=lease.piece.run, prefix=lease.piece.prefix, reason=str(stop))
                if position is None:
                    return
                await self.ranges.divide(lease, named, [position.decode()], send=False)
            else:
                books.stopped = str(stop)
        except Transient:
            if position is None:
                raise
            await self.ranges.divide(lease, named, [position.decode()])
        except ObjectError as failure:
            books.stopped = f"{failure.reason}: {failure}"[:300]
        finally:
            await gate.leave()
        if books.stopped:
            await self.runs.failed(lease.piece.run, "verify", lease.piece.prefix, books.stopped)
        await self.ranges.close(lease, books)
        await self._note(lease.piece)

    async def _publish(self, wrong: Sequence[SourceObject], lease: Lease, gate: Gate) -> None:
        if wrong:
            await gate.enter(len(wrong), sum(item.size for item in wrong))
        await lease.renew()
        await self.publish(lease.piece.run, self.publish.cut(wrong), force=False)

    async def _strides(self, message: VerifyMessage, lease: Lease) -> AsyncIterator[Stride]:
        """Walk both listings side by side."""
        piece = lease.piece
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        until = lease.until.encode() if lease.until is not None else None
        going = frozenset(run.name for run in await self.state.open_runs())
        memory = MemoryScan(self.state, self.state.records(prefix, after, until), piece.run, self.clock.now(), going)
        pairs = march(
            _flatten(self.source, prefix, after),
            self.destination.listing(self.mapping.name(prefix), self.mapping.name(after) if after else b""),
            self.mapping,
        )
        stride = Stride()
        async for source, found in pairs:
            stride.position = _key(source, found, self.mapping)
            if until is not None and stride.position > until:
                break
            await self._compare(source, found, memory, message, piece.run, stride)
            stride.steps += 1
            if stride.steps == _STRIDE or len(stride.wrong) >= self.publish.keys_per_message:
                memory.forget_before(stride.position)
                yield stride
                stride = Stride()
        yield stride

    async def _compare(
        self,
        source: SourceObject | None,
        found: DestinationObject | None,
        memory: MemoryScan,
        message: VerifyMessage,
        run: str,
        stride: Stride,
    ) -> None:
        copy = found
        if source is None:
            if copy is not None:
                stride.books.verdicts.add(Verdict.EXTRA, copy.size)
            return
        for orphan in await memory.advance(source.key):
            await self.publish.again(orphan, force=False)
        reason = self.filters.reason(source)
        if reason is not None:
            for tally, name in ((stride.books.listed, "listed"), (stride.books.outcomes, Outcome.FILTERED)):
                tally.add(name, source.size)
            stride.books.filters.add(reason, source.size)
            return
        place = self.mapping.place(source.key)
        if place.encoded and place.name is not None:
            copy = await self.destination.stat(place.name)
        if self._is_wrong(source, copy, place, memory, message, run, stride.books):
            stride.wrong.append(source)

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
        alive = is_alive(known, memory.going, self.clock.now(), self.life_seconds)
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
        if await self.state.is_open(piece.run):
            return
        summary = await self.state.summary(piece.run)
        verdicts = {name: count for name, count, _ in summary.verdicts}
        self.log.info("verified", run=piece.run, prefix=piece.prefix, keys=summary.listed_keys, **verdicts)
        check = {"run": piece.run, "state": "published", "published_at": self.clock.now(), "verdicts": verdicts}
        await self.state.note_prefix(piece.prefix, {"check": check})


_OUTCOMES = {
    Verdict.SAME: Outcome.UNCHANGED,
    Verdict.UNSUPPORTED: Outcome.UNSUPPORTED,
    Verdict.IN_FLIGHT: Outcome.IN_FLIGHT,
}


def _merge(books: Books, more: Books) -> None:
    for name in ("listed", "outcomes", "filters", "verdicts"):
        getattr(books, name).merge(getattr(more, name))


def _key(source: SourceObject | None, copy: DestinationObject | None, mapping: Mapping) -> bytes:
    """Where a walk stands, as a key of the source."""
    if source is not None:
        return source.key
    return mapping.key(copy.name) if copy is not None else b""


async def _flatten(source: Source, prefix: bytes, after: bytes) -> AsyncIterator[SourceObject]:
    async for page in source.pages(prefix, after):
        for item in page:
            yield item
