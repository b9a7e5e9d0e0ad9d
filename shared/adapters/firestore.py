"""The memory in Firestore: the ledger, the runs' books, the prefixes.

    jobs/{job}/ledger/{batch}              one record a batch: span, tallies, packed table
    jobs/{job}/runs/{run}                  what was asked, and when
    jobs/{job}/ranges/{digest}             one invocation's piece of a run: lease, books
    jobs/{job}/prefixes/{prefix}           what is known of a prefix
    jobs/{job}/rejected/{message}          one malformed message

Spans are bytes, which Firestore sorts as bytes, as S3 sorts keys. `table` must not be indexed. Queries need
the composite indexes (first, last) on `ledger`, and (run, each summed field) on `ledger` and `ranges`.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, DocumentSnapshot
from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.core.compare import Verdict
from shared.core.errors import StateConflict
from shared.core.keys import prefix_end
from shared.core.ledger import Record, UnknownSchema, pack, unpack
from shared.core.outcomes import Outcome, Tally
from shared.ports import Books, Claim, Log, RangeId, RunSummary, Versioned

PAGE = 300
"""Records fetched a query: a query must end within 60 s, and a page is what one scan holds in memory."""

MOST_SUMS = 5
"""Aggregations in one query, which counts only documents that have all the summed fields: so every tally is
written whole, zeros included. https://firebase.google.com/docs/firestore/query-data/aggregation-queries"""

_DOCUMENT_ID_BYTES = 1000
"""Ids may have 1,500 bytes; longer prefixes are hashed. https://firebase.google.com/docs/firestore/quotas"""


