"""Runs and their ranges in Firestore.

jobs/{job}/runs/{run}                  what was asked, when, how it ended
jobs/{job}/ranges/{digest}             one invocation's piece of a run: lease, fences, books
jobs/{job}/control/schedule-{kind}     the last run of its kind that the scheduler started
"""

from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, ManifestPart, Outcome, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.filters import Filter
from shared.domain.progress import Progress, together
from shared.domain.rollup import Rollup
from shared.gcp.firestore.counts import count, digest, pack_sums, read_tally, sums, tallies, tally, time, unpack_sums
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.ledger.packing import deflate, inflate
from shared.ports.log import Log
from shared.ports.ranges import Grant, OpenRange, RangeId, Refusal
from shared.ports.runs import OpenRun, RunSummary

KEPT_SECONDS = 180 * 86_400.0
"""What is only history is written with the time at which Firestore's own clean-up may take it away.
https://firebase.google.com/docs/firestore/ttl"""

_SAMPLE = 20
"""Open ranges and records looked at to tell whether a run is going."""


class FirestoreRuns(FirestoreLedger):
    """The runs of one job, whose books are added up over ranges and ledger."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference, log: Log) -> None:
        super().__init__(client, job, log)
        self._runs = job.collection("runs")
        self._ranges = job.collection("ranges")
        self._schedules = job.collection("control")
        self._pulses = job.collection("pulses")

    async def begin(self, opened: OpenRange, kind: str, now: float) -> bool:
        run = {
            "kind": kind,
            "prefix": opened.piece.prefix,
            "message": opened.message,
            "started_at": time(now),
            "state": "going",
        }
        batch = self._client.batch()
        batch.create(self._runs.document(opened.piece.run), run)
        batch.create(self._range(opened.piece), _open(opened))
        try:
            await batch.commit()
        except AlreadyExists:
            return False
        return True

    async def claim(self, opened: OpenRange, owner: str, now: float, lease_seconds: float) -> Grant | Refusal:
        reference = self._range(opened.piece)
        lease = {"owner": owner, "lease_until": now + lease_seconds}
        snapshot = await reference.get()
        fields = snapshot.to_dict() if snapshot.exists else None
        try:
            if fields is None:
                await reference.create({**_open(opened), **lease})
                return Grant(opened.until, (), opened.until)
            if fields["state"] == "done":
                return Refusal.DONE
            if held_by_another(fields, owner, now, lease_seconds):
                return Refusal.HELD
            option = self._client.write_option(last_update_time=snapshot.update_time)
            await reference.update(lease, option=option)
        except (AlreadyExists, FailedPrecondition, NotFound):
            return Refusal.HELD
        fences, until = tuple(fields.get("fences", ())), fields.get("until")
        return Grant(fences[0] if fences else until, fences, until)

    async def divide(self, piece: RangeId, owner: str, further: Sequence[OpenRange]) -> None:
        snapshot = await self._range(piece).get()
        fields = snapshot.to_dict() or {}
        if fields.get("owner") != owner or fields.get("state") != "open":
            raise StateConflict(f"run {piece.run}: the range after {piece.cursor!r} is not ours any more")
        fences = [item.piece.cursor for item in further] + fields["fences"]
        option = self._client.write_option(last_update_time=snapshot.update_time)
        batch = self._client.batch()
        batch.update(self._range(piece), {"fences": fences}, option=option)
        for item in further:
            batch.set(self._range(item.piece), _open(item))
        try:
            await batch.commit()
        except (FailedPrecondition, NotFound) as error:
            raise StateConflict(f"run {piece.run}: the range after {piece.cursor!r} was taken over") from error

    async def finish(self, piece: RangeId, books: RangeCounts, now: float) -> None:
        fields: dict[str, object] = {
            "run": piece.run,
            "prefix": piece.prefix,
            "cursor": piece.cursor,
            "state": "done",
            "stopped": books.stopped,
            "ended_at": time(now),
            "expires_at": time(now + KEPT_SECONDS),
        }
        if books.sums.folders or books.manifest:
            fields["sums"] = pack_sums(books.sums, books.manifest)
        await self._range(piece).set({**fields, **tallies(books)})

    async def sums(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        merged, parts = Rollup(), list[ManifestPart]()
        query = self._ranges.where(filter=FieldFilter("run", "==", run)).select(["sums"])
        async for snapshot in query.stream():
            sums, files = unpack_sums((snapshot.to_dict() or {}).get("sums"))
            merged.merge(sums)
            parts += files
        return merged, parts

    async def open_ranges(self, run: str) -> list[bytes]:
        return [bytes(snapshot.get("message")) async for snapshot in self._still_open(run).stream()]

    async def is_open(self, run: str) -> bool:
        one = self._still_open(run).select(["run"]).limit(1)
        return bool([snapshot async for snapshot in one.stream()])

    async def listed(self, run: str) -> Counts:
        return await sums(self._ranges.where(filter=FieldFilter("run", "==", run)), "listed", ["listed"])

    def _still_open(self, run: str) -> AsyncQuery:
        ranges: AsyncQuery = self._ranges.where(filter=FieldFilter("run", "==", run))
        return ranges.where(filter=FieldFilter("state", "==", "open"))

    async def summary(self, run: str) -> RunSummary:
        fields = (await self._runs.document(run).get()).to_dict() or {}
        return ended_books(fields) if fields.get("state", "going") != "going" else await self._added_up(run)

    async def _added_up(self, run: str) -> RunSummary:
        here = FieldFilter("run", "==", run)
        ranges, ledger = self._ranges.where(filter=here), self._ledger.where(filter=here)
        listed, open_ranges = await self.listed(run), await count(self._still_open(run))
        outcomes = await sums(ranges, "outcomes", list(Outcome))
        outcomes.merge(await sums(ledger, "outcomes", list(Outcome)))
        return RunSummary(
            listed.total_keys,
            listed.total_bytes,
            outcomes,
            await sums(ranges, "filters", list(Filter)),
            await sums(ranges, "verdicts", list(Comparison)),
            open_ranges,
            await count(ranges.where(filter=FieldFilter("stopped", ">", ""))),
        )

    async def open_runs(self) -> list[OpenRun]:
        query = self._runs.where(filter=FieldFilter("state", "==", "going"))
        found = []
        async for snapshot in query.stream():
            fields = snapshot.to_dict() or {}
            started_at = fields["started_at"].timestamp()
            found.append(OpenRun(snapshot.id, fields["kind"], fields["prefix"], fields["message"], started_at))
        return sorted(found, key=lambda run: (run.started_at, run.name))

    async def touched(self, run: str) -> float | None:
        unfinished = (self._still_open(run).select(["run"]), self.unsettled(run).select(["run"]))
        found = [item.update_time for query in unfinished async for item in query.limit(_SAMPLE).stream()]
        if not found:
            return None
        pulses = self._pulses.where(filter=FieldFilter("run", "==", run)).order_by("at", direction="DESCENDING")
        found += [snapshot.update_time async for snapshot in pulses.limit(1).stream()]
        return float(max(found).timestamp())

    async def pulse(self, run: str, instance: str, now: float, progress: Progress) -> None:
        fields = {"run": run, "at": time(now), "progress": deflate(progress.table())}
        await self._pulses.document(f"{run}-{instance}").set(fields)

    async def pulses(self, run: str) -> Progress:
        told = self._pulses.where(filter=FieldFilter("run", "==", run)).stream()
        return together([Progress.of(inflate(snapshot.get("progress"))) async for snapshot in told])

    async def close(self, run: str, now: float, lease_seconds: float) -> bool:
        reference = self._runs.document(run)
        snapshot = await reference.get()
        fields = snapshot.to_dict() or {}
        if fields.get("state") != "going" or lease_holds(fields.get("lease_until", 0.0), now, lease_seconds):
            return False
        try:
            option = self._client.write_option(last_update_time=snapshot.update_time)
            await reference.update({"lease_until": now + lease_seconds}, option=option)
        except (FailedPrecondition, NotFound):
            return False
        return True

    async def end(self, run: str, state: str, books: RunSummary, now: float) -> None:
        fields: dict[str, object] = {
            "state": state,
            "ended_at": time(now),
            "expires_at": time(now + KEPT_SECONDS),
            "listed": {"listed": {"keys": books.listed_keys, "bytes": books.listed_bytes}},
            "outcomes": tally(books.outcomes, Outcome),
            "filters": tally(books.filters, Filter),
            "verdicts": tally(books.verdicts, Comparison),
            "pending": books.pending,
            "open_ranges": books.open_ranges,
            "stopped_ranges": books.stopped_ranges,
        }
        await self._runs.document(run).set(fields, merge=True)
        async for pulse in self._pulses.where(filter=FieldFilter("run", "==", run)).select([]).stream():
            await pulse.reference.delete()

    async def scheduled(self, kind: str) -> tuple[str, object]:
        snapshot = await self._schedules.document(f"schedule-{kind}").get()
        return str((snapshot.to_dict() or {}).get("run", "")), snapshot.update_time if snapshot.exists else None

    async def schedule(self, kind: str, run: str, version: object) -> bool:
        reference = self._schedules.document(f"schedule-{kind}")
        try:
            if version is None:
                await reference.create({"run": run})
            else:
                await reference.update({"run": run}, option=self._client.write_option(last_update_time=version))
        except (AlreadyExists, FailedPrecondition, NotFound):
            return False
        return True

    def _range(self, piece: RangeId) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._ranges.document(digest(piece.run, piece.prefix, piece.cursor))
        return reference


def ended_books(fields: dict[str, Any]) -> RunSummary:
    """The books as they were when the run had ended: its records may have been merged since."""
    listed = read_tally(fields["listed"])
    return RunSummary(
        listed.total_keys,
        listed.total_bytes,
        read_tally(fields["outcomes"]),
        read_tally(fields["filters"]),
        read_tally(fields["verdicts"]),
        fields["open_ranges"],
        fields["stopped_ranges"],
    )


def held_by_another(fields: dict[str, Any], owner: str, now: float, lease_seconds: float) -> bool:
    """Whether another's lease still runs."""
    return fields["owner"] not in ("", owner) and lease_holds(fields["lease_until"], now, lease_seconds)


def lease_holds(until: float, now: float, lease_seconds: float) -> bool:
    """Whether a lease still runs. One that ends later than any given now is from a clock that is wrong."""
    return 0 < until - now <= 2 * lease_seconds


def _open(opened: OpenRange) -> dict[str, object]:
    piece = opened.piece
    return {
        "run": piece.run,
        "prefix": piece.prefix,
        "cursor": piece.cursor,
        "until": opened.until,
        "fences": [],
        "message": opened.message,
        "state": "open",
        "owner": "",
        "lease_until": 0.0,
    }
