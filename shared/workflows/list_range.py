"""List a prefix of the source, publish what is new or changed, account for the rest.

Killed at any line, the redelivered message takes the range over when the lease has run out, sends again
what was remembered but may not have been sent, and goes on; no key is counted twice.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.budget import Budget
from shared.core.diff import Decision, decide
from shared.core.errors import Gone, MalformedMessage
from shared.core.messages import ListMessage
from shared.core.objects import SourceObject
from shared.core.outcomes import Outcome
from shared.ports import Books, Clock, Log, Queue, RangeId, Source, State
from shared.workflows.lease import Lease
from shared.workflows.memory_scan import MemoryScan
from shared.workflows.publish_batches import PublishBatches


@dataclass(frozen=True, slots=True)
class ListRange:
    """root: the job's source prefix. life_seconds: how long a published batch counts as alive."""

    source: Source
    state: State
    queue: Queue
    publish: PublishBatches
    clock: Clock
    log: Log
    topic: str
    root: str
    life_seconds: float
    lease_seconds: float

    async def __call__(self, message: ListMessage, new_run: str, budget: Budget) -> None:
        """Work on a message until done or until the budget ends; then the rest is a message again.

        new_run: the run's name if the message starts one; the same for every delivery of a message.
        """
        run = message.run or new_run
        for scope in message.keys or (message.prefix or self.root,):
            if not scope.startswith(self.root):
                raise MalformedMessage([f"{scope!r} lies outside the job's root {self.root!r}"])
        piece = RangeId(run, message.prefix or self.root, message.cursor)
        if message.run is None:
            await self.state.begin(piece, "keys" if message.keys else "list", self.clock.now())
        lease = Lease(self.state, self.clock, piece, uuid.uuid4().hex, self.lease_seconds)
        if not await lease.take():
            return
        books = Books()
        if message.keys:
            await self._single_keys(message, run, books)
        elif not await self._walk(message, piece, lease, books, budget):
            return
        await self.state.finish(piece, books, self.clock.now())
        await self._note(piece, message)

    async def _walk(self, message: ListMessage, piece: RangeId, lease: Lease, books: Books, budget: Budget) -> bool:
        """True once the prefix is listed to its end, False if the rest was handed on."""
        prefix, after = piece.prefix.encode(), piece.cursor.encode()
        memory = MemoryScan(self.state.records(prefix, after), piece.run, self.clock.now())
        async for page in self.source.pages(prefix, after):
            for orphan in await memory.advance(page[-1].key):
                await self.publish.again(orphan, message.force)
            wanted = self._sort(page, memory, message, piece.run, books)
            await self.publish(piece.run, wanted, message.force)
            memory.forget_before(page[-1].key)
            if budget.spent(self.clock.monotonic()):
                await self._hand_on(message, piece, page[-1].text, books)
                return False
            await lease.renew()
        return True

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

    async def _hand_on(self, message: ListMessage, piece: RangeId, cursor: str, books: Books) -> None:
        """The rest is opened, then sent, then this range is closed: a crash in between repeats, never loses."""
        rest = RangeId(piece.run, piece.prefix, cursor)
        await self.state.expect(rest)
        onward = ListMessage(
            prefix=piece.prefix, force=message.force, redrive=_redrives(message), run=piece.run, cursor=cursor
        )
        await self.queue.publish(self.topic, [onward])
        await self.state.finish(piece, books, self.clock.now())

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
