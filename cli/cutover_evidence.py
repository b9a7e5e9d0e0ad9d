"""What is known of a prefix before its cutover: the runs that concern it, its last comparison, and the ledger."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cli.comparing import part_of_prefix
from cli.cutover_counts import Counted, of_all, of_part
from cli.ledger import that_ended
from cli.run_figures import written
from cli.run_record import CLOCKS_APART, summary_of
from cli.runs import cancelled_runs
from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.errors import MalformedMessage
from shared.domain.keys import Key
from shared.domain.messages import ListMessage, decode
from shared.domain.rollup import Rollup
from shared.domain.runs import RunKind, RunState
from shared.ledger.record import BatchRecord
from shared.ports.run_store import OpenRun, RunRecord, RunSummary
from shared.reporting.sentence import Ended
from shared.runs.lifecycle import state_at_end


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison and what it has counted of all that it compared. elsewhere: the buckets that its report names, where
    these are not the job's of today. part: the prefix that was asked about, "" if that is all that it compared.
    """

    record: RunRecord
    summary: RunSummary
    proofs: Counter[str]
    elsewhere: str = ""
    part: Key = b""
    sums: Rollup = field(default_factory=Rollup)

    @property
    def name(self) -> str:
        return self.record.run.name

    @property
    def began(self) -> float:
        return self.record.run.started_at

    @property
    def ended(self) -> Ended:
        """In keys, as a report judges it."""
        summary = self.summary
        return Ended(
            RunKind.VERIFY,
            self.record.state,
            summary.listed_keys,
            summary.pending,
            dict(summary.outcomes.keys),
            dict(summary.verdicts.keys),
            self.proofs,
        )

    @property
    def counted(self) -> Counted | None:
        """Of the part that was asked about, None where it does not count that apart."""
        return of_part(self.ended, self.sums, self.part) if self.part else of_all(self.ended)


@dataclass(slots=True)
class Remembered:
    """What the ledger says. failed, failed_since: keys by cause, all and those that were published since the comparison
    began. copied_since, open_since: keys that were copied, or are on their way, since then. ours, foreign: when the
    newest record was published that speaks for the job's buckets and names of today, and one that does not.
    """

    since: float
    failed: Counter[str] = field(default_factory=Counter)
    failed_since: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    copied_since: int = 0
    open_since: int = 0
    ours: float = 0.0
    foreign: float = 0.0

    def look(self, prefix: Key, record: BatchRecord, believed: bool) -> None:
        """Take in a record."""
        table = record.table
        newest = max((*table.ats, record.published_at))
        if not believed:
            self.foreign = max(self.foreign, newest)
            return
        self.ours = max(self.ours, newest)
        if newest <= self.since:
            return
        for key, outcome, at in zip(table.keys, table.outcomes, table.ats, strict=True):
            if key.startswith(prefix) and (at or record.published_at) > self.since:
                self.copied_since += outcome == Outcome.COPIED
                self.open_since += outcome is None


@dataclass(frozen=True, slots=True)
class Evidence:
    """now, and times: epoch seconds. running: the names of runs with something left. delta: the newest finished listing
    of the whole prefix. unfinished: the newest listing of it, if that did not come to its end. comparison: the newest
    one of the whole prefix. later: comparisons that concern the prefix and began after it. not_before: listings that
    ended after it began, or whose end is not written down. speaks_for: the buckets and names of which the functions
    have said that the ledger speaks for them, where these are not those of the settings that were found. reports:
    whether the job writes any. bucket: the source.
    """

    now: float
    prefix: Key
    days: float
    paused: bool
    running: tuple[str, ...]
    delta: RunRecord | None
    delta_summary: RunSummary | None
    unfinished: RunRecord | None
    comparison: Compared | None
    later: tuple[Compared, ...]
    not_before: tuple[str, ...]
    ledger: Remembered
    speaks_for: str = ""
    reports: bool = True
    bucket: str = ""


