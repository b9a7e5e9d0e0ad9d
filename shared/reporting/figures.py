"""The figures of a run's report for programs, beside its page: what the command-line tool shows and compares.

Times are epoch seconds. What is told of the copying itself comes from the instances' heartbeats, which are forgotten
once the report is written: these figures are where it stays.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from shared.domain.progress import Progress
from shared.pricing.estimate import bill, total
from shared.reporting.lateness import lag_figures
from shared.reporting.model import MOST_FAILED, Report, Rows
from shared.reporting.sentence import without_page

FIGURES = "report.json"
"""The file's name, in the run's folder."""

PAGE = "report.html"
"""Of the page for people."""


def figures(report: Report, manifest_rows: int, selection: Mapping[str, object]) -> dict[str, Any]:
    """causes: of the failed keys that the report names, by reason, which are all that are on record where
    `causes_complete` says so; a key that was named and does not exist, or that a comparison left as it was, has none.
    seconds: from the run's start to when it was seen to have ended. copying: None if no heartbeat told of any.
    dollars: by list price, without what is free every month. selection: the job's filters when that was written.
    """
    tone, sentence = report.verdict()
    prices = report.prices.without_allowances()
    return {
        "run": report.run,
        "kind": report.kind.value,
        "prefix": report.prefix,
        "source": report.source,
        "destination": report.destination,
        "state": report.state.value,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "seconds": report.ended_at - report.started_at,
        "tone": tone,
        "sentence": without_page(sentence),
        "listed": {"keys": report.listed[0], "bytes": report.listed[1]},
        "pending": report.pending,
        "proven": report.ended.proven,
        "outcomes": _by_name(report.outcomes),
        "filters": _by_name(report.filters),
        "verdicts": _by_name(report.verdicts),
        "lag": lag_figures(report.lag),
        "changes": _by_name(list(report.changes)),
        "proofs": dict(report.sums.proofs),
        "causes": dict(Counter(reason.partition(":")[0] for _, _, reason in report.failed)),
        "causes_complete": len(report.failed) < MOST_FAILED,
        "dollars": round(total(bill(report.use(), prices)), 6),
        "copying": _copying(report.progress),
        "manifest": {
            "rows": manifest_rows,
            "files": len(report.files),
            "unwritten_rows": report.sums.unwritten_rows,
        },
        "selection": dict(selection),
    }


def _by_name(rows: Rows) -> dict[str, dict[str, int]]:
    return {name: {"keys": keys, "bytes": size} for name, keys, size in rows}


def _copying(progress: Progress) -> dict[str, Any] | None:
    """From the first interval in which something was copied to the end of the last one, as far as is known."""
    intervals = [interval for interval in progress.in_order if interval.objects]
    if not intervals:
        return None
    step = min((late.at - early.at for early, late in pairwise(intervals)), default=0.0)
    objects, size = sum(item.objects for item in intervals), sum(item.bytes for item in intervals)
    seconds = intervals[-1].at + step - intervals[0].at
    return {
        "began_at": intervals[0].at,
        "seconds": seconds or None,
        "objects": objects,
        "bytes": size,
        "instance_seconds": round(progress.seconds, 3),
        "routes": {way: {"keys": keys, "bytes": amount} for way, (keys, amount) in progress.ways.items()},
    }
