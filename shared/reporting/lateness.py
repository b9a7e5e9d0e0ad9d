"""What is said of events: how late their copies were, and what a listing found that they had missed."""

from typing import Any

from shared.domain.counts import Counts
from shared.domain.lag import Lag
from shared.domain.missed import Change
from shared.domain.text import are, numbered
from shared.reporting.units import in_time

YOUNG = "too young to tell, or from before events were followed"
"""Why a change may be neither told nor missed."""


def lag_figures(lag: Lag) -> dict[str, Any] | None:
    """For programs, in seconds; None if nothing was counted."""
    if not lag.counted:
        return None
    shares = {f"p{share:g}": lag.within(share / 100) for share in (50, 90, 99)}
    return {"copies": lag.counted, **{name: round(told or 0.0, 3) for name, told in shares.items()}, "worst": lag.worst}


def lag_line(lag: Lag, listed: int) -> str:
    """Of how many keys that events named it is known, and of how many not. listed: keys of these runs."""
    median, most = lag.within(0.5), lag.within(0.99)
    if median is None or most is None:
        return f"how late they were is known of none of {numbered(listed, 'key')} that events named"
    said = f"half within {in_time(median)}, 99 % within {in_time(most)}, the last after {in_time(lag.worst)}"
    return f"{said}, of {numbered(lag.counted, 'copy', 'copies')}{uncovered(lag, listed)}"


def uncovered(lag: Lag, listed: int) -> str:
    """Keys that events named and whose copies nobody saw arrive: filtered, failed, there already, or pending."""
    left = max(listed - lag.counted, 0)
    return f"; {numbered(left, 'key')} that events named {are(left)} not in this" if left else ""


def changes_line(changes: Counts) -> str:
    """What a listing finds to be new or changed, events have missed, or it is not counted."""
    missed = changes.keys.get(Change.MISSED, 0)
    said = f"{numbered(missed, 'change')} missed by events" if missed else "no change known to be missed by events"
    left = uncounted(changes)
    return f"{said}; {left}" if left else said


def uncounted(changes: Counts) -> str:
    """The changes of which nobody can say whether events had missed them; "" if there are none."""
    unsure = changes.keys.get(Change.UNSURE, 0)
    return f"{unsure:,} not counted: {YOUNG}" if unsure else ""
