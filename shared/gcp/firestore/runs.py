"""Runs in Firestore: their documents, heartbeats and schedules.

jobs/{job}/runs/{run}                  what was asked, when, how it ended
jobs/{job}/pulses/{run}-{instance}     an instance's heartbeat: what it has done for a run, and when
jobs/{job}/control/schedule-{kind}     the last run of its kind that the scheduler started
jobs/{job}/control/pages               when the pages of the running runs were last written
"""

from dataclasses import replace
from typing import cast

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD, AsyncClient, AsyncDocumentReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.errors import StateConflict
from shared.domain.lag import Lag
from shared.domain.progress import Progress, merged
from shared.domain.runs import RunKind, RunState
from shared.domain.splitting import edges
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import TRIES, delete_as_read, expiry, holds, paged, time, write
from shared.gcp.firestore.leases import lease_holds
from shared.gcp.firestore.ledger import FirestoreLedger
from shared.gcp.firestore.ranges import FirestoreRanges, open_range
from shared.gcp.firestore.run_counts import RunCounts
from shared.gcp.firestore.run_documents import read_progress, read_run, read_run_record
from shared.gcp.firestore.summaries import partial_fields, recorded, recorded_partial, summary_fields
from shared.gcp.firestore.sums import SLICES
from shared.ledger.packing import deflate
from shared.ports.range_store import OpenRange
from shared.ports.run_store import EndedRun, EndTaken, OpenRun, PartialSummary, RunRecord, RunSummary

_MOST_VERSIONS = 1000
"""Heartbeats whose versions are kept; one that was let go of is read again."""

_MOST_UNREPORTED = 20
"""Reports that are written late at a time."""

_MOST_WAITED = 86_400.0
"""Seconds from when a run's message was published to when the run begins, at the most that is looked for."""

_SAMPLE = 20
"""Open ranges and records that are read to tell when a run was last active."""


