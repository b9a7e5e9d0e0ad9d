"""One self-contained HTML page a run: the verdict first, then what adds up to it. Pure: data in, text out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from shared.core.archive import Tier, prices
from shared.core.bill import bill
from shared.core.progress import Progress
from shared.core.report import Checks, Report, Rows
from shared.core.sums import Sums

_MOST_FOLDERS = 2000

ADVICE = {
    "forbidden": "check the policies of bucket and role",
    "bad_credentials": "check the credentials",
    "kms_denied": "grant the use of the bucket's KMS key",
    "retained": "a retention policy or hold keeps the old object",
    "no_such_bucket": "check the names of the buckets",
    "gone": "it was deleted at the source; the next run forgets it",
    "corrupt": "the bytes do not match what S3 promised; force the key, and look at the CDN",
    "changed": "it changes faster than it is copied; force the key when it is quiet",
    "stale_edge": "the CDN serves an old version: STALE_EDGE=direct, or invalidate it",
    "throttled": "force the prefix later",
    "transient": "force the key",
    "unreachable": "check the network, then force the key",
}


def page(report: Report) -> str:
    """The page, with everything that it needs in it."""
    tone, sentence = report.verdict()
    seconds = max(report.ended_at - report.started_at, 1e-9)
    facts = [
        ("run", report.run),
        ("prefix", report.prefix or "the whole job"),
        ("from", report.source),
        ("to", report.destination),
        ("began", _time(report.started_at)),
        ("seen to have ended", _time(report.ended_at)),
        ("took", f"{seconds / 3600:,.2f} h" if seconds > 3600 else f"{seconds:,.0f} s"),
        ("listed", f"{report.listed[0]:,} keys, {_size(report.listed[1])}"),
    ]
    listed = ("listed", *report.listed)
    total = ("together", sum(keys for _, keys, _ in report.outcomes), sum(size for _, _, size in report.outcomes))
    parts = [
        f'<header class="{tone}"><h1>{escape(sentence)}</h1></header>',
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>",
        _section("How every key ended", _counts([*report.outcomes, total, listed], 2)),
        _section("What the comparison says", _counts(report.verdicts)) if report.verdicts else "",
        _section("Left out by filters", _counts(report.filters)) if report.filters else "",
        _progress(report.progress, report.copied[0]),
        _histogram(report.sums),
        _proofs(report.sums),
        _folders(report.sums, report.checks),
        _archived(report.sums, report.restore_days),
        _failed(report.failed),
        _slowest(report.progress),
        _bill(report),
        _files(report.files),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.run)}: {escape(sentence)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], sortable: bool = False, feet: int = 0) -> str:
    """Numbers stand right. feet: how many of the last rows are sums."""
    lines = list(rows)
    body = []
    for number, row in enumerate(lines):
        cells = "".join(map(_cell, row))
        body.append(f'<tr class="sum">{cells}</tr>' if number >= len(lines) - feet else f"<tr>{cells}</tr>")
    right = [isinstance(cell, int | float) for cell in lines[0]] if lines else [False] * len(heads)
    head = "".join(
        f'<th class="n">{escape(title)}</th>' if number else f"<th>{escape(title)}</th>"
        for title, number in zip(heads, right, strict=True)
    )
    kind = ' class="sortable"' if sortable else ""
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


class _Bytes(int):
    """Shown with a unit, sorted by its number."""


def _cell(cell: object) -> str:
    if isinstance(cell, _Bytes):
        return f'<td class="n" data-v="{int(cell)}" title="{cell:,} bytes">{_size(cell)}</td>'
    if isinstance(cell, int | float):
        return f'<td class="n" data-v="{cell}">{_number(cell)}</td>'
    return f"<td>{escape(str(cell))}</td>"


def _counts(rows: Rows, feet: int = 0) -> str:
    return _table(
        ("", "keys", "bytes"), ((name.replace("_", " "), keys, _Bytes(size)) for name, keys, size in rows), feet=feet
    )


def _progress(progress: Progress, copied: int) -> str:
    beats = [beat for beat in progress.in_order if beat.objects]
    if len(beats) < 2:
        return ""
    step = min(second.at - first.at for first, second in pairwise(beats))
    start, end = beats[0].at, beats[-1].at + step
    bars, line, sofar = [], [(0.0, 0)], 0
    fastest = max(beat.bytes for beat in beats) or 1
    width = max(step / (end - start) * 600 - 0.5, 0.5)
    for beat in beats:
        x = (beat.at - start) / (end - start) * 600
        bars.append(_bar(x, 150, beat.bytes / fastest * 140, width))
        line.append((x, sofar))
        sofar += beat.objects
        line.append((x + step / (end - start) * 600, sofar))
    points = " ".join(f"{x:.1f},{150 - count / max(sofar, 1) * 140:.1f}" for x, count in line)
    plot = (
        f'<svg viewBox="0 0 600 155" role="img" aria-label="bytes a second and objects so far">{"".join(bars)}'
        f'<polyline points="{points}"/></svg>'
    )
    note = f"Bars: throughput, at most {_size(fastest / step)} a second. Line: {sofar:,} objects copied, "
    note += f"from {_time(start)} to {_time(end)}"
    note += f"; {copied - sofar:,} more came after the instances last told." if copied > sofar else "."
    return _section("Copying over time", f"{plot}<p>{note}</p>")


def _histogram(sums: Sums) -> str:
    if not sums.sizes:
        return ""
    first, last = min(sums.sizes), max(sums.sizes)
    most, width = max(sums.sizes.values()), 600 / (last - first + 1)
    bars = []
    for place, bits in enumerate(range(first, last + 1)):
        count = sums.sizes.get(bits, 0)
        height = count / most * 120
        least = _size(2 ** (bits - 1)) if bits else "0 B"
        bars.append(_bar(place * width, 130, height, max(width - 2, 1), f"{least} and more: {count:,} objects"))
        if place % max(1, (last - first) // 6) == 0:
            bars.append(f'<text x="{place * width:.1f}" y="148">{least}</text>')
    plot = f'<svg viewBox="0 0 600 155" role="img" aria-label="objects by size">{"".join(bars)}</svg>'
    return _section("Sizes", plot)


def _bar(x: float, floor: float, height: float, width: float, title: str = "") -> str:
    told = f"<title>{title}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{floor - height:.1f}" width="{width:.1f}" height="{height:.1f}">{told}</rect>'


def _proofs(sums: Sums) -> str:
    names = {
        "md5": "the MD5 of the copy is the source's ETag",
        "etag": "the copy says which ETag it was made from, and was proven when it was made; it has no MD5 to compare",
    }
    rows = [(names[name], count) for name, count in sorted(sums.proofs.items()) if count]
    return _section("What shows that they agree", _table(("proof", "objects"), rows)) if rows else ""


def _folders(sums: Sums, checks: Checks) -> str:
    if not sums.folders:
        return ""
    heads = ("folder", "objects", "bytes", "copies", "their bytes", "disagree", "extra", "checks", "repairs")
    rows = [
        (
            folder.decode() or "(root)",
            *(a.s3_count, _Bytes(a.s3_bytes), a.gcs_count, _Bytes(a.gcs_bytes), a.wrong, a.extra),
            *checks.get(folder, (1, 0)),
        )
        for folder, a in sorted(sums.folders.items(), key=lambda item: (-item[1].wrong, item[0]))[:_MOST_FOLDERS]
    ]
    note = "<p>checks, repairs: comparisons of the folder so far, and those that found something to repair.</p>"
    return _section("Folders", _table(heads, rows, sortable=True) + note)


def _archived(sums: Sums, days: int) -> str:
    if not sums.archived:
        return ""
    rows = []
    for name, (keys, size) in sorted(sums.archived.items()):
        found = dict(prices(name, keys, size, days))
        rows.append((name, keys, _Bytes(size), *(found.get(tier, "") for tier in Tier)))
    note = (
        f"<p>S3 must restore them before they can be copied. The prices are of a restore for {days} days, retrieval, "
        "requests and the readable copies together, in US$; RESTORE_TIER has comparisons ask for it, and what is "
        "restored is copied by itself.</p>"
    )
    return _section("Archived objects", _table(("class", "keys", "bytes", *Tier), rows) + note)


def _failed(failed: Sequence[tuple[str, int, str]]) -> str:
    rows = [(key, _Bytes(size), why, ADVICE.get(why.partition(":")[0], "")) for key, size, why in failed]
    return _section("Failed keys", _table(("key", "bytes", "why", "what to do"), rows, sortable=True)) if rows else ""


def _slowest(progress: Progress) -> str:
    rows = [(slow.what, _Bytes(slow.bytes), slow.seconds) for slow in progress.slowest]
    return _section("Slowest copies", _table(("key", "bytes", "seconds"), rows, sortable=True)) if rows else ""


def _bill(report: Report) -> str:
    items = list(bill(report.use(), report.prices))
    rows = [(item.service, item.what, item.amount, item.dollars) for item in items]
    rows.append(("together", "", "", sum(item.dollars for item in items)))
    note = "List prices, first tier, without free allowances; an estimate from what the run counted. "
    if report.copied[0]:
        direct = sum(item.dollars for item in bill(report.use_direct(), report.prices))
        note += f"Had every byte come straight from S3, it would have been ${direct:,.4f}. "
    return _section(
        "What it cost, about", _table(("service", "what", "amount", "US$"), rows, feet=1) + f"<p>{note}</p>"
    )


def _files(files: Sequence[str]) -> str:
    if not files:
        return ""
    links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in ["manifest.json", *files][:200])
    note = "<p>One row a key, JSON lines; manifest.json says which files belong to it.</p>"
    return _section("Manifest", f"{note}<ul>{links}</ul>")


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.6f}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024 or unit == "PiB":
            break
        count /= 1024
    return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"


def _time(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--soft:#f2f4f7;--line:#d5dae2;--good:#1a7f4b;--warning:#9a6700;
--bad:#b42318;--bar:#3d7bd9}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--paper:#14181f;--soft:#1e242e;--line:#353d4a;--good:#2f9e63;
--warning:#b7861b;--bad:#d9483b;--bar:#6ea0ef}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}header{border-radius:.5rem;padding:1rem 1.25rem;color:#fff}
header.good{background:var(--good)}header.warning{background:var(--warning)}header.bad{background:var(--bad)}
h1{font-size:1.35rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}dt{opacity:.7}
dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;min-width:50%}th,td{padding:.3rem .7rem;text-align:left;
border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{white-space:nowrap}
td{min-width:9rem}th.n{text-align:right}
td.n{min-width:0;text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}tr.sum td{font-weight:600;background:var(--soft)}
.sortable th{cursor:pointer}
.sortable th::after{content:" \\2195";opacity:.4}svg{width:100%;height:auto;background:var(--soft);border-radius:.4rem}
rect{fill:var(--bar)}polyline{fill:none;stroke:var(--ink);stroke-width:1.5}text{fill:var(--ink);font-size:11px}
a{color:var(--bar)}
"""

_SCRIPT = """
for(const head of document.querySelectorAll('.sortable th'))head.onclick=()=>{
const table=head.closest('table'),at=[...head.parentNode.children].indexOf(head),body=table.tBodies[0];
const up=head.dataset.up=head.dataset.up==='1'?'0':'1';
const value=row=>{const cell=row.cells[at];return cell.dataset.v===undefined?cell.textContent:Number(cell.dataset.v)};
[...body.rows].sort((a,b)=>{const x=value(a),y=value(b);return(x<y?-1:x>y?1:0)*(up==='1'?1:-1)})
.forEach(row=>body.append(row))};
"""
