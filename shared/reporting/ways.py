"""By which route objects came, as heartbeats report it, and what none reports: together it is what was copied."""

from shared.reporting.model import Report
from shared.reporting.table import Cell, Row, Table

NOTE = (
    "Instances report about once a minute by which route their copies came. What one copied after its last report is "
    "on record without a route; the bill shares it out like the rest."
)

UNREPORTED = "not reported"
OVER_REPORTED = "reported twice, or not on record"


def ways(report: Report) -> Table:
    """Its rows add up to what was copied, where that could be added up."""
    told = {name: amount for name, amount in sorted(report.progress.ways.items()) if any(amount)}
    rows: list[Row] = [_row(name, keys, size) for name, (keys, size) in told.items()]
    if not report.counted or not told:
        return Table(_NAME, _HEADS, rows)
    keys, size = unreported(report)
    if keys or size:
        rows.append(_row(UNREPORTED if min(keys, size) >= 0 else OVER_REPORTED, keys, size))
    return Table(_NAME, _HEADS, rows, feet=[_row("copied", *report.copied)])


def unreported(report: Report) -> tuple[int, int]:
    """Copied objects and bytes that no heartbeat reports; below 0 where they report more than is on record."""
    keys, size = report.copied
    told = list(report.progress.ways.values())
    return keys - sum(objects for objects, _ in told), size - sum(amount for _, amount in told)


_NAME = "copied objects by route"
_HEADS = ("route", "objects", "bytes")


def _row(name: str, keys: int, size: int) -> Row:
    return name, Cell.count(keys), Cell.bytes(size)
