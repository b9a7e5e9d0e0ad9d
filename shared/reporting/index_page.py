"""The page of all runs of a job, the last one first. Pure: data in, text out."""

from collections.abc import Sequence
from urllib.parse import quote

from shared.domain.text import numbered
from shared.reporting.index_rows import MOST_RUNS, IndexRow, table
from shared.reporting.page import scope
from shared.reporting.render import render
from shared.reporting.sentence import STATES, without_page
from shared.reporting.table import Cell, Row, Table
from shared.reporting.tiles import Tile
from shared.reporting.units import in_time, moment

_HEADS = ("run", "how it ended", "prefix", "began", "took", "listed", "bytes", "copied", "failed")


def index_page(job: str, source: str, destination: str, rows: Sequence[IndexRow], address: str = "") -> str:
    """rows: in the order of their beginnings. address: where a browser finds it."""
    last = rows[-1] if rows else None
    going = [row for row in rows if row.ended is None]
    sentence = (
        f"{job}: no run has begun"
        if last is None
        else f"{job}: {numbered(len(rows), 'run')}, the last began {moment(last.began)}"
    )
    note = "A run without a sentence has no report, or that could not be written yet."
    if len(rows) >= MOST_RUNS:
        note += f" Only the last {MOST_RUNS:,} are named here; the folders beside this page have the others, too."
    return render(
        "index.html",
        title=sentence,
        interim=bool(going),
        name="index.html",
        address=address,
        tone="running" if going else last.tone if last is not None else "",
        sentence=sentence,
        subtitle=f"{source} to {destination}",
        tiles=_tiles(rows, going),
        table=Table("runs", _HEADS, [_line(row) for row in reversed(rows)], sortable=True),
        note=note,
        rows=table(rows),
        written="Times are UTC. Written at each run's end, and at the scheduler's ticks while one is running.",
    )


def _tiles(rows: Sequence[IndexRow], going: Sequence[IndexRow]) -> list[Tile]:
    failed = [row for row in rows if row.failed]
    bad = [row for row in rows if row.tone == "bad"]
    return [
        Tile("runs", f"{len(rows):,}", f"since {moment(rows[0].began)}" if rows else ""),
        Tile("running", f"{len(going):,}", going[-1].run if going else ""),
        Tile("objects copied by all", f"{sum(row.copied for row in rows):,}"),
        Tile("runs with failed keys", f"{len(failed):,}", failed[-1].run if failed else "", "bad" if failed else ""),
        Tile("runs that ended badly", f"{len(bad):,}", bad[-1].run if bad else "", "bad" if bad else ""),
    ]


def _line(row: IndexRow) -> Row:
    return (
        Cell(row.run, link=f"{quote(row.run, safe='')}/report.html"),
        Cell(
            without_page(row.sentence) or STATES[row.state],
            tone="running" if row.ended is None else row.tone,
        ),
        scope(row.kind, row.prefix),
        Cell(moment(row.began)[:16], row.began, moment(row.began)),
        Cell(in_time(row.ended - row.began), row.ended - row.began) if row.ended is not None else Cell("", -1),
        Cell.count(row.keys),
        Cell.bytes(row.bytes),
        Cell.count(row.copied),
        Cell.count(row.failed),
    )


def next_page(run: str, after: str, address: str = "") -> str:
    """What leads from a run's report to the next one, which nobody knew when the report was written. after: "" as long
    as there is none. address: where a browser finds it.
    """
    return render("next.html", run=run, after=after, name=f"{quote(run, safe='')}/next.html", address=address)
