"""A run's counts as fields of its document, whole or as far as they have been added up."""

from operator import index

from shared.domain.comparison import Comparison
from shared.domain.counts import Counts, Outcome
from shared.domain.filters import Filter
from shared.domain.lag import Lag
from shared.domain.missed import Change
from shared.gcp.firestore.counts import read_tally, tally
from shared.gcp.firestore.documents import Fields
from shared.ports.run_store import PartialSummary, RunSummary


def summary_fields(summary: RunSummary) -> Fields:
    """A run's counts as fields, which `recorded` reads."""
    return {
        "listed": {"listed": {"keys": summary.listed_keys, "bytes": summary.listed_bytes}},
        "outcomes": tally(summary.outcomes, Outcome),
        "filters": tally(summary.filters, Filter),
        "verdicts": tally(summary.verdicts, Comparison),
        "open_ranges": summary.open_ranges,
        "stopped_ranges": summary.stopped_ranges,
        **({"changes": tally(summary.changes, Change)} if summary.changes.total_keys else {}),
        **({"lag": summary.lag.table()} if summary.lag.counted else {}),
        **({"found_there": summary.found_there} if summary.found_there else {}),
        **({"gap": True} if summary.gap else {}),
    }


def add_summaries(one: RunSummary, other: RunSummary) -> RunSummary:
    """The counts of two parts of a run."""
    outcomes, filters, verdicts, changes = Counts(), Counts(), Counts(), Counts()
    for part in (one, other):
        outcomes.merge(part.outcomes)
        filters.merge(part.filters)
        verdicts.merge(part.verdicts)
        changes.merge(part.changes)
    keys, size = one.listed_keys + other.listed_keys, one.listed_bytes + other.listed_bytes
    there = one.found_there + other.found_there
    return RunSummary(keys, size, outcomes, filters, verdicts, 0, changes=changes, found_there=there)


RECORDED = frozenset({"listed", "outcomes", "filters", "verdicts", "open_ranges", "stopped_ranges"})
"""The fields of a run's counts; one that an early version ended may lack some."""


def recorded(fields: Fields) -> RunSummary:
    """The counts as they were when the run had ended: its records may have been merged since."""
    listed = read_tally(fields["listed"])
    return RunSummary(
        listed.total_keys,
        listed.total_bytes,
        read_tally(fields["outcomes"]),
        read_tally(fields["filters"]),
        read_tally(fields["verdicts"]),
        index(fields["open_ranges"]),
        index(fields["stopped_ranges"]),
        read_tally(fields.get("changes", {})),
        Lag.read(fields.get("lag")),
        index(fields.get("found_there", 0)),
        bool(fields.get("gap")),
    )


def partial_fields(partial: PartialSummary) -> Fields:
    """What `recorded_partial` reads."""
    return {
        "active_at": partial.active_at,
        "position": partial.position,
        "width": partial.width,
        "edges": partial.edges,
        "complete": partial.complete,
        **summary_fields(partial.summary),
    }


def recorded_partial(fields: Fields) -> PartialSummary:
    """What `partial_fields` wrote."""
    names = ("active_at", "position", "width", "complete", "edges")
    return PartialSummary(summary=recorded(fields), **{name: fields[name] for name in names})
