"""The ledger in Firestore: jobs/{job}/ledger/{batch}, one record a document.

    run, published_at, attempt, open, outcomes    as the record says; `open` counts the keys that have not ended
    identity                                      for which buckets and names it speaks
    first, last, shared                           the span, and what both ends of it begin with
    level, keys                                   an even sample of the records, and how many keys each has
    slice                                         where it is added up, of a run's record (`sums`)
    lag, changes                                  of keys that events named; of a listing's, what events had told
    table, detail                                 the packed entries; must not be indexed

Spans are bytes, which Firestore sorts as bytes, as S3 sorts keys.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncTransaction, DocumentSnapshot
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.counts import Counts, Outcome
from shared.domain.errors import StateConflict
from shared.domain.keys import prefix_end
from shared.domain.lag import Lag
from shared.domain.missed import Change
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import COMMIT_BYTES, PAGE, delete_all, paged, reading, write
from shared.gcp.firestore.ranges import range_document
from shared.gcp.firestore.records import packed_bytes, read_record, read_whole, record_fields, weight
from shared.gcp.firestore.sums import MOST_SUMMED, count, keys_and_records, sums
from shared.gcp.firestore.transactions import in_transaction
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.ledger_store import KeyCount, Outline, Versioned
from shared.ports.log import Log
from shared.ports.range_store import HeldRange

_LEAST_PAGE = 16
"""Of the largest records, which pack thousands of keys."""

_PAGE_BYTES = 8_000_000
"""Packed bytes of a page, which is what one scan holds in memory."""

_SPARSE_LEVEL = 10
"""One record in 2,048: enough to tell how many there are where there are too many to add up."""

MOST_IN = 30
"""Values of one `in` filter: https://firebase.google.com/docs/firestore/query-data/queries#limits_on_or_queries"""


