"""The ranges of runs in Firestore: jobs/{job}/ranges/{digest}, one invocation's range a document.

run, prefix, cursor, until, fences    what it is, and where it was split (`fences`: the split points)
message                               what is sent for it
state, owner, lease_until             whether it is done, and whose it is until when
slice                                 where it is added up (`sums`)
edges                                 where it begins and ends now, as a number (`shared.domain.splitting.edges`); what
                                      is split off is taken off, as a version without them may have split it before
listed, outcomes, filters, verdicts, sums, stopped    its counts, once it is done
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD, AsyncClient, AsyncDocumentReference, DocumentSnapshot, Increment
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, ManifestPart, Outcome, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.filters import Filter
from shared.domain.rollup import Rollup
from shared.domain.splitting import edges
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.counts import pack_sums, tallies, unpack_sums
from shared.gcp.firestore.documents import Fields, digest, expiry, holds, paged, time
from shared.gcp.firestore.leases import held_by_another
from shared.gcp.firestore.sums import MOST_SUMMED, SLICES, add_stretches, amounts, count, slice_of, sums
from shared.ports.range_store import Agrees, HeldRange, OpenRange, RangeId, Refusal, always

SUMMED: dict[str, Iterable[str]] = {
    "listed": ["listed"],
    "outcomes": Outcome,
    "filters": Filter,
    "verdicts": Comparison,
}
"""What became of the keys that were not published, what left out the filtered ones, what the verifier found."""

_OF_OPEN = ("until", "fences", "message", "owner", "lease_until")
"""What a range's document has no more once it is closed."""

_ROLLUP_PAGE = 30
"""Ranges whose sums are read at once: one may hold many folders."""

_EXPIRING_AT_ONCE = 32