async def gather(session: Session, prefix: Key, days: float) -> Evidence:
    """Look at the runs of the last days, then at the ledger's records of the prefix, then again at what is running: a
    run that has begun meanwhile must not be missed.
    """
    stores, asked = session.admin.stores, prefix or session.config.root
    now = session.clock.now()
    records = [record for record in await _records(session, now - days * 86_400) if concerns(record.run, asked)]
    listings = [record for record in records if record.run.kind is not RunKind.VERIFY]
    comparisons = [record for record in records if record.run.kind is RunKind.VERIFY]
    newest = next((record for record in reversed(comparisons) if covers(record.run, asked)), None)
    comparison = None if newest is None else await _compared(session, newest, asked)
    began = float("-inf") if comparison is None else comparison.began
    whole = [record for record in listings if record.run.kind is RunKind.LIST and covers(record.run, asked)]
    delta = next((record for record in reversed(whole) if record.state is RunState.FINISHED), None)
    later = [] if newest is None else _not_gone_over(comparisons[comparisons.index(newest) + 1 :])
    ledger = await _remembered(session, asked, began)
    spoke = await stores.control.spoken()
    running = {record.run.name for record in records if record.state is RunState.RUNNING}
    known = {record.run.name for record in records}
    for record in await _records(session, now - CLOCKS_APART):
        if record.run.name not in known and concerns(record.run, asked):
            running.add(record.run.name)
    return Evidence(
        now=now,
        prefix=prefix,
        days=days,
        paused=(await session.control()).paused,
        running=tuple(sorted(running)),
        delta=delta,
        delta_summary=None if delta is None else await summary_of(session, delta),
        unfinished=whole[-1] if whole and whole[-1].state not in (RunState.RUNNING, RunState.FINISHED) else None,
        comparison=comparison,
        later=tuple([await _compared(session, record) for record in later]),
        not_before=tuple(record.run.name for record in listings if record.ended_at is None or record.ended_at > began),
        ledger=ledger,
        speaks_for="" if spoke is None or spoke.before == session.config.identity.digest else spoke.text,
        reports=session.reports is not None,
        bucket=session.settings.source_bucket,
    )


def concerns(run: OpenRun, prefix: Key) -> bool:
    """Whether a run may be about keys of a prefix."""
    if run.kind is RunKind.KEYS:
        try:
            return any(key.startswith(prefix) for key in decode(ListMessage, run.message).keys)
        except MalformedMessage:
            return True
    return run.prefix.startswith(prefix) or prefix.startswith(run.prefix)


def covers(run: OpenRun, prefix: Key) -> bool:
    """Whether a run was about all keys of a prefix."""
    return prefix.startswith(run.prefix) and not part_of_prefix(run)


def _not_gone_over(comparisons: Sequence[RunRecord]) -> list[RunRecord]:
    """Those of parts, without what a newer one has compared again."""
    kept: list[RunRecord] = []
    for record in reversed(comparisons):
        if not any(covers(newer.run, record.run.prefix) for newer in kept):
            kept.append(record)
    return kept


async def _records(session: Session, since: float) -> list[RunRecord]:
    """By their beginnings, those that are running wherever they began. A run of which nothing is left is told as it
    will be written down, and without an end, as `shared.runs.lifecycle` would see it.
    """
    store, cancelled = session.admin.stores.runs, await cancelled_runs(session)
    found = {record.run.name: record for record in await store.since(since)}
    for run in await store.running():
        found.setdefault(run.name, RunRecord(run, RunState.RUNNING, None))
    for name, record in found.items():
        if record.state is RunState.RUNNING and record.run.summable and await store.last_activity(name) is None:
            summary = await store.summary(name)
            if summary.finished:
                state = state_at_end(record.run, None, summary, name in cancelled)
                found[name] = replace(record, state=state, summary=summary)
    return sorted(found.values(), key=_beginning)


def _beginning(record: RunRecord) -> tuple[float, str]:
    return record.run.started_at, record.run.name


async def _compared(session: Session, record: RunRecord, asked: Key = b"") -> Compared:
    stores, name, config = session.admin.stores, record.run.name, session.config
    summary, (sums, _) = await summary_of(session, record), await stores.ranges.rollup(name)
    known = await written(session, name) if record.ended_at is not None else None
    elsewhere = ""
    if known is not None and (known["source"], known["destination"]) != (config.source, config.destination):
        elsewhere = f"{known['source']} and {known['destination']}"
    part = asked if len(asked) > len(record.run.prefix) else b""
    return Compared(record, summary, Counter(sums.proofs), elsewhere, part, sums)


async def _remembered(session: Session, prefix: Key, since: float) -> Remembered:
    found = Remembered(since)
    async for known in that_ended(session, prefix, (Outcome.FAILED,), partial(found.look, prefix)):
        cause = known.entry.reason.partition(":")[0]
        found.failed[cause] += 1
        found.failed_since[cause] += known.published_at > since
        found.reasons.setdefault(cause, known.entry.reason)
    return found