@in_firestore
class FirestoreLedger:
    """`shared.ports.ledger_store.LedgerStore` for one job."""

    def __init__(
        self, client: AsyncClient, job: AsyncDocumentReference, log: Log, most_summed: int = MOST_SUMMED
    ) -> None:
        self._client, self._most_summed = client, most_summed
        self._ledger = job.collection("ledger")
        self._ranges = job.collection("ranges")
        self._log = log

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        for snapshot in await self._crossing(_low(prefix, after)):
            yield read_record(self._log, snapshot)
        query = self._beginning(prefix, after, until).order_by("first")
        page, most = query, _LEAST_PAGE
        while True:
            found = deque([snapshot async for snapshot in page.limit(most).stream()])
            if not found:
                return
            last, count, size = found[-1], len(found), 0
            while found:
                snapshot = found.popleft()
                size += packed_bytes(snapshot)
                yield read_record(self._log, snapshot)
            if count < most:
                return
            page, most = query.start_after(last), _page_records(count, size)

    async def _crossing(self, low: bytes) -> "list[DocumentSnapshot[Any]]":
        """The records that begin before `low` and reach it.

        What first and last key of such a record share, they share with `low`: so equality finds them, where a range
        over `last` alone would read the whole ledger before or behind.
        """
        shared = [low[:length] for length in range(len(low))]
        found: list[DocumentSnapshot[Any]] = []
        for start in range(0, len(shared), MOST_IN):
            some = FieldFilter("shared", "in", shared[start : start + MOST_IN])
            query = self._ledger.where(filter=some).where(filter=FieldFilter("last", ">=", low))
            found += [snapshot async for snapshot in query.stream() if snapshot.get("first") < low]
        return sorted(found, key=lambda snapshot: bytes(snapshot.get("first")))

    def _beginning(self, prefix: bytes, after: bytes, until: bytes | None) -> AsyncQuery:
        """The records whose first keys lie in a key range."""
        low, end = _low(prefix, after), prefix_end(prefix)
        query: AsyncQuery = self._ledger.where(filter=FieldFilter("first", ">=", low))
        if until is not None:
            return query.where(filter=FieldFilter("first", "<=", until))
        return query if end is None else query.where(filter=FieldFilter("first", "<", end))

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        query = self._beginning(prefix, after, until)
        keys, records = await keys_and_records(query.order_by("first"), self._most_summed)
        if records < self._most_summed:
            return KeyCount(keys, records)
        drawn = query.where(filter=FieldFilter("level", "==", _SPARSE_LEVEL)).order_by("first")
        every = max(records, await count(drawn, self._most_summed) << _SPARSE_LEVEL + 1)
        return KeyCount(keys * every // records, every)

    async def sample(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[bytes]:
        level = max(0, (records // max(about, 1)).bit_length() - 2)
        query = self._beginning(prefix, after, until).where(filter=FieldFilter("level", "==", level))
        found = query.order_by("first").select(["first"])
        return [bytes(snapshot.get("first")) async for snapshot in found.stream()]

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        batch = self._client.batch()
        for old, version in zip(merge.replaced, versions, strict=True):
            batch.delete(self._ledger.document(old.batch), self._client.write_option(last_update_time=version))
        for record in merge.merged:
            batch.create(self._ledger.document(record.batch), record_fields(record))
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound):
            return False
        return True

    async def forget(self, prefix: bytes) -> int:
        """What they hold is not read: of three billion keys that would be a hundred gigabytes."""
        return await delete_all(self._client, self._names(prefix), whatever=True)

    async def _names(self, prefix: bytes) -> "AsyncIterator[DocumentSnapshot[Any]]":
        for snapshot in await self._crossing(_low(prefix, b"")):
            yield snapshot
        async for snapshot in paged(self._beginning(prefix, b"", None).order_by("first").select(["first"])):
            yield snapshot

    async def unsettled(self, run: str) -> AsyncIterator[BatchRecord]:
        async for record in self._whole(self.unsettled_records(run)):
            yield record

    async def of_run(self, run: str) -> AsyncIterator[BatchRecord]:
        async for record in self._whole(self._of(run).where(filter=FieldFilter("open", ">=", 0))):
            yield record

    async def _whole(self, query: AsyncQuery) -> AsyncIterator[BatchRecord]:
        """The records that a query finds, but those which cannot be read."""
        async for snapshot in paged(query):
            found = read_whole(self._log, snapshot)
            if found is not None:
                yield found.record

    def unsettled_records(self, run: str) -> AsyncQuery:
        """A run's records with keys that have not ended."""
        return self._of(run).where(filter=FieldFilter("open", ">", 0))

    async def outcomes(self, run: str, slices: range) -> Counts | None:
        """What became of the keys of a run's batches, as `sums` adds them up."""
        return await sums(self._of(run), "outcomes", list(Outcome), slices, self._most_summed)

    async def changes(self, run: str, slices: range) -> Counts | None:
        """What events had told of the keys of a run's batches, likewise; most records say nothing of that."""
        return await sums(self._of(run), "changes", list(Change), slices, self._most_summed)

    async def lag(self, run: str) -> Lag:
        """Of a run's keys that events named: read from each of its records, of which a run of events has hundreds."""
        found = Lag()
        query = self._of(run).where(filter=FieldFilter("open", ">=", 0)).select(["open", "lag"])
        async for snapshot in paged(query):
            with reading("how late copies are (`lag`)"):
                found.merge(Lag.read((snapshot.to_dict() or {}).get("lag")))
        return found

    def _of(self, run: str) -> AsyncQuery:
        query: AsyncQuery = self._ledger.where(filter=FieldFilter("run", "==", run))
        return query

    async def outlines(self, run: str) -> list[Outline]:
        query = self._of(run).where(filter=FieldFilter("open", ">=", 0)).select(["open", "first", "keys", "identity"])
        found = [_outline(snapshot) async for snapshot in paged(query)]
        return sorted(found, key=lambda item: item.first)

    async def failed(self, run: str) -> AsyncIterator[Entry]:
        async for record in self._whole(self._of(run).where(filter=FieldFilter("outcomes.failed.keys", ">", 0))):
            for entry in record.entries:
                if entry.outcome is Outcome.FAILED:
                    yield entry

    async def create(self, records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        batch: list[tuple[str, dict[str, object]]] = []
        size = 0
        for record in records:
            fields = record_fields(record)
            bytes_more = weight(record)
            if size + bytes_more > COMMIT_BYTES:
                await self._create(batch, held)
                batch, size = [], 0
            batch.append((record.batch, fields))
            size += bytes_more
        await self._create(batch, held)

    async def _create(self, documents: Sequence[tuple[str, dict[str, object]]], held: HeldRange | None) -> None:
        try:
            await self._create_new(documents, held)
        except AlreadyExists:
            for document in documents:
                with suppress(AlreadyExists):
                    await self._create_new([document], held)

    async def _create_new(self, documents: Sequence[tuple[str, dict[str, object]]], held: HeldRange | None) -> None:
        """All of them in one commit, which is a transaction where a range must still be its holder's: who takes it over
        waits for that, or comes first and has it fail. https://firebase.google.com/docs/firestore/transaction-data-contention
        """
        if held is None:
            batch = self._client.batch()
            for name, fields in documents:
                batch.create(self._ledger.document(name), fields)
            await batch.commit()
            return
        reference, version = self._ranges.document(range_document(held.id)), held.version

        async def create(transaction: AsyncTransaction) -> None:
            snapshot = await reference.get(["owner"], transaction=transaction)
            if not snapshot.exists or snapshot.update_time != version:
                raise StateConflict(f"{held.id} is not ours any more")
            for name, fields in documents:
                transaction.create(self._ledger.document(name), fields)

        await in_transaction(self._client, create)

    async def get(self, batch: str) -> Versioned | None:
        snapshot = await self._ledger.document(batch).get()
        return read_whole(self._log, snapshot) if snapshot.exists else None

    async def commit_results(self, record: BatchRecord, version: object | None) -> None:
        reference = self._ledger.document(record.batch)
        fields = record_fields(record)
        try:
            if version is None:
                await self._create_anew(record.batch, fields)
            else:
                await reference.update(fields, option=self._client.write_option(last_update_time=version))
        except (AlreadyExists, FailedPrecondition, NotFound) as error:
            raise StateConflict(f"batch {record.batch} was written by somebody else") from error

    async def _create_anew(self, name: str, fields: dict[str, object]) -> None:
        """Create a record, or replace one that cannot be read, as `get` knows none of these."""
        reference = self._ledger.document(name)
        try:
            await reference.create(fields)
        except AlreadyExists:
            snapshot = await reference.get()
            if snapshot.exists and read_whole(self._log, snapshot) is not None:
                raise
            await write(self._client, reference, fields, snapshot)


def _outline(snapshot: "DocumentSnapshot[Any]") -> Outline:
    fields = snapshot.to_dict() or {}
    first, keys = fields.get("first"), fields.get("keys")
    return Outline(
        snapshot.id,
        first if isinstance(first, bytes) else b"",
        keys if isinstance(keys, int) else 0,
        str(fields.get("identity", "")),
    )


def _page_records(records: int, size: int) -> int:
    """How many records the next page should hold, by what those of this one weigh."""
    return max(_LEAST_PAGE, min(PAGE, _PAGE_BYTES * records // max(size, 1)))


def _low(prefix: bytes, after: bytes) -> bytes:
    """The least key of a key range."""
    return max(prefix, after + b"\0" if after else b"")