@in_firestore
class FirestoreRanges:
    """`shared.ports.range_store.RangeStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference, most_summed: int = MOST_SUMMED) -> None:
        self._client, self._most_summed = client, most_summed
        self._ranges = job.collection("ranges")

    async def acquire(
        self, range_id: RangeId, owner: str, now: float, lease_seconds: float, agrees: Agrees = always
    ) -> HeldRange | Refusal:
        reference = self.document(range_id)
        lease = {"owner": owner, "lease_until": now + lease_seconds}
        snapshot = await reference.get()
        if not snapshot.exists:
            return Refusal.UNKNOWN
        fields: dict[str, Any] = snapshot.to_dict() or {}
        if fields["state"] == "done":
            return Refusal.DONE
        if not agrees(bytes(fields["message"])):
            return Refusal.OTHER
        if held_by_another(fields, owner, now, lease_seconds):
            return Refusal.HELD
        try:
            option = self._client.write_option(last_update_time=snapshot.update_time)
            written = await reference.update(lease, option=option)
        except (FailedPrecondition, NotFound):
            return Refusal.HELD
        split_points = tuple(point.encode() for point in fields.get("fences", ()))
        until = None if fields.get("until") is None else str(fields["until"]).encode()
        first = split_points[0] if split_points else until
        return HeldRange(range_id, owner, first, split_points, until, written.update_time, fields["owner"] != "")

    async def renew(self, held: HeldRange, now: float, lease_seconds: float) -> HeldRange:
        lease = {"owner": held.owner, "lease_until": now + lease_seconds}
        reference = self.document(held.id)
        try:
            written = await reference.update(lease, option=self._client.write_option(last_update_time=held.version))
        except (FailedPrecondition, NotFound) as moved:
            snapshot = await reference.get()
            fields = snapshot.to_dict() or {}
            if any(fields.get(name) != value for name, value in lease.items()):
                raise _lost(held.id) from moved
            return replace(held, version=snapshot.update_time)
        return replace(held, version=written.update_time)

    async def split(self, held: HeldRange, further: Sequence[OpenRange]) -> HeldRange:
        split_points = (*(item.range_id.cursor for item in further), *held.split_points)
        option = self._client.write_option(last_update_time=held.version)
        batch = self._client.batch()
        ends = {
            "fences": [point.decode() for point in split_points],
            "edges": Increment(-edges(split_points[0], held.until)),
        }
        batch.update(self.document(held.id), ends, option=option)
        for item in further:
            batch.create(self.document(item.range_id), open_range(item))
        try:
            written = await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound) as moved:
            raise _lost(held.id) from moved
        return replace(held, until=split_points[0], split_points=split_points, version=written[0].update_time)

    async def complete(self, held: HeldRange, counts: RangeCounts, now: float) -> None:
        fields = _closed(held.id, counts, now)
        if counts.sums.folders or counts.sums.differing or counts.manifest:
            fields["sums"] = pack_sums(counts.sums, counts.manifest)
        gone = dict.fromkeys(_OF_OPEN, DELETE_FIELD)
        reference = self.document(held.id)
        try:
            option = self._client.write_option(last_update_time=held.version)
            await reference.update({**fields, **gone}, option=option)
        except (FailedPrecondition, NotFound) as moved:
            if not await holds(reference, fields):
                raise _lost(held.id) from moved

    async def give_up(self, opened: OpenRange, why: str, now: float) -> None:
        fields = {**open_range(opened), **_closed(opened.range_id, RangeCounts(stopped=why), now), "edges": 0}
        for name in _OF_OPEN:
            del fields[name]
        with suppress(AlreadyExists):
            await self.document(opened.range_id).create(fields)

    async def rollup(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        merged, parts = Rollup(), list[ManifestPart]()
        async for snapshot in paged(self._of(run).select(["sums"]), _ROLLUP_PAGE):
            sums, files = unpack_sums((snapshot.to_dict() or {}).get("sums"))
            merged.merge(sums)
            parts += files
        return merged, parts

    async def messages(self, run: str) -> list[bytes]:
        return [bytes(snapshot.get("message")) async for snapshot in paged(self.still_open(run))]

    async def let_expire(self, run: str, now: float) -> None:
        async def expire(found: "DocumentSnapshot[Any]") -> None:
            with suppress(FailedPrecondition, NotFound):
                option = self._client.write_option(last_update_time=found.update_time)
                await found.reference.update(expiry(now), option=option)

        left = [found async for found in paged(self.still_open(run).select(["run"]))]
        for start in range(0, len(left), _EXPIRING_AT_ONCE):
            await asyncio.gather(*map(expire, left[start : start + _EXPIRING_AT_ONCE]))

    async def is_open(self, run: str) -> bool:
        one = self.still_open(run).select(["run"]).limit(1)
        return bool([snapshot async for snapshot in one.stream()])

    async def listed(self, run: str) -> Counts:
        found, position, width = Counts(), 0, SLICES
        while position < SLICES:
            parts, position, width = await add_stretches(
                lambda slices: self.sums(run, "listed", slices), position, width
            )
            for part in parts:
                found.merge(part)
        return found

    async def sums(self, run: str, field: str, slices: range) -> Counts | None:
        """A run's counts of one kind, as `sums` adds them up. field: of its document, one of SUMMED."""
        return await sums(self._of(run), field, list(SUMMED[field]), slices, self._most_summed)

    async def edges(self, run: str, slices: range) -> int | None:
        """The sum of the edges of a run's ranges in some slices; None if there are too many for one query."""
        found = await amounts(self._of(run), [["edges"]], slices, self._most_summed)
        return None if found is None else found["edges"]

    async def open_and_stopped(self, run: str) -> tuple[int, int]:
        """How many ranges are open, and how many ended before their last key."""
        stopped = self._of(run).where(filter=FieldFilter("stopped", ">", ""))
        return await count(self.still_open(run), self._most_summed), await count(stopped, self._most_summed)

    def still_open(self, run: str) -> AsyncQuery:
        """A run's open ranges."""
        return self._of(run).where(filter=FieldFilter("state", "==", "open"))

    def _of(self, run: str) -> AsyncQuery:
        query: AsyncQuery = self._ranges.where(filter=FieldFilter("run", "==", run))
        return query

    def document(self, range_id: RangeId) -> AsyncDocumentReference:
        """Where a range is stored."""
        reference: AsyncDocumentReference = self._ranges.document(range_document(range_id))
        return reference


def range_document(range_id: RangeId) -> str:
    """The id of a range's document."""
    return digest(range_id.run, range_id.prefix.decode(), range_id.cursor.decode())


def open_range(opened: OpenRange) -> Fields:
    """The document of a range that nobody holds yet."""
    range_id = opened.range_id
    return {
        "run": range_id.run,
        "prefix": range_id.prefix.decode(),
        "cursor": range_id.cursor.decode(),
        "until": None if opened.until is None else opened.until.decode(),
        "fences": [],
        "message": opened.message,
        "state": "open",
        "owner": "",
        "lease_until": 0.0,
        "slice": slice_of(range_document(range_id)),
        "edges": edges(range_id.cursor, opened.until),
    }


def _closed(range_id: RangeId, counts: RangeCounts, now: float) -> Fields:
    return {
        "state": "done",
        "stopped": counts.stopped,
        "ended_at": time(now),
        "slice": slice_of(range_document(range_id)),
        **expiry(now),
        **tallies(counts),
    }


def _lost(range_id: RangeId) -> StateConflict:
    return StateConflict(
        f"run {range_id.run}: the range after {range_id.cursor.decode()!r} is not ours any more, or its parts exist"
    )
