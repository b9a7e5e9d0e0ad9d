"""List a stretch of the source, publish what is new or changed, account for the rest.

Killed at any line, the redelivered message takes the range over when the lease has run out, sends again
what was remembered but may not have been sent, and goes on; no key is counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.budget import Budget
from shared.domain.counts import Outcome
from shared.domain.errors import Gone, NoSuchBucket
from shared.domain.filters import Filters
from shared.domain.keys import prefix_end
from shared.domain.messages import ListMessage
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ledger.window import is_alive
from shared.listing.decision import Decision, decide
from shared.listing.list_plan import ListPlan
from shared.ports.clock import Clock
from shared.ports.ledger_store import LedgerStore
from shared.ports.log import Log
from shared.ports.prefix_store import PrefixStore
from shared.ports.range_store import RangeId, RangeStore
from shared.ports.run_store import RunStore
from shared.ports.source import Source
from shared.ranges.lease import Lease
from shared.ranges.ledger_scan import BEYOND, LedgerScan
from shared.ranges.publishing import Publishing
from shared.ranges.range_work import RangeWork


@dataclass(frozen=True, slots=True)
class ListRange:
    """life_seconds: how long a published batch counts as alive."""

    source: Source
    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    prefixes: PrefixStore
    work: RangeWork
    filters: Filters
    clock: Clock
    log: Log
    life_seconds: float

    async def __call__(self, message: ListMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""

        async def work(named: ListMessage, lease: Lease, out: Publishing) -> None:
            await (self._single_keys(named, out) if named.keys else self._walk(named, lease, out, budget))

        kind = "keys" if message.keys else "list"
        lease = await self.work(kind, message, new_run, work, message.force, message.keys)
        if lease is not None:
            await self._note(lease.piece, kind)

    async def _walk(self, message: ListMessage, lease: Lease, out: Publishing, budget: Budget) -> None:
        piece = lease.piece
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        until = lease.until.encode() if lease.until is not None else None
        going = frozenset(run.name for run in await self.runs.running()) | {piece.run}
        records = self.ledger.scan(prefix, after, until)
        memory = LedgerScan(self.ledger, self.runs, records, piece.run, self.clock.now(), going, after, merges=True)

        async def look(page: Page) -> None:
            await self._remember(memory, page.last, message, out)
            await out.add(self._judge(page, memory, message, piece.run))
            await memory.leave(page)

        await self.work.walk(message, lease, out, budget, look)
        end = lease.until.encode() if lease.until is not None else prefix_end(prefix) or BEYOND
        await self._remember(memory, end, message, out)
        await out.flush()
        await memory.close(end)

    async def _remember(self, memory: LedgerScan, key: bytes, message: ListMessage, out: Publishing) -> None:
        for orphan in await memory.advance(key):
            await out.publish.again(orphan, message.force)

    def _judge(self, page: Page, memory: LedgerScan, message: ListMessage, run: str) -> ListPlan:
        """Decide on every key of a page; nearly all of them are as they were copied, and are not looked at singly."""
        filtered = self.filters.sift(page)
        singly: Sequence[int] = range(len(page)) if message.force else memory.differing(page)
        now = self.clock.now()
        decisions = {}
        for index in singly:
            if index not in filtered:
                known = memory.lookup(page.keys[index])
                decisions[index] = decide(
                    (page.etags[index], page.sizes[index]),
                    known,
                    run=run,
                    alive=is_alive(known, memory.going, now, self.life_seconds),
                    force=message.force,
                    redrive=message.redrive,
                    archived=page.archived(index),
                )
        return ListPlan(page, decisions, filtered)

    async def _single_keys(self, message: ListMessage, out: Publishing) -> None:
        """Look each key up. One that is not there has failed as gone."""
        found: list[SourceObject] = []
        for key in sorted(set(message.keys), key=str.encode):
            try:
                found.append(await self.source.head(key.encode()))
            except NoSuchBucket:
                raise
            except Gone:
                self.log.warning("no such key at the source", key=key, run=message.run, reason=Gone.reason)
                out.books.listed.add("listed", 0)
                out.books.outcomes.add(Outcome.FAILED, 0)
        page = Page.of(found)
        if found:
            asked = {i: Decision.ARCHIVED if page.archived(i) else Decision.PUBLISH for i in range(len(page))}
            await out.add(ListPlan(page, asked))
        await out.flush()

    async def _note(self, piece: RangeId, kind: str) -> None:
        """What the prefix's document says once the last range is closed."""
        if await self.ranges.is_open(piece.run):
            return
        listed = await self.ranges.listed(piece.run)
        keys, size = listed.total_keys, listed.total_bytes
        self.log.info("listed", run=piece.run, prefix=piece.prefix, keys=keys, bytes=size)
        if kind == "list":
            copy = {"run": piece.run, "state": "published", "published_at": self.clock.now()}
            await self.prefixes.note(piece.prefix, {"copy": copy, "s3_count": keys, "s3_bytes": size})
