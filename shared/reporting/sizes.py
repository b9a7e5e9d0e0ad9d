"""How large the objects are: of all that were compared, or of those that were copied."""

from collections.abc import Mapping

from shared.domain.text import numbered
from shared.reporting.chart import Chart, Column, across, places, stacked
from shared.reporting.model import Report
from shared.reporting.scale import of_counts
from shared.reporting.units import in_units

_LABELS, _LEAST_COLUMNS = 5, 8


def sizes(report: Report) -> Chart | None:
    """None where neither sums nor heartbeats know a size."""
    if report.sums.sizes:
        return _chart("Sizes of the objects that were compared", report.sums.sizes)
    told = {bits: objects for bits, (objects, _) in report.progress.sizes.items()}
    if not told:
        return None
    shown, copied = sum(told.values()), report.copied[0]
    of = f"{shown:,} of {numbered(copied, 'copied object')}" if shown < copied else numbered(shown, "copied object")
    return _chart(f"Sizes of {of}", told)


def _chart(title: str, by_bits: Mapping[int, int]) -> Chart:
    """by_bits: objects by the number of bits of their size."""
    first, last = min(by_bits), max(by_bits)
    last = max(last, first + _LEAST_COLUMNS - 1)
    count = last - first + 1
    scale = of_counts(max(by_bits.values()))
    columns = []
    for place, bits in enumerate(range(first, last + 1)):
        objects = by_bits.get(bits, 0)
        span = f"{_least(bits)} and more, below {_least(bits + 1)}" if bits else "empty"
        told = f"{span}: {numbered(objects, 'object')}"
        columns.append(Column(place / count, (place + 1) / count, {"copied": objects}, told))
    every = -(-count // _LABELS)
    labels = [(across((place + 0.5) / count), _least(first + place)) for place in range(0, count, every)]
    most = max(by_bits, key=lambda bits: by_bits[bits])
    told = (
        f"{title}: most, {by_bits[most]:,} of {sum(by_bits.values()):,}, have from {_least(most)} to {_least(most + 1)}"
    )
    return Chart(title, told, "objects", "size from, in powers of two", places(scale), labels, stacked(columns, scale))


def _least(bits: int) -> str:
    return in_units(2 ** (bits - 1)).replace(".0 ", " ") if bits else "0 B"
