"""The runs of a job as its index has them: what each one was and how it ended.

The index carries them itself, so that it names runs that the store has forgotten, and no index costs a read of them
all.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from shared.domain.counts import Outcome
from shared.domain.runs import RunKind, RunState
from shared.ports.run_store import OpenRun, RunRecord
from shared.reporting.model import Report
from shared.reporting.text import of_key

MOST_RUNS = 2000
"""That an index names, the last ones: a page of about a megabyte."""

_DATA = re.compile(r'<script type="application/json" id="runs">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """began, ended: epoch seconds; ended is None while the run is running. keys, bytes: that were listed. tone,
    sentence: of its report; "" where that is not written.
    """

    run: str
    kind: RunKind
    prefix: str
    state: RunState
    began: float
    ended: float | None = None
    keys: int = 0
    bytes: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    tone: str = ""
    sentence: str = ""

    @classmethod
    def of_report(cls, report: Report) -> Self:
        """What a report says of its run."""
        tone, sentence = report.verdict()
        return cls(
            run=report.run,
            kind=report.kind,
            prefix=report.prefix,
            state=report.state,
            began=report.started_at,
            ended=report.ended_at,
            keys=report.listed[0],
            bytes=report.listed[1],
            outcomes={name: keys for name, keys, _ in report.outcomes},
            tone=tone,
            sentence=sentence,
        )

    @classmethod
    def of_record(cls, record: RunRecord) -> Self:
        """What the store knows of a run."""
        run, summary = record.run, record.summary
        return cls(
            run=run.name,
            kind=run.kind,
            prefix=of_key(run.prefix),
            state=record.state,
            began=run.started_at,
            ended=record.ended_at,
            keys=summary.listed_keys if summary is not None else 0,
            bytes=summary.listed_bytes if summary is not None else 0,
            outcomes=dict(summary.outcomes.keys) if summary is not None else {},
        )

    @property
    def order(self) -> tuple[float, str]:
        """By their beginnings."""
        return self.began, self.run

    @property
    def copied(self) -> int:
        """Keys."""
        return self.outcomes.get(Outcome.COPIED, 0)

    @property
    def failed(self) -> int:
        """Keys."""
        return self.outcomes.get(Outcome.FAILED, 0)


def parse(page: bytes) -> list[IndexRow]:
    """The runs that an index names; none of what is no index, or one of another version."""
    found = _DATA.search(page.decode(errors="replace"))
    try:
        rows = json.loads(found[1]) if found is not None else []
        return [_row(row) for row in rows]
    except (ValueError, TypeError, KeyError):
        return []


def before(rows: Iterable[IndexRow], run: OpenRun) -> str:
    """The run that began before this one, "" for the first."""
    earlier = [row.run for row in rows if row.order < (run.started_at, run.name)]
    return earlier[-1] if earlier else ""


def table(rows: Iterable[IndexRow]) -> list[dict[str, Any]]:
    """As JSON has them."""
    return [asdict(row) for row in rows]


def union(known: Iterable[IndexRow], found: Iterable[IndexRow]) -> list[IndexRow]:
    """Both, in the order of their beginnings. A run that has ended stays ended, and a sentence stays."""
    rows = {row.run: row for row in known}
    for row in found:
        before = rows.get(row.run)
        if before is None or before.ended is None or (row.ended is not None and (row.sentence or not before.sentence)):
            rows[row.run] = row
    return sorted(rows.values(), key=lambda row: row.order)[-MOST_RUNS:]


def _row(fields: dict[str, Any]) -> IndexRow:
    return IndexRow(**{**fields, "kind": RunKind(fields["kind"]), "state": RunState(fields["state"])})