class FirestoreState:
    """`shared.ports.State` for one job."""

    def __init__(self, project: str, database: str, job: str, log: Log) -> None:
        self._client = AsyncClient(project=project, database=database)
        root = self._client.collection("jobs").document(job)
        self._ledger = root.collection("ledger")
        self._runs = root.collection("runs")
        self._ranges = root.collection("ranges")
        self._prefixes = root.collection("prefixes")
        self._rejected = root.collection("rejected")
        self._log = log

    async def records(self, prefix: bytes, after: bytes) -> AsyncIterator[Record]:
        low = max(prefix, after + b"\0" if after else b"")
        high = prefix_end(prefix)
        query: AsyncQuery = self._ledger.order_by("first").limit(PAGE)
        if low:
            query = query.where(filter=FieldFilter("last", ">=", low))
        if high is not None:
            query = query.where(filter=FieldFilter("first", "<", high))
        page = query
        while True:
            last: DocumentSnapshot[Any] | None = None
            count = 0
            async for snapshot in page.stream():
                last, count = snapshot, count + 1
                record = self._read(snapshot)
                if record is not None:
                    yield record
            if last is None or count < PAGE:
                return
            page = query.start_after(last)

    async def remember(self, records: Sequence[Record]) -> None:
        batch = self._client.batch()
        for record in records:
            batch.create(self._ledger.document(record.batch), _fields(record))
        try:
            await batch.commit()
        except AlreadyExists:
            for record in records:
                try:
                    await self._ledger.document(record.batch).create(_fields(record))
                except AlreadyExists:
                    continue

    async def record(self, batch: str) -> Versioned | None:
        snapshot = await self._ledger.document(batch).get()
        record = self._read(snapshot) if snapshot.exists else None
        return Versioned(record, snapshot.update_time) if record is not None else None

    async def settle(self, record: Record, version: object | None) -> None:
        reference = self._ledger.document(record.batch)
        if version is None:
            await reference.set(_fields(record))
            return
        try:
            option = self._client.write_option(last_update_time=version)
            await reference.update(_fields(record), option=option)
        except (FailedPrecondition, NotFound) as error:
            raise StateConflict(f"batch {record.batch} was written by somebody else") from error

    def _read(self, snapshot: "DocumentSnapshot[Any]") -> Record | None:
        """A record that this code cannot read counts as forgotten: its keys are looked at afresh."""
        fields = snapshot.to_dict() or {}
        try:
            entries = unpack(fields["table"])
            published_at = fields["published_at"].timestamp()
            return Record(snapshot.id, fields["run"], published_at, entries, fields["attempt"])
        except (UnknownSchema, KeyError, AttributeError) as error:
            self._log.warning("forgotten record", batch=snapshot.id, reason=str(error))
            return None

    async def begin(self, piece: RangeId, kind: str, now: float) -> None:
        run = {"kind": kind, "prefix": piece.prefix, "started_at": _time(now)}
        batch = self._client.batch()
        batch.create(self._runs.document(piece.run), run)
        batch.create(self._range(piece), _open(piece))
        try:
            await batch.commit()
        except AlreadyExists:
            return

    async def expect(self, piece: RangeId) -> None:
        try:
            await self._range(piece).create(_open(piece))
        except AlreadyExists:
            return

    async def claim(self, piece: RangeId, owner: str, now: float, lease_seconds: float) -> Claim:
        reference = self._range(piece)
        lease = {"owner": owner, "lease_until": now + lease_seconds}
        snapshot = await reference.get()
        fields = snapshot.to_dict() if snapshot.exists else None
        try:
            if fields is None:
                await reference.create({**_open(piece), **lease})
                return Claim.GRANTED
            if fields["state"] == "done":
                return Claim.DONE
            if fields["owner"] not in ("", owner) and fields["lease_until"] > now:
                return Claim.HELD
            option = self._client.write_option(last_update_time=snapshot.update_time)
            await reference.update(lease, option=option)
            return Claim.GRANTED
        except (AlreadyExists, FailedPrecondition, NotFound):
            return Claim.HELD

    async def finish(self, piece: RangeId, books: Books, now: float) -> None:
        fields = {**_open(piece), "state": "done", "ended_at": _time(now)}
        fields["listed"] = _tally(books.listed, ["listed"])
        fields["outcomes"] = _tally(books.outcomes, Outcome)
        fields["verdicts"] = _tally(books.verdicts, Verdict)
        await self._range(piece).set(fields)

    async def listed(self, run: str) -> Tally:
        return await _sums(self._ranges.where(filter=FieldFilter("run", "==", run)), "listed", ["listed"])

    async def summary(self, run: str) -> RunSummary:
        here = FieldFilter("run", "==", run)
        ranges, ledger = self._ranges.where(filter=here), self._ledger.where(filter=here)
        still_open = ranges.where(filter=FieldFilter("state", "==", "open")).count(alias="open")
        groups = await still_open.get()
        open_ranges = int(groups[0][0].value)
        listed = await self.listed(run)
        outcomes = await _sums(ranges, "outcomes", list(Outcome))
        outcomes.merge(await _sums(ledger, "outcomes", list(Outcome)))
        verdicts = await _sums(ranges, "verdicts", list(Verdict))
        return RunSummary(listed.total_keys, listed.total_bytes, outcomes, verdicts, open_ranges)

    async def note_prefix(self, prefix: str, fields: dict[str, object]) -> None:
        await self._prefixes.document(_prefix_id(prefix)).set({"prefix": prefix, **fields}, merge=True)

    async def note_rejected(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        fields = {"topic": topic, "problems": list(problems), "at": _time(now)}
        await self._rejected.document(quote(message_id, safe="")).set(fields)

    def _range(self, piece: RangeId) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._ranges.document(_digest(piece.run, piece.prefix, piece.cursor))
        return reference


def _fields(record: Record) -> dict[str, object]:
    return {
        "run": record.run,
        "first": record.first,
        "last": record.last,
        "published_at": _time(record.published_at),
        "attempt": record.attempt,
        "open": sum(entry.open for entry in record.entries),
        "outcomes": _tally(record.tally(), Outcome),
        "table": pack(record.entries),
    }


def _open(piece: RangeId) -> dict[str, object]:
    return {
        "run": piece.run,
        "prefix": piece.prefix,
        "cursor": piece.cursor,
        "state": "open",
        "owner": "",
        "lease_until": 0.0,
    }


def _tally(tally: Tally, names: Iterable[str]) -> dict[str, dict[str, int]]:
    return {str(name): {"keys": tally.keys.get(name, 0), "bytes": tally.bytes.get(name, 0)} for name in names}


async def _sums(query: AsyncQuery, field: str, names: Sequence[str]) -> Tally:
    """Sum `field.{name}.keys` and `.bytes` over a query's documents, without reading them."""
    wanted = [(name, unit) for name in names for unit in ("keys", "bytes")]
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(wanted), MOST_SUMS):
        part = wanted[start : start + MOST_SUMS]
        aggregation = AsyncAggregationQuery(query)
        for name, unit in part:
            aggregation.sum(f"{field}.{name}.{unit}", alias=f"{name}_{unit}")
        by_alias = {result.alias: int(result.value) for group in await aggregation.get() for result in group}
        for name, unit in part:
            found[name, unit] = by_alias[f"{name}_{unit}"]
    tally = Tally()
    for name in names:
        if found[name, "keys"]:
            tally.add(name, found[name, "bytes"], found[name, "keys"])
    return tally


def _time(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _prefix_id(prefix: str) -> str:
    readable = "p:" + quote(prefix, safe="")
    return readable if len(readable) <= _DOCUMENT_ID_BYTES else "h:" + _digest(prefix)
