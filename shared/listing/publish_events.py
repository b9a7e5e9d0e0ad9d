"""Publish what S3's events name: recorded, then sent; who has read the queue deletes them from it then.

Events come twice, late, and in no order. Of one key the newest sequencer is published, and what an instance has
published already it drops. It does not ask the ledger: the transfer looks at the destination and at S3 before it
copies, so an event that is older than the copy costs two requests and no copy. What events lose the delta repairs.

event                                       what becomes of it
-----------------------------------------   ----------------------------------------------------------
created, the newest that is known           published, or filtered
created, older or the same again            dropped
removed                                     counted; an older creation is dropped: comparisons find what is left over
of a key outside the job, of a tag, a test  counted and deleted from the queue
that nobody can read                        left, so that the queue puts it aside with its dead letters
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.batching import batches
from shared.domain.counts import Outcome
from shared.domain.errors import ObjectError, Transient
from shared.domain.events import ObjectEvent
from shared.domain.filters import Filters
from shared.domain.keys import Key
from shared.domain.messages import MOST_KEYS
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ledger.record import batch_id
from shared.listing.seen_events import SeenEvents
from shared.listing.stretch import Stretch
from shared.ports.clock import Clock
from shared.ports.event_queue import EventMessage
from shared.ports.log import Log
from shared.ports.source import Source

_AT_ONCE = 32
"""Keys whose storage class is asked for at a time."""


@dataclass(slots=True)
class PublishEvents:
    """root: the job's prefix. batch_bytes: of the objects of a batch. seen: what this instance has published."""

    source: Source
    filters: Filters
    root: Key
    batch_bytes: int
    clock: Clock
    log: Log
    seen: SeenEvents = field(default_factory=SeenEvents)

    async def __call__(self, stretch: Stretch, portion: Sequence[EventMessage]) -> None:
        """Record, then send. Raises Stopped if a ceiling or a person says so: what was allowed of it is counted, and
        its events find it copied when they come again.
        """
        newest = self._newest(stretch, portion)
        objects = await self._objects(stretch, [event for event in newest if not event.removed])
        page = Page.of(objects)
        filtered = self.filters.sift(page)
        wanted = [item for index, item in enumerate(objects) if index not in filtered]
        run = stretch.run
        found = {batch_id(run, batch): batch for batch in batches(wanted, MOST_KEYS, self.batch_bytes)}
        new = [batch for name, batch in found.items() if name not in stretch.mine]
        stretch.note("duplicates", sum(map(len, found.values())) - sum(map(len, new)))
        sent = await stretch.sending(new)
        for batch in sent.batches:
            stretch.note("published", len(batch))
            stretch.counts.listed.add("listed", sum(item.size for item in batch), len(batch))
        if sent.refused is not None:
            raise sent.refused
        for index, reason in filtered.items():
            stretch.counts.listed.add("listed", page.sizes[index])
            stretch.counts.outcomes.add(Outcome.FILTERED, page.sizes[index])
            stretch.counts.filters.add(reason, page.sizes[index])
        self.seen.add(newest)

    def _newest(self, stretch: Stretch, portion: Iterable[EventMessage]) -> list[ObjectEvent]:
        """One event a key, in key order, that is newer than what was published."""
        newest: dict[bytes, ObjectEvent] = {}
        now, root = self.clock.now(), self.root
        for message in portion:
            stretch.note("others", message.others)
            if message.unreadable:
                stretch.note("unreadable")
                self.log.warning("an event that nobody can read", run=stretch.run, reason=message.unreadable)
            for event in message.events:
                stretch.oldest = max(stretch.oldest, now - event.at)
                if not event.key.startswith(root):
                    stretch.note("others")
                elif not self.seen.is_new(event):
                    stretch.note("duplicates")
                else:
                    known = newest.get(event.key)
                    stretch.note("duplicates", known is not None)
                    if known is None or event.is_newer(known.sequencer):
                        newest[event.key] = event
        stretch.note("removed", sum(event.removed for event in newest.values()))
        return [newest[key] for key in sorted(newest)]

    async def _objects(self, stretch: Stretch, events: Sequence[ObjectEvent]) -> list[SourceObject]:
        """What events name. They do not tell the storage class, and the transfer asks S3 for all that it copies; only a
        filter needs it before. Asked one after the other, they would be fewer a second than come.
        """
        found: list[SourceObject] = []
        for start in range(0, len(events), _AT_ONCE):
            found += await asyncio.gather(*map(self._object, events[start : start + _AT_ONCE]))
            await stretch.lease.renew()
        return found

    async def _object(self, event: ObjectEvent) -> SourceObject:
        told = f"{event.sequencer}@{event.at}"
        if self.filters.storage_classes:
            try:
                return replace(await self.source.head(event.key), told=told, event_at=event.at)
            except Transient:
                raise
            except ObjectError as failure:
                self.log.info("an event's object cannot be asked for", key=event.key.decode(), why=str(failure))
        return SourceObject(event.key, event.etag, event.size, int(event.at), told=told, event_at=event.at)
