"""Keys that failed or are not the same, grouped by why, each group with what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.domain.reasons import passes_by_itself
from shared.domain.rollup import MOST_DIFFERING
from shared.domain.runs import RunKind
from shared.domain.text import numbered
from shared.reporting.model import MOST_FAILED, Report
from shared.reporting.sentence import what_to_do
from shared.reporting.table import Cell, Row, Table

_OPEN_KEYS = 25
"""A group of so many keys shows them at once."""

Named = tuple[str, int, str]
"""Of a key: itself, its bytes, and why: a verdict, an outcome, or a reason as the ledger has it."""


_MERGED = "the run's own records have been taken into later ones since"
"""Why a count of failed keys may be all that is left of them."""


@dataclass(frozen=True, slots=True)
class Cause:
    """name: in words. keys: that are named, of `total`, where that is known. advice: what to do. table: the keys.
    looked: of failed keys, how many were looked at and how many there are, where these are not the same.
    """

    name: str
    keys: int
    total: int | None
    advice: str
    table: Table
    looked: tuple[int, int] | None = None

    @property
    def open(self) -> bool:
        """Whether its keys are shown at once."""
        return self.keys <= _OPEN_KEYS

    @property
    def counted(self) -> str:
        """How many there are, and how many of them are named."""
        if self.looked is not None:
            return f"{self.keys:,} of the {self.looked[0]:,} failed keys that are named, of {self.looked[1]:,}"
        if self.total is not None and self.total > self.keys:
            return f"{numbered(self.total, 'key')}, {self.keys:,} of them named"
        return numbered(self.keys, "key")


@dataclass(frozen=True, slots=True)
class Group:
    """title, note: of all its causes together."""

    title: str
    note: str
    causes: Sequence[Cause]


def groups(report: Report) -> list[Group]:
    """What has failed for good, what the next run tries again, and what a comparison found; without empty ones, unless
    keys have failed and none can be named. A comparison that repairs nothing has no records: its keys are among those
    that are not the same.
    """
    stays = [item for item in report.failed if not passes_by_itself(item[2])]
    again = [item for item in report.failed if passes_by_itself(item[2])]
    more, unnamed = "", 0 if report.running or report.kind is RunKind.VERIFY else report.failures - len(report.failed)
    if len(report.failed) >= MOST_FAILED:
        more = f" Only the first {MOST_FAILED:,} failed keys are named here; `bucket-transfer failures` has all."
    elif unnamed > 0:
        more = f" Of {numbered(unnamed, 'failed key')} more nothing but the count is left: {_MERGED}."
    looked = None
    if unnamed > 0 or (len(report.failed) >= MOST_FAILED and report.failures > len(report.failed)):
        looked = len(report.failed), report.failures
    totals = {name: keys for name, keys, _ in [*report.outcomes, *report.verdicts]}
    found = [
        Group(
            "Failed keys that stay so",
            f"No scheduled run tries them again until they change or somebody asks.{more}",
            _causes(stays, {}, looked),
        ),
        Group(
            "Failed keys that the next run tries again",
            f"What they failed with may pass by itself.{more}",
            _causes(again, {}, looked),
        ),
        Group(
            "Keys that are not the same",
            f"The first {MOST_DIFFERING:,}; the manifest of a comparison has all.",
            _causes(report.sums.differing, totals),
        ),
    ]
    found = [group for group in found if group.causes]
    if unnamed > 0 and not report.failed:
        told = f"{_MERGED[:1].upper()}{_MERGED[1:]}. `bucket-transfer failures` has those that still fail."
        found.insert(0, Group(f"{numbered(unnamed, 'failed key')}, none of them named", told, []))
    return found


def _causes(items: Iterable[Named], totals: dict[str, int], looked: tuple[int, int] | None = None) -> list[Cause]:
    by_cause: dict[str, list[Named]] = {}
    for item in items:
        by_cause.setdefault(item[2].partition(":")[0], []).append(item)
    found = [replace(_cause(name, named, totals.get(name)), looked=looked) for name, named in by_cause.items()]
    return sorted(found, key=lambda cause: (-(cause.total or cause.keys), cause.name))


def _cause(name: str, named: Sequence[Named], total: int | None) -> Cause:
    words = name.replace("_", " ")
    told = any(why != name for _, _, why in named)
    heads = ["key", "bytes", "why"] if told else ["key", "bytes"]
    rows: list[Row] = [
        [key, Cell.bytes(size), *([why.partition(":")[2].strip()] if told else [])] for key, size, why in named
    ]
    advice = what_to_do(name)
    return Cause(
        words,
        len(named),
        total,
        f"{advice[:1].upper()}{advice[1:]}{'' if advice.endswith('.') else '.'}" if advice else "",
        Table(f"keys: {words}", heads, rows, sortable=True),
    )
