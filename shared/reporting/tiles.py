"""The key figures, which stand on top."""

from dataclasses import dataclass

from shared.domain.comparison import Comparison
from shared.domain.counts import Outcome
from shared.domain.missed import Change
from shared.domain.progress import seconds_left
from shared.domain.runs import RunKind
from shared.domain.text import numbered
from shared.pricing.money import with_sign
from shared.reporting.lateness import uncounted, uncovered
from shared.reporting.model import Report
from shared.reporting.units import in_count, in_time, in_units


@dataclass(frozen=True, slots=True)
class Tile:
    """more: a line below the value. tone: good, warning, bad or "". share: of a bar (0 to 1), None for none."""

    name: str
    value: str
    more: str = ""
    tone: str = ""
    share: float | None = None


_CENT = 0.01

OVERALL = "over all of that time"
WHILE_COPYING = "while objects were copied, as the instances told"
"""What two rates of one run are over: from its beginning until its end was seen, and the minutes of copying alone."""


def tiles(report: Report, dollars: float) -> list[Tile]:
    """dollars: what the run cost, about."""
    cost = _cost("cost so far, about" if report.running else "cost, about", dollars)
    if report.running:
        return [*_running(report), cost]
    found = [_listed(report), *(_compared(report) if report.kind is RunKind.VERIFY else _copied(report))]
    found += _of_events(report)
    return [*found, Tile("took", in_time(report.seconds), _speed(report)), cost]


def _cost(name: str, dollars: float) -> Tile:
    """In cents at least; what is less stands below."""
    if 0 < dollars < _CENT:
        return Tile(name, "<\u00a0$0.01", f"{with_sign(dollars)} at list prices")
    return Tile(name, with_sign(dollars), "at list prices")


def _of_events(report: Report) -> list[Tile]:
    """How late the copies of a run of events are; what a listing found that events had missed."""
    if report.kind is RunKind.EVENTS:
        median, most = report.lag.within(0.5), report.lag.within(0.99)
        if median is None or most is None:
            return [Tile("event to copy, median", "not known", "no copy was counted")]
        left = uncovered(report.lag, report.listed[0])
        more = f"99 % {in_time(most)}, worst {in_time(report.lag.worst)}, of {report.lag.counted:,} copies{left}"
        return [Tile("event to copy, median", in_time(median), more)]
    if report.kind is not RunKind.LIST or not (report.follows_events or report.changes.total_keys):
        return []
    missed = report.changes.keys.get(Change.MISSED, 0)
    more = uncounted(report.changes) or "none that this run listed is uncounted"
    return [Tile("changes missed by events", f"{missed:,}", more, "warning" if missed else "")]


def _listed(report: Report) -> Tile:
    return Tile("keys listed", f"{report.listed[0]:,}", in_units(report.listed[1]))


def _copied(report: Report) -> list[Tile]:
    keys, size = report.copied
    outcomes = {name: count for name, count, _ in report.outcomes}
    others = [outcome for outcome in Outcome if outcome not in (Outcome.COPIED, Outcome.FAILED)]
    quiet = ", ".join(f"{outcomes[other]:,} {other.replace('_', ' ')}" for other in others if outcomes.get(other))
    return [
        Tile("objects copied", f"{keys:,}", in_units(size)),
        Tile("keys that ended otherwise", f"{sum(outcomes.get(other, 0) for other in others):,}", quiet or "none"),
        _failed(report),
    ]


def _compared(report: Report) -> list[Tile]:
    ended = report.ended
    apart = ended.listed - ended.proven
    extra = report.ended.verdicts.get(Comparison.EXTRA, 0)
    more = f"{numbered(extra, 'copy', 'copies')} without an object" if extra else ""
    keys, size = report.copied
    return [
        Tile("keys proven the same", f"{ended.proven:,}", _share(ended.proven, ended.listed), "" if apart else "good"),
        Tile("keys not proven the same", f"{apart:,}", more or _share(apart, ended.listed), "warning" if apart else ""),
        Tile("objects copied again", f"{keys:,}", in_units(size)),
        _failed(report),
    ]


def _failed(report: Report) -> Tile:
    pending = f"{report.pending:,} without an end" if report.pending else "below is why" if report.failures else ""
    return Tile("keys that failed", f"{report.failures:,}", pending, "bad" if report.failures or report.pending else "")


def _running(report: Report) -> list[Tile]:
    objects, size = report.progress.rate(report.ended_at)
    pace = Tile("lately", f"{in_units(size)}/s", f"{in_count(objects)} objects a second")
    if report.paused:
        pace = Tile("lately", "paused", "what had begun still ends")
    age = Tile("running for", in_time(report.seconds))
    if not report.counted:
        told = report.progress.told()
        return [Tile("objects copied", f"{told['copied']:,}", "as the heartbeats tell"), pace, age]
    ended = sum(keys for _, keys, _ in report.outcomes)
    amount = sum(size for _, _, size in report.outcomes)
    left = None
    if not report.listing and not report.paused:
        left = seconds_left((report.pending, report.listed[1] - amount), (objects, size))
    share = ended / report.listed[0] if report.listed[0] else 0.0
    keys, copied = report.copied
    listed = numbered(report.listed[0], "key")
    return [
        Tile("ended", _share(ended, report.listed[0]), f"of {listed} listed so far", share=share),
        Tile("objects copied", f"{keys:,}", in_units(copied)),
        pace,
        Tile("left", in_time(left, 1) if left is not None else "not known", "at this pace" if left is not None else ""),
        _failed_so_far(report),
        age,
    ]


def _failed_so_far(report: Report) -> Tile:
    return Tile("keys that failed", f"{report.failures:,}", "", "bad" if report.failures else "")


def _share(part: int, whole: int) -> str:
    """Never rounded up to all, nor down to nothing."""
    if not whole:
        return "of none"
    if part in (0, whole):
        return "all" if part else "none"
    return f"{min(max(part / whole, 0.001), 0.999):.1%}"


def _speed(report: Report) -> str:
    keys, size = report.copied
    if report.seconds < 1:
        return ""
    if report.kind is RunKind.VERIFY:
        return f"{in_count(report.listed[0] / report.seconds)} keys/s compared {OVERALL}"
    if not keys or size < report.seconds:
        return ""
    return f"{in_units(size / report.seconds)}/s, {in_count(keys / report.seconds)} objects/s {OVERALL}"
