"""A run's counts, as documents and as lines."""

from typing import Any

from cli.output import Output, size
from shared.domain.counts import Counts
from shared.ports.run_store import RunSummary
from shared.reporting.lateness import lag_figures


def counts_of(summary: RunSummary) -> dict[str, Any]:
    """For programs: what is zero is left out."""
    return {
        "listed": {"keys": summary.listed_keys, "bytes": summary.listed_bytes},
        "outcomes": tally(summary.outcomes),
        "filters": tally(summary.filters),
        "verdicts": tally(summary.verdicts),
        "lag": lag_figures(summary.lag),
        "changes": tally(summary.changes),
        "pending": summary.pending,
        "open_ranges": summary.open_ranges,
        "stopped_ranges": summary.stopped_ranges,
        "gap": summary.gap,
        "balanced": summary.balanced,
    }


def tally(counts: Counts) -> dict[str, dict[str, int]]:
    """Keys and bytes by name."""
    return {name: {"keys": keys, "bytes": amount} for name, keys, amount in counts}


def keys_of(tallied: dict[str, dict[str, int]]) -> str:
    """Keys by name in a line, the most first."""
    ordered = sorted(tallied.items(), key=lambda item: -item[1]["keys"])
    return ", ".join(f"{amount['keys']:,} {name}" for name, amount in ordered if amount["keys"]) or "nothing"


def of_those(named: int, failed: int) -> str:
    """Of how many failed keys causes are told, to be added to them; "" where that is of all."""
    return f", of the first {named:,} looked at, of {failed:,}" if named < failed else ""


def show_counts(found: dict[str, Any], output: Output) -> None:
    """For people: a row for each outcome, filter and verdict."""
    groups = (("outcome", "outcomes"), ("left out by", "filters"), ("comparison", "verdicts"))
    rows = [
        (what, name, f"{amount['keys']:,}", size(amount["bytes"]))
        for what, group in groups
        for name, amount in found[group].items()
    ]
    listed = found["listed"]
    rows.insert(0, ("listed", "", f"{listed['keys']:,}", size(listed["bytes"])))
    if found["pending"] > 0:
        rows.append(("pending", "", f"{found['pending']:,}", ""))
    output.table(("what", "which", "keys", "bytes"), rows, numbers=("keys", "bytes"))
