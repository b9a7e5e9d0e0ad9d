"""Documents of runs and heartbeats, read. Each raises UnreadableDocument for one that makes no sense."""

from typing import Any

from shared.domain.progress import Progress
from shared.domain.runs import RunKind, RunState
from shared.gcp.firestore.documents import reading
from shared.gcp.firestore.summaries import RECORDED, recorded
from shared.gcp.firestore.sums import SLICES
from shared.ledger.packing import inflate
from shared.ports.run_store import OpenRun, RunRecord


def read_progress(heartbeat: Any) -> Progress:
    """What an instance has told, from the snapshot of its heartbeat."""
    with reading(f"the heartbeat pulses/{heartbeat.id}"):
        return Progress.of(inflate(heartbeat.get("progress")))


def read_run(name: str, fields: dict[str, Any]) -> OpenRun:
    """Up to 25 November 2026 neither ranges nor records had a slice, and no run said how many slices there are."""
    with reading(f"runs/{name}"):
        started_at, summable = fields["started_at"].timestamp(), fields.get("slices") == SLICES
        prefix, message = fields["prefix"].encode(), bytes(memoryview(fields["message"]))
        return OpenRun(name, RunKind(fields["kind"]), prefix, message, started_at, summable)


def read_run_record(name: str, fields: dict[str, Any]) -> RunRecord:
    """A run with how it ended and its counts, if it has."""
    run = read_run(name, fields)
    with reading(f"runs/{name}"):
        state, ended = RunState(fields["state"]), fields.get("ended_at")
        counted = state is not RunState.RUNNING and fields.keys() >= RECORDED
        summary = recorded(fields) if counted else None
        return RunRecord(run, state, None if ended is None else ended.timestamp(), summary)
