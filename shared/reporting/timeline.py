"""Copying over time: throughput and keys a second by outcome, objects and bytes so far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

from shared.domain.counts import Outcome
from shared.domain.progress import Progress
from shared.domain.text import are, numbered
from shared.reporting.chart import Chart, Column, across, outline, places, stacked
from shared.reporting.model import Report
from shared.reporting.scale import Mark, of_bytes, of_counts, of_times
from shared.reporting.table import Cell, Table
from shared.reporting.units import in_count, in_units, moment

_MOST_COLUMNS = 90

Amounts = Mapping[str, tuple[int, int]]
"""Keys and bytes by outcome."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What ended in so many seconds from a moment on (epoch seconds)."""

    at: float
    seconds: float
    ended: Amounts


@dataclass(frozen=True, slots=True)
class Timeline:
    """charts: what to draw. table: the same in numbers. note: what is and what is not in it."""

    charts: Sequence[Chart]
    table: Table
    note: str


def timeline(report: Report) -> Timeline | None:
    """None where the heartbeats tell less than two intervals."""
    found = stretches(report.progress)
    if len(found) < 2:
        return None
    told = [stretch.ended.get(Outcome.COPIED, (0, 0)) for stretch in found]
    keys, size = sum(keys for keys, _ in told), sum(size for _, size in told)
    note = f"From the instances' heartbeats: {numbered(keys, 'object')} copied, {in_units(size)}"
    more, of_them = report.copied[0] - keys, report.copied[1] - size
    if more > 0 and of_them >= 0:
        note += f"; {more:,} more, {in_units(of_them)}, came after the last heartbeats and {are(more)} not in it"
    others = sum(keys for stretch in found for name, (keys, _) in stretch.ended.items() if name != Outcome.COPIED)
    if others:
        note += f"; {numbered(others, 'key was', 'keys were')} handled by the transfer and ended otherwise"
    note += ". Keys that a listing alone settled are not in it."
    charts = [
        _rates(found, "Throughput", "bytes a second", 1, of_bytes, in_units),
        _rates(found, "Keys a second", "keys a second", 0, of_counts, in_count),
        _so_far(found, "Bytes copied so far", "bytes", 1, of_bytes, in_units),
        _so_far(found, "Objects copied so far", "objects", 0, of_counts, in_count),
    ]
    return Timeline(charts, _numbers(found), note)


def stretches(progress: Progress) -> list[Stretch]:
    """Between the first and the last interval in which something ended, as many as can be told apart."""
    ended: dict[float, dict[str, tuple[int, int]]] = {
        interval.at: {Outcome.COPIED.value: (interval.objects, interval.bytes)}
        for interval in progress.in_order
        if interval.objects
    }
    for (at, outcome), amount in sorted(progress.others.items()):
        ended.setdefault(at, {})[outcome] = amount
    times = sorted(ended)
    if len(times) < 2:
        return []
    step = min(second - first for first, second in pairwise(times))
    start, count = times[0], round((times[-1] - times[0]) / step) + 1
    wide = ceil(count / _MOST_COLUMNS)
    found: list[dict[str, tuple[int, int]]] = [{} for _ in range(ceil(count / wide))]
    for at in times:
        into = found[round((at - start) / step) // wide]
        for outcome, (keys, size) in ended[at].items():
            known = into.get(outcome, (0, 0))
            into[outcome] = known[0] + keys, known[1] + size
    return [Stretch(start + number * wide * step, wide * step, amounts) for number, amounts in enumerate(found)]


def _kinds(found: Sequence[Stretch]) -> list[str]:
    """The outcomes that there are, copied first."""
    there = {outcome for stretch in found for outcome in stretch.ended}
    return [outcome.value for outcome in Outcome if outcome in there]


def _rates(
    found: Sequence[Stretch],
    title: str,
    unit: str,
    which: int,
    scale_of: Callable[[float], list[Mark]],
    shown: Callable[[float], str],
) -> Chart:
    """which: 0 for keys, 1 for bytes."""
    kinds = _kinds(found)
    start, end = found[0].at, found[-1].at + found[-1].seconds
    heights = [{kind: stretch.ended.get(kind, (0, 0))[which] / stretch.seconds for kind in kinds} for stretch in found]
    fastest = max(sum(parts.values()) for parts in heights)
    scale = scale_of(fastest)
    columns = [
        Column(
            (stretch.at - start) / (end - start),
            (stretch.at + stretch.seconds - start) / (end - start),
            parts,
            f"{moment(stretch.at)}: "
            + ", ".join(f"{shown(value)}/s {_word(kind)}" for kind, value in parts.items() if value),
        )
        for stretch, parts in zip(found, heights, strict=True)
    ]
    told = f"{title} from {moment(start)} to {moment(end)}, at most {shown(fastest)} a second"
    bars = stacked(columns, scale)
    return Chart(title, told, unit, "time, UTC", places(scale), _times(start, end), bars, kinds=kinds)


def _so_far(
    found: Sequence[Stretch],
    title: str,
    unit: str,
    which: int,
    scale_of: Callable[[float], list[Mark]],
    shown: Callable[[float], str],
) -> Chart:
    start, end = found[0].at, found[-1].at + found[-1].seconds
    sums = list(accumulate(stretch.ended.get(Outcome.COPIED, (0, 0))[which] for stretch in found))
    scale = scale_of(sums[-1])
    points = [(0.0, 0.0)]
    points += [
        ((stretch.at + stretch.seconds - start) / (end - start), float(sofar))
        for stretch, sofar in zip(found, sums, strict=True)
    ]
    area, line = outline(points, scale)
    told = f"{title}, from {moment(start)} to {moment(end)}: {shown(sums[-1])} at the end"
    return Chart(title, told, unit, "time, UTC", places(scale), _times(start, end), area=area, line=line)


def _times(start: float, end: float) -> list[tuple[float, str]]:
    return [(across((mark.at - start) / (end - start)), mark.label) for mark in of_times(start, end, 4)]


def _numbers(found: Sequence[Stretch]) -> Table:
    kinds = _kinds(found)
    heads = ["from", "seconds"]
    for kind in kinds:
        heads += [f"keys {_word(kind)}", f"bytes {_word(kind)}"]
    rows = []
    for stretch in found:
        cells: list[Cell | str] = [moment(stretch.at), Cell.count(stretch.seconds)]
        for kind in kinds:
            keys, size = stretch.ended.get(kind, (0, 0))
            cells += [Cell.count(keys), Cell.bytes(size)]
        rows.append(cells)
    return Table("what ended when", heads, rows)


def _word(outcome: str) -> str:
    return outcome.replace("_", " ")
