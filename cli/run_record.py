"""A run as it is stored, and its counts."""

from cli.exits import CommandError
from cli.session import Session
from shared.ports.run_store import RunRecord, RunSummary

CLOCKS_APART = 3600.0
"""Seconds by which this machine's clock and the functions' may differ."""


async def record_of(session: Session, name: str) -> RunRecord:
    """The run of this name. Raises CommandError if it is not known."""
    record = await session.admin.stores.runs.record(name)
    if record is None:
        raise CommandError(f"there is no run {name!r}: `bucket-transfer runs` names the last ones")
    return record


async def summary_of(session: Session, record: RunRecord) -> RunSummary:
    """Its counts: added up while it is running, and as its record has them once it has ended."""
    return record.summary or await session.admin.stores.runs.summary(record.run.name)
