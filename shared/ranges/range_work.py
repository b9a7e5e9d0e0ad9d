"""What lister and verifier have in common: a message's range is taken, worked on, and closed with its books.

the work is done                 the range is closed
the job is paused                what is left is opened without a message, until the job is resumed
a ceiling is reached             the range is closed where it stands, and says why
the source will not answer now   what is left is a message again; nacked if nothing was done yet
a side will not answer at all    the range is closed where it stands, and says why
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.domain.budget import Budget
from shared.domain.counts import RangeCounts
from shared.domain.errors import ObjectError, Transient
from shared.domain.messages import RangeMessage
from shared.domain.page import Page
from shared.ports.clock import Clock
from shared.ports.control_store import ControlStore
from shared.ports.log import Log
from shared.ports.source import Source
from shared.ranges.lease import Lease
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.publishing import Publishing
from shared.ranges.ranges import Ranges
from shared.ranges.split_range import SplitRange, patience
from shared.runs.lifecycle import RunLifecycle
from shared.runs.quota import JobControl, QuotaGuard, Stopped

M = TypeVar("M", bound=RangeMessage)

Work = Callable[[M, Lease, Publishing], Awaitable[None]]
"""Works on a range until it ends or is cut to end here."""


@dataclass(frozen=True, slots=True)
class RangeWork:
    source: Source
    control: ControlStore
    clock: Clock
    split: SplitRange
    ranges: Ranges
    runs: RunLifecycle
    publish: PublishBatches
    switch: JobControl
    log: Log

    async def __call__(
        self, kind: str, message: M, new_run: str, work: Work[M], force: bool = False, keys: Sequence[str] = ()
    ) -> Lease | None:
        """The lease of a range that was closed, None if there is nothing to tell. kind: "list", "keys" or "verify".
        keys: instead of a prefix.
        """
        if message.run is None and not await self.runs.may_start(new_run, kind, message.scheduled):
            return None
        taken = await self.ranges.take(kind, message, new_run, keys)
        if taken is None:
            return None
        named, lease = taken
        piece = lease.piece
        if message.run is None and not keys:
            await self.runs.notes.started(piece.run, kind, piece.prefix)
        gate = QuotaGuard(self.switch, self.control, piece.run)
        out = Publishing(self.publish, gate, lease, RangeCounts(), force)
        try:
            await work(named, lease, out)
        except Stopped as stop:
            out.stop()
            if stop.paused:
                self.log.info("waiting to be resumed", run=piece.run, prefix=piece.prefix, reason=str(stop))
                if out.position is None or keys:
                    return None
                await self.ranges.divide(lease, named, [out.position.decode()], send=False)
            else:
                await self._stopped(kind, lease, out, str(stop))
        except Transient as failure:
            if out.position is None or keys:
                raise
            self.log.warning("a range is handed on", run=piece.run, reason=failure.reason, why=str(failure))
            await self.ranges.divide(lease, named, [out.position.decode()])
        except ObjectError as failure:
            await self._stopped(kind, lease, out, f"{failure.reason}: {failure}")
        finally:
            await gate.leave()
        if out.before_close is not None:
            await out.before_close()
        await self.ranges.close(lease, out.books)
        return lease

    async def walk(
        self, message: M, lease: Lease, out: Publishing, budget: Budget, look: Callable[[Page], Awaitable[None]]
    ) -> None:
        """List the range, page by page, until it ends. It may end early: cut because it proves long, or because the
        budget is over.
        """
        piece = lease.piece
        pages, look_at = 0, patience(message.generation)
        async for listed in self.source.pages(piece.prefix.encode(), piece.cursor.encode()):
            page = listed if lease.until is None else listed.until(lease.until.encode())
            if len(page):
                await look(page)
            if len(page) < len(listed) or (lease.until is not None and page.last >= lease.until.encode()):
                return
            pages += 1
            if budget.spent(self.clock.monotonic()):
                await out.flush()
                await self.ranges.divide(lease, message, [page.last.decode()])
                return
            if pages >= look_at:
                cut = await self.split(piece.prefix, page.last.decode(), lease.until, message.generation)
                look_at = pages + cut.pages
                if cut.fences and self.ranges.has_room(lease, cut.fences):
                    await self.ranges.divide(lease, message, cut.fences, deeper=1)
            await lease.renew()

    async def _stopped(self, kind: str, lease: Lease, out: Publishing, why: str) -> None:
        out.books.stopped = why[:300]
        await self.runs.notes.failed(lease.piece.run, kind, lease.piece.prefix, why[:300])
