"""One self-contained HTML page a run: the verdict first, then what adds up to it. Pure: data in, text out."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from shared.domain.archive import Tier
from shared.domain.progress import Progress
from shared.domain.rollup import Checks, Rollup
from shared.domain.runs import PAGE_SECONDS, RunKind
from shared.pricing.catalog import Prices
from shared.pricing.restores import restore_prices
from shared.reporting.causes import groups
from shared.reporting.costs import costs
from shared.reporting.folder_map import folder_map
from shared.reporting.model import Report, Rows
from shared.reporting.render import render
from shared.reporting.sentence import PROOFS, STATES
from shared.reporting.sizes import sizes
from shared.reporting.table import Cell, Row, Table
from shared.reporting.text import of_key
from shared.reporting.tiles import tiles
from shared.reporting.timeline import timeline
from shared.reporting.units import in_time, moment
from shared.reporting.ways import NOTE, ways
from shared.version import VERSION

_MOST_FOLDERS = 2000
_MOST_FILES = 200

KINDS = {
    RunKind.LIST: "Listing and copying",
    RunKind.KEYS: "Copying single keys",
    RunKind.VERIFY: "Comparing both sides",
    RunKind.EVENTS: "Following S3's events",
}

_NOTE = "Times are UTC. Bytes are in powers of 1,024."

_CHECKS = "checks, repairs: comparisons of the folder so far, and those of them that repaired something."

Section = tuple[str, Table, str]
"""Title, table, and a note below it."""


def page(report: Report) -> str:
    """The page, with everything that it needs in it. Of a run that is running, it loads itself anew every minute."""
    tone, sentence = report.verdict()
    cost = costs(report)
    subtitle = f"{KINDS[report.kind]}, {scope(report.kind, report.prefix)}: {report.source} to {report.destination}"
    return render(
        "report.html",
        title=f"{report.run}: {sentence}",
        interim=report.running,
        name=f"{quote(report.run, safe='')}/report.html",
        address=report.address,
        tone=tone,
        sentence=sentence,
        subtitle=subtitle,
        before=report.before,
        tiles=tiles(report, cost.dollars),
        facts=_facts(report),
        groups=groups(report),
        timeline=timeline(report),
        sizes=sizes(report),
        map=folder_map(report.sums),
        tables=[section for section in _sections(report) if section[1].rows],
        costs=cost,
        files=["manifest.json", *report.files][:_MOST_FILES] if report.files else [],
        unwritten=f"{report.sums.unwritten_rows:,}" if report.sums.unwritten_rows else "",
        written=_written(report) if report.running else "",
        note=_NOTE if report.running else f"{_NOTE} Written for the end of {moment(report.ended_at)}.",
    )


def scope(kind: RunKind, prefix: str) -> str:
    """Which keys a run is about."""
    if kind is RunKind.EVENTS:
        return "those that S3's events named"
    return "those that its message names" if kind is RunKind.KEYS else prefix or "the whole job"


def _facts(report: Report) -> list[tuple[str, str]]:
    when = "written" if report.running else "seen to have ended"
    return [
        ("run", report.run),
        ("keys" if report.kind in (RunKind.KEYS, RunKind.EVENTS) else "prefix", scope(report.kind, report.prefix)),
        ("from", report.source),
        ("to", report.destination),
        ("state", STATES[report.state]),
        ("began", moment(report.started_at)),
        (when, moment(report.ended_at)),
        ("written by", f"bucket-transfer {VERSION}"),
    ]


def _written(report: Report) -> str:
    """Of a run that is running."""
    earliest = moment(report.ended_at + PAGE_SECONDS)[11:]
    return (
        f"Written {moment(report.ended_at)}, after {in_time(report.seconds)}; written anew by the scheduler's first "
        f"tick from {earliest} on. This page asks for that once a minute, until the run's report stands here."
    )


def _sections(report: Report) -> Iterable[Section]:
    listed = ("listed", *report.listed)
    together = ("together", sum(keys for _, keys, _ in report.outcomes), sum(size for _, _, size in report.outcomes))
    sums = report.sums
    yield "How every key ended", _counts("outcome", report.outcomes, [together, listed]), ""
    yield "What the comparison says", _counts("verdict", report.verdicts), ""
    yield "Left out by filters", _counts("filter", report.filters), ""
    yield "By the way they took", ways(report), NOTE
    yield "What shows that they agree", _proofs(sums), ""
    yield "Folders", _folders(sums, report.checks), _CHECKS
    note = (
        f"S3 must restore them before they can be copied. The prices are of a restore for {report.restore_days} days, "
        "retrieval, requests and the readable copies together, in US$; RESTORE_TIER has comparisons ask for it, and "
        "what is restored is copied by itself."
    )
    yield "Archived objects", _archived(sums, report.prices, report.restore_days), note
    yield "Slowest copies", _slowest(report.progress), "A part of a large object shows the bytes of that part."


def _counts(name: str, rows: Rows, feet: Rows = ()) -> Table:
    heads = (name, "keys", "bytes")
    return Table(f"keys and bytes by {name}", heads, [_count(row) for row in rows], feet=[_count(row) for row in feet])


def _count(row: tuple[str, int, int]) -> Row:
    name, keys, size = row
    return name.replace("_", " "), Cell.count(keys), Cell.bytes(size)


def _proofs(sums: Rollup) -> Table:
    rows = [(PROOFS[name], Cell.count(keys)) for name, keys in sorted(sums.proofs.items()) if keys and name in PROOFS]
    return Table("proofs", ("proof", "objects"), rows)


def _folders(sums: Rollup, checks: Checks) -> Table:
    heads = ("folder", "objects", "bytes", "copies", "their bytes", "disagree", "extra", "checks", "repairs")
    rows: list[Row] = [
        (
            of_key(folder) or "(root)",
            Cell.count(a.s3_count),
            Cell.bytes(a.s3_bytes),
            Cell.count(a.gcs_count),
            Cell.bytes(a.gcs_bytes),
            Cell.count(a.wrong),
            Cell.count(a.extra),
            *map(Cell.count, checks.get(folder, (1, 0))),
        )
        for folder, a in sorted(sums.folders.items(), key=lambda item: (-item[1].wrong, item[0]))[:_MOST_FOLDERS]
    ]
    return Table("folders", heads, rows, sortable=True)


def _archived(sums: Rollup, prices: Prices, days: int) -> Table:
    rows: list[Row] = []
    for name, (keys, size) in sorted(sums.archived.items()):
        found = dict(restore_prices(prices, name, keys, size, days))
        shown: Sequence[Cell | str] = [Cell.dollars(found[tier]) if tier in found else "" for tier in Tier]
        rows.append((name, Cell.count(keys), Cell.bytes(size), *shown))
    return Table("archived objects", ("class", "keys", "bytes", *Tier), rows)


def _slowest(progress: Progress) -> Table:
    rows = [(slow.what, Cell.bytes(slow.bytes), Cell.seconds(slow.seconds)) for slow in progress.slowest]
    return Table("slowest copies", ("key", "bytes", "took"), rows, sortable=True)
