"""List a prefix of the source, publish what is new or changed, account for the rest.

Killed at any line, the redelivered message takes the range over when the lease has run out, sends again
what was remembered but may not have been sent, and goes on; no key is counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.budget import Budget
from shared.core.diff import Decision, decide
from shared.core.errors import Gone
from shared.core.messages import ListMessage
from shared.core.objects import SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Log, RangeId, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches
from shared.workflows.ranges import Ranges


@dataclass(frozen=True, slots=True)
class ListRange:
    """life_seconds: how long a published batch counts as alive."""

    source: Source
    state: State
    ranges: Ranges
    publish: PublishBatches
    clock: Clock
    log: Log
    life_seconds: float

    async def __call__(self, message: ListMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again."""
        kind = "keys" if message.keys else "list"
        lease = await self.ranges.take(kind, message, new_run, message.keys)
        if lease is None:
            return
        books = Books()
        rest: ListMessage | None = None
        if message.keys:
            await self._single_keys(message, lease.piece.run, books)
        else:
            rest = await self._walk(message, lease, books, budget)
        await self.ranges.close(lease.piece, books, rest)
        if rest is None:
            await self._note(lease.piece, message)

    async def _walk(self, message: ListMessage, lease: Lease, books: Books, budget: Budget) -> ListMessage | None:
        """The message for the rest, None once the prefix is listed to its end."""
        piece = lease.piece
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        memory = MemoryScan(self.state.records(prefix, after), piece.run, self.clock.now())
        async for page in self.source.pages(prefix, after):
            last = page[-1]
            for orphan in await memory.advance(last.key):
                await self.publish.again(orphan, message.force)
            wanted = self._sort(page, memory, message, piece.run, books)
            await self.publish(piece.run, wanted, message.force)
            memory.forget_before(last.key)
            if budget.spent(self.clock.monotonic()):
                return ListMessage(
                    prefix=piece.prefix,
                    force=message.force,
                    redrive=_redrives(message),
                    run=piece.run,
                    cursor=last.text,
                )
            await lease.renew()
        return None

    def _sort(
        self, page: Sequence[SourceObject], memory: MemoryScan, message: ListMessage, run: str, books: Books
    ) -> list[SourceObject]:
        """Decide on every key of a page, book those that end here, return those to publish."""
        wanted = []
        now = self.clock.now()
        for item in page:
            books.listed.add("listed", item.size)
            decision = decide(
                item,
                memory.lookup(item.key),
                run=run,
                now=now,
                life_seconds=self.life_seconds,
                force=message.force,
                redrive=_redrives(message),
            )
            if decision is Decision.PUBLISH:
                wanted.append(item)
            elif decision is not Decision.COVERED:
                books.outcomes.add(decision, item.size)
        return wanted

    async def _single_keys(self, message: ListMessage, run: str, books: Books) -> None:
        """Look each key up. One that is not there has failed as gone."""
        found = []
        for key in sorted(set(message.keys), key=str.encode):
            try:
                item = await self.source.head(key.encode())
            except Gone:
                self.log.warning("no such key at the source", key=key, run=run, reason=Gone.reason)
                books.listed.add("listed", 0)
                books.outcomes.add(Outcome.FAILED, 0)
                continue
            books.listed.add("listed", item.size)
            found.append(item)
        await self.publish(run, found, message.force)

    async def _note(self, piece: RangeId, message: ListMessage) -> None:
        listed = await self.state.listed(piece.run)
        keys, size = listed.total_keys, listed.total_bytes
        self.log.info("listed", run=piece.run, prefix=piece.prefix, keys=keys, bytes=size)
        if message.keys:
            return
        copy = {"run": piece.run, "listed_at": self.clock.now(), "force": message.force}
        await self.state.note_prefix(piece.prefix, {"copy": copy, "s3_count": keys, "s3_bytes": size})


def _redrives(message: ListMessage) -> bool:
    """A person who names a prefix or keys means those that failed, too; the rest of a run says so itself."""
    return message.redrive or (message.run is None and bool(message.prefix or message.keys))
