"""By which route objects came, as the heartbeats tell, and what they do not tell: together it is what was copied."""

from shared.reporting.model import Report
from shared.reporting.table import Cell, Row, Table

NOTE = (
    "An instance tells about once a minute by which route its copies came. What it copied after it last did so is on "
    "record, and its route is not; the bill takes it to be shared out like the rest."
)

UNTOLD = "not told of"
BEYOND = "told of, and not on record, or twice"


def ways(report: Report) -> Table:
    """Its rows add up to what was copied, where that could be added up."""
    told = {name: amount for name, amount in sorted(report.progress.ways.items()) if any(amount)}
    rows: list[Row] = [_row(name, keys, size) for name, (keys, size) in told.items()]
    if not report.counted or not told:
        return Table(_NAME, _HEADS, rows)
    keys, size = untold(report)
    if keys or size:
        rows.append(_row(UNTOLD if min(keys, size) >= 0 else BEYOND, keys, size))
    return Table(_NAME, _HEADS, rows, feet=[_row("copied", *report.copied)])


def untold(report: Report) -> tuple[int, int]:
    """Copied objects and bytes that no heartbeat tells of; below 0 where they tell of more than is on record."""
    keys, size = report.copied
    told = list(report.progress.ways.values())
    return keys - sum(objects for objects, _ in told), size - sum(amount for _, amount in told)


_NAME = "copied objects by route"
_HEADS = ("route", "objects", "bytes")


def _row(name: str, keys: int, size: int) -> Row:
    return name, Cell.count(keys), Cell.bytes(size)
