"""Two runs' figures beside each other, and what that cannot say."""

from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from cli.output import moment
from cli.run_figures import Figures, rates, routes_known
from shared.domain.counts import Outcome
from shared.domain.errors import MalformedMessage
from shared.domain.messages import RangeMessage, decode
from shared.domain.runs import RunKind, RunState
from shared.domain.text import numbered
from shared.ports.run_store import OpenRun, RunRecord

GROUPS = ("outcomes", "filters", "verdicts")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs. record: None if Firestore has forgotten it."""

    figures: Figures
    record: RunRecord | None

    @property
    def name(self) -> str:
        return str(self.figures["run"])

    @property
    def compared(self) -> bool:
        """Whether it is a comparison."""
        return bool(self.figures["kind"] == RunKind.VERIFY)


class _Asked(RangeMessage):
    """Of any message that begins a run, what says how far it reaches."""

    model_config = ConfigDict(extra="ignore")


def part_of_prefix(run: OpenRun) -> bool:
    """Whether somebody asked for a part of the prefix only, by a cursor or an end."""
    try:
        asked = decode(_Asked, run.message)
    except MalformedMessage:
        return True
    return bool(asked.cursor) or asked.until is not None


def differences(a: Figures, b: Figures) -> dict[str, Any]:
    """What was counted otherwise: pairs, the first run's first; keys and bytes by name. Empty if nothing."""
    found: dict[str, Any] = {}
    if a["listed"] != b["listed"]:
        found["listed"] = _pair(a["listed"], b["listed"])
    for group in GROUPS:
        names = sorted({*a[group], *b[group]})
        other = {name: _pair(a[group].get(name), b[group].get(name)) for name in names}
        changed = {name: pair for name, pair in other.items() if _differs(pair)}
        if changed:
            found[group] = changed
    causes = {name: [a["causes"].get(name, 0), b["causes"].get(name, 0)] for name in {*a["causes"], *b["causes"]}}
    changed_causes = {name: pair for name, pair in sorted(causes.items()) if pair[0] != pair[1]}
    if changed_causes:
        found["causes"] = changed_causes
    return found


def _pair(one: dict[str, int] | None, other: dict[str, int] | None) -> dict[str, list[int]]:
    nothing = {"keys": 0, "bytes": 0}
    return {unit: [(one or nothing)[unit], (other or nothing)[unit]] for unit in ("keys", "bytes")}


def _differs(pair: dict[str, list[int]]) -> bool:
    return any(one != other for one, other in pair.values())


def measures(a: Figures, b: Figures) -> dict[str, list[float | None]]:
    """Duration, throughput and cost: pairs, None where it is not known."""
    (objects, amount), (other_objects, other_amount) = rates(a), rates(b)
    return {
        "seconds": [a["seconds"], b["seconds"]],
        "objects_per_second": [objects, other_objects],
        "bytes_per_second": [amount, other_amount],
        "dollars": [a["dollars"], b["dollars"]],
    }


def not_covered(a: Side, b: Side) -> list[str]:
    """What keeps two equal counts from being about the same."""
    found = []
    for side in (a, b):
        figures = side.figures
        if figures["state"] == RunState.RUNNING:
            found.append(f"{side.name} is running: its counts are of {moment(figures['ended_at'])}")
        elif figures["state"] != RunState.FINISHED:
            found.append(f"{side.name} {RunState(figures['state']).told}: not every key was looked at")
        if side.record is not None and part_of_prefix(side.record.run):
            found.append(f"{side.name} was asked for a part of its prefix only")
        if not figures["causes_complete"]:
            named = sum(figures["causes"].values())
            found.append(f"{side.name}: causes of the first {numbered(named, 'failed key')} only")
        lost = figures["manifest"]["unwritten_rows"]
        if lost:
            found.append(f"{side.name}: {numbered(lost, 'row')} of its manifest could not be written")
    one, other = a.figures, b.figures
    if one["prefix"] != other["prefix"]:
        found.append(f"their prefixes differ: {one['prefix']!r} and {other['prefix']!r}")
    for what in ("source", "destination"):
        if one[what] != other[what]:
            found.append(f"their {what} differs: {one[what]} and {other[what]}")
    found += _selections(one, other)
    return found


def _selections(one: Figures, other: Figures) -> list[str]:
    before, after = one["selection"], other["selection"]
    if before is None or after is None:
        if one["filters"] or other["filters"]:
            return ["whether the filters were changed is not on record"]
        return []
    if before != after:
        return [f"the filters were changed: {before or 'none'} and {after or 'none'}"]
    return []


def notes(a: Side, b: Side) -> list[str]:
    """What a person should know of the figures."""
    found = []
    for side in (a, b):
        failed = side.figures["outcomes"].get(Outcome.FAILED, {}).get("keys", 0)
        causeless = failed - sum(side.figures["causes"].values())
        if causeless > 0 and side.figures["causes_complete"]:
            found.append(f"{side.name}: of {numbered(causeless, 'failed key')} no cause is on record")
        if not routes_known(side.figures):
            found.append(f"{side.name}: its cost is as if all had come by CloudFront; no report has its routes")
    if not (a.compared and b.compared):
        found.append("listings leave no manifest: which keys differ only two comparisons can tell")
    return found
