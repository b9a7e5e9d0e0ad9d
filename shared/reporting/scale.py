"""The marks of an axis: round numbers, few of them, with their unit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from shared.reporting.units import in_units

_MOST_MARKS = 5

_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""Seconds between two marks of a time axis; beyond, whole days."""


@dataclass(frozen=True, slots=True)
class Mark:
    """at: its value. label: with the unit where one belongs to it."""

    at: float
    label: str


def marks(most: float, step: float, label: Callable[[float], str]) -> list[Mark]:
    """From 0 to the first that is no less than `most`."""
    return [Mark(number * step, label(number * step)) for number in range(max(ceil(most / step - 1e-9), 1) + 1)]


def of_counts(most: float) -> list[Mark]:
    """For counts and rates: steps of 1, 2 or 5 times a power of ten."""
    raw = max(most, 1e-9) / (_MOST_MARKS - 1)
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * (1 - 1e-9))
    digits = max(-floor(log10(step) + 1e-9), 0)
    return marks(most, step, lambda value: f"{value:,.{digits if value else 0}f}")


def of_bytes(most: float) -> list[Mark]:
    """For bytes: steps of a power of two, below a byte of ten."""
    raw = most / (_MOST_MARKS - 1)
    if raw <= 1:
        return marks(max(most, 1), 1, in_units)
    step = 1
    while step < raw:
        step *= 2
    return marks(most, step, lambda value: in_units(value).replace(".0 ", " "))


def of_times(start: float, end: float, most: int = 5) -> list[Mark]:
    """Between two moments (epoch seconds), in UTC, at whole seconds, minutes, hours or days."""
    span = max(end - start, 1.0)
    step = next((step for step in _TIMES if span / step <= most), ceil(span / most / 86_400) * 86_400)
    style = "%H:%M:%S" if step < 60 else "%H:%M" if step < 43_200 and span < 86_400 else "%m-%d %H:%M"
    first = ceil(start / step) * step
    found = [first + number * step for number in range(int((end - first) // step) + 1)]
    return [Mark(at, datetime.fromtimestamp(at, UTC).strftime(style)) for at in found]


def share(value: float, scale: Sequence[Mark]) -> float:
    """How far up an axis a value lies, 0 to 1."""
    return value / scale[-1].at if scale[-1].at else 0.0