@in_firestore
class FirestoreRuns:
    """`shared.ports.run_store.RunStore` for one job. A run's counts are added up over its ranges and the ledger."""

    def __init__(
        self, client: AsyncClient, job: AsyncDocumentReference, ranges: FirestoreRanges, ledger: FirestoreLedger
    ) -> None:
        self._client = client
        self._ranges, self._ledger = ranges, ledger
        self._runs = job.collection("runs")
        self._counts = RunCounts(self._runs, ranges, ledger)
        self._schedules = job.collection("control")
        self._heartbeats = job.collection("pulses")
        self._versions: dict[str, tuple[float, object]] = {}

    async def create(self, opened: OpenRange, kind: RunKind, now: float) -> bool:
        run = {
            "kind": kind.value,
            "prefix": opened.range_id.prefix.decode(),
            "message": opened.message,
            "started_at": time(now),
            "state": RunState.RUNNING.value,
            "slices": SLICES,
            "edges": edges(opened.range_id.cursor, opened.until),
        }
        batch = self._client.batch()
        batch.create(self._runs.document(opened.range_id.run), run)
        batch.create(self._ranges.document(opened.range_id), open_range(opened))
        try:
            await batch.commit()
        except AlreadyExists:
            return False
        return True

    async def running(self) -> list[OpenRun]:
        found = []
        async for snapshot in self._running().stream():
            fields = snapshot.to_dict() or {}
            found.append(read_run(snapshot.id, fields))
        return sorted(found, key=lambda run: (run.started_at, run.name))

    async def names_running(self) -> frozenset[str]:
        return frozenset([snapshot.id async for snapshot in self._running().select([]).stream()])

    def _running(self) -> AsyncQuery:
        query: AsyncQuery = self._runs.where(filter=FieldFilter("state", "==", RunState.RUNNING.value))
        return query

    async def since(self, moment: float) -> list[RunRecord]:
        """By their names, which bear the second in which their message was published: times have no index, because
        these only grow. https://cloud.google.com/firestore/docs/best-practices#indexes
        """
        found = []
        stamp = time(moment - _MOST_WAITED).strftime("%Y%m%dT%H%M%S")
        for kind in RunKind:
            low, high = (self._runs.document(f"{kind}-{end}") for end in (stamp, "~"))
            query = self._runs.where(filter=FieldFilter("__name__", ">=", low))
            async for snapshot in query.where(filter=FieldFilter("__name__", "<", high)).stream():
                found.append(read_run_record(snapshot.id, snapshot.to_dict() or {}))
        return sorted((item for item in found if item.run.started_at >= moment), key=_beginning)

    async def record(self, run: str) -> RunRecord | None:
        snapshot = await self._runs.document(run).get()
        return read_run_record(run, snapshot.to_dict() or {}) if snapshot.exists else None

    async def exists(self, run: str) -> bool:
        return bool((await self._runs.document(run).get(["state"])).exists)

    async def summary(self, run: str) -> RunSummary:
        fields = (await self._runs.document(run).get()).to_dict() or {}
        ended = fields.get("state", RunState.RUNNING) != RunState.RUNNING
        if ended:
            return recorded(fields)
        summary = await self._counts.whole(run)
        return replace(summary, lag=await self.lag(run)) if fields.get("kind") == RunKind.EVENTS else summary

    async def add_up(self, run: str, partial: PartialSummary) -> PartialSummary:
        return await self._counts.add_up(run, partial)

    async def lag(self, run: str) -> Lag:
        return await self._ledger.lag(run)

    async def partial_summary(self, run: str) -> PartialSummary | None:
        fields = (await self._runs.document(run).get(["partial"])).to_dict() or {}
        partial = fields.get("partial") or {}  # what a version without edges has added up is begun anew
        return recorded_partial(partial) if "edges" in partial else None

    async def keep_partial(
        self, run: str, partial: PartialSummary, now: float, lease_seconds: float, version: object
    ) -> object:
        reference = self._runs.document(run)
        fields = {"partial": partial_fields(partial), "lease_until": now + lease_seconds}
        try:
            written = await reference.update(fields, option=self._client.write_option(last_update_time=version))
        except (FailedPrecondition, NotFound) as moved:
            snapshot = await reference.get()
            if any((snapshot.to_dict() or {}).get(name) != value for name, value in fields.items()):
                raise _taken_over(run) from moved
            return cast("object", snapshot.update_time)
        return cast("object", written.update_time)

    async def last_activity(self, run: str) -> float | None:
        unfinished = (self._ranges.still_open(run).select(["run"]), self._ledger.unsettled_records(run).select(["run"]))
        found = [item.update_time for query in unfinished async for item in query.limit(_SAMPLE).stream()]
        if not found:
            return None
        last = self._heartbeats.where(filter=FieldFilter("run", "==", run)).order_by("at", direction="DESCENDING")
        found += [snapshot.update_time async for snapshot in last.limit(1).stream()]
        return float(max(found).timestamp())

    async def heartbeat(self, run: str, instance: str, now: float, progress: Progress) -> None:
        fields = {"run": run, "at": time(now), **expiry(now), "progress": deflate(progress.table())}
        name = f"{run}-{instance}"
        reference, (at, version) = self._heartbeats.document(name), self._versions.get(name, (now, None))
        if at > now:
            return
        for _ in range(TRIES):
            try:
                if version is None:
                    written = await reference.create(fields)
                else:
                    option = self._client.write_option(last_update_time=version)
                    written = await reference.update(fields, option=option)
            except (AlreadyExists, FailedPrecondition, NotFound):
                snapshot = await reference.get(["at"])
                if snapshot.exists and snapshot.get("at") >= fields["at"]:
                    return
                version = snapshot.update_time if snapshot.exists else None
                continue
            if len(self._versions) >= _MOST_VERSIONS:
                self._versions.clear()
            self._versions[name] = now, written.update_time
            return
        raise StateConflict(f"run {run}: the heartbeat of {instance} moved {TRIES} times")

    async def progress(self, run: str) -> Progress:
        heartbeats = paged(self._heartbeats.where(filter=FieldFilter("run", "==", run)))
        return merged([read_progress(snapshot) async for snapshot in heartbeats])

    async def acquire_end(self, run: str, now: float, lease_seconds: float) -> object | None:
        reference = self._runs.document(run)
        snapshot = await reference.get()
        fields = snapshot.to_dict() or {}
        if fields.get("state") != RunState.RUNNING or lease_holds(fields.get("lease_until", 0.0), now, lease_seconds):
            return None
        try:
            option = self._client.write_option(last_update_time=snapshot.update_time)
            written = await reference.update({"lease_until": now + lease_seconds}, option=option)
        except (FailedPrecondition, NotFound):
            return None
        return cast("object", written.update_time)

    async def finish(
        self, run: str, state: RunState, summary: RunSummary, now: float, version: object, reported: bool = True
    ) -> None:
        fields: dict[str, object] = {
            "state": state.value,
            "ended_at": time(now),
            "reported": reported,
            "pending": summary.pending,
            **expiry(now),
            **summary_fields(summary),
        }
        reference = self._runs.document(run)
        try:
            option = self._client.write_option(last_update_time=version)
            await reference.update({**fields, "partial": DELETE_FIELD}, option=option)
        except (FailedPrecondition, NotFound) as moved:
            if not await holds(reference, fields):
                raise _taken_over(run) from moved
        if reported:
            await self._forget_progress(run)

    async def _forget_progress(self, run: str) -> None:
        heartbeats = self._heartbeats.where(filter=FieldFilter("run", "==", run)).select([])
        await delete_as_read(self._client, paged(heartbeats))

    async def unreported(self) -> list[EndedRun]:
        query = self._runs.where(filter=FieldFilter("reported", "==", False)).limit(_MOST_UNREPORTED)
        found = []
        async for snapshot in query.stream():
            fields = snapshot.to_dict() or {}
            state, ended_at = RunState(fields["state"]), fields["ended_at"].timestamp()
            found.append(EndedRun(read_run(snapshot.id, fields), state, ended_at))
        return found

    async def reported(self, run: str) -> None:
        await self._runs.document(run).update({"reported": True})
        await self._forget_progress(run)

    async def scheduled(self, kind: RunKind) -> tuple[str, object]:
        snapshot = await self._schedules.document(f"schedule-{kind}").get()
        return str((snapshot.to_dict() or {}).get("run", "")), snapshot.update_time if snapshot.exists else None

    async def scheduled_since(self, kind: RunKind) -> float | None:
        snapshot = await self._schedules.document(f"schedule-{kind}").get()
        return float(snapshot.create_time.timestamp()) if snapshot.exists and snapshot.create_time else None

    async def schedule(self, kind: RunKind, run: str, version: object) -> bool:
        reference = self._schedules.document(f"schedule-{kind}")
        try:
            if version is None:
                await reference.create({"run": run})
            else:
                await reference.update({"run": run}, option=self._client.write_option(last_update_time=version))
        except (AlreadyExists, FailedPrecondition, NotFound):
            return await holds(reference, {"run": run})
        return True

    async def may_show(self, now: float, seconds: float) -> bool:
        reference = self._schedules.document("pages")
        snapshot = await reference.get()
        if snapshot.exists and 0 <= now - (snapshot.to_dict() or {}).get("at", 0.0) < seconds:
            return False
        try:
            await write(self._client, reference, {"at": now}, snapshot)
        except StateConflict:
            return False
        return True


def _taken_over(run: str) -> EndTaken:
    return EndTaken(f"run {run}: another invocation has taken over its end")


def _beginning(record: RunRecord) -> tuple[float, str]:
    return record.run.started_at, record.run.name
