"""The few pieces of HTML that a report is made of: sections, sortable tables, bars, and the page around them.

Whatever comes from keys is escaped here. Numbers stand right and sort by their value; bytes are shown with a unit.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from shared.pricing.money import in_dollars


def document(title: str, parts: Iterable[str]) -> str:
    """A page with everything that it needs in it. parts: HTML, empty ones left out."""
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], sortable: bool = False, feet: int = 0) -> str:
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


class Bytes(int):
    """Shown with a unit, sorted by its number."""


class Dollars(float):
    """Shown with the figures that are known, sorted by its number."""


def _cell(cell: object) -> str:
    if isinstance(cell, Bytes):
        return f'<td class="n" data-v="{int(cell)}" title="{cell:,} bytes">{in_units(cell)}</td>'
    if isinstance(cell, Dollars):
        return f'<td class="n" data-v="{float(cell)}">{in_dollars(cell)}</td>'
    if isinstance(cell, int | float):
        return f'<td class="n" data-v="{cell}">{_number(cell)}</td>'
    return f"<td>{escape(str(cell))}</td>"


def bar(x: float, floor: float, height: float, width: float, title: str = "") -> str:
    tooltip = f"<title>{title}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{floor - height:.1f}" width="{width:.1f}" height="{height:.1f}">{tooltip}</rect>'


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.6f}"


def in_units(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024 or unit == "PiB":
            break
        count /= 1024
    return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"


def moment(epoch_seconds: float) -> str:
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
