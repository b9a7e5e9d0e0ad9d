"""What a pause leaves to end: nothing stops a batch that has begun."""

from collections.abc import Iterable

from shared.domain.text import numbered
from shared.ports.run_store import RunSummary


def listed_keys(summaries: Iterable[RunSummary]) -> int:
    """Keys of running runs that are counted as listed and have no outcome yet: any of them may have begun."""
    return sum(max(summary.pending, 0) for summary in summaries)


def what_still_ends(summaries: Iterable[RunSummary]) -> str:
    """In a sentence's words. A range's keys are counted as listed some time after they are published."""
    summaries = list(summaries)
    ranges, keys = sum(summary.open_ranges for summary in summaries), listed_keys(summaries)
    if not ranges and not keys:
        return "no run has anything left that could end"
    most = f"what has begun still ends: up to {numbered(keys, 'listed key')}"
    if not ranges:
        return most
    return f"{most}, and what {numbered(ranges, 'open range')} published and did not count yet"
