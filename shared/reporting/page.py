"""One self-contained HTML page a run: the verdict first, then what adds up to it. Pure: data in, text out."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from shared.domain.archive import Tier
from shared.domain.progress import Progress
from shared.domain.reasons import advice_for, passes_by_itself
from shared.domain.rollup import MOST_DIFFERING, Checks, Rollup
from shared.pricing.catalog import Prices
from shared.pricing.estimate import bill, split, total
from shared.pricing.money import in_dollars
from shared.pricing.restores import restore_prices
from shared.reporting.html import Bytes, Dollars, bar, document, in_units, moment, section, table
from shared.reporting.model import Report, Rows
from shared.reporting.sentence import PROOFS, what_to_do
from shared.version import VERSION

_MOST_FOLDERS = 2000


def page(report: Report) -> str:
    """The page, with everything that it needs in it."""
    tone, sentence = report.verdict()
    seconds = max(report.ended_at - report.started_at, 1e-9)
    facts = [
        ("run", report.run),
        ("prefix", report.prefix or "the whole job"),
        ("from", report.source),
        ("to", report.destination),
        ("began", moment(report.started_at)),
        ("seen to have ended", moment(report.ended_at)),
        ("took", f"{seconds / 3600:,.2f} h" if seconds > 3600 else f"{seconds:,.0f} s"),
        ("listed", f"{report.listed[0]:,} keys, {in_units(report.listed[1])}"),
        ("written by", f"bucket-transfer {VERSION}"),
    ]
    listed = ("listed", *report.listed)
    total = ("together", sum(keys for _, keys, _ in report.outcomes), sum(size for _, _, size in report.outcomes))
    parts = [
        f'<header class="{tone}"><h1>{escape(sentence)}</h1></header>',
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>",
        section("How every key ended", _counts([*report.outcomes, total, listed], 2)),
        section("What the comparison says", _counts(report.verdicts)) if report.verdicts else "",
        section("Left out by filters", _counts(report.filters)) if report.filters else "",
        _progress(report.progress, report.copied[0]),
        _histogram(report.sums),
        _proofs(report.sums),
        _folders(report.sums, report.checks),
        _archived(report.sums, report.prices, report.restore_days),
        _differing(report.sums),
        _failed(report.failed),
        _slowest(report.progress),
        _bill(report),
        _files(report.files, report.sums.unwritten_rows),
    ]
    return document(f"{report.run}: {sentence}", parts)


def _counts(rows: Rows, feet: int = 0) -> str:
    return table(
        ("", "keys", "bytes"), ((name.replace("_", " "), keys, Bytes(size)) for name, keys, size in rows), feet=feet
    )


def _progress(progress: Progress, copied: int) -> str:
    intervals = [interval for interval in progress.in_order if interval.objects]
    if len(intervals) < 2:
        return ""
    step = min(second.at - first.at for first, second in pairwise(intervals))
    start, end = intervals[0].at, intervals[-1].at + step
    bars, line, sofar = [], [(0.0, 0)], 0
    fastest = max(interval.bytes for interval in intervals) or 1
    width = max(step / (end - start) * 600 - 0.5, 0.5)
    for interval in intervals:
        x = (interval.at - start) / (end - start) * 600
        bars.append(bar(x, 150, interval.bytes / fastest * 140, width))
        line.append((x, sofar))
        sofar += interval.objects
        line.append((x + step / (end - start) * 600, sofar))
    points = " ".join(f"{x:.1f},{150 - count / max(sofar, 1) * 140:.1f}" for x, count in line)
    plot = (
        f'<svg viewBox="0 0 600 155" role="img" aria-label="bytes a second and objects so far">{"".join(bars)}'
        f'<polyline points="{points}"/></svg>'
    )
    note = f"Bars: throughput, at most {in_units(fastest / step)} a second. Line: {sofar:,} objects copied, "
    note += f"from {moment(start)} to {moment(end)}"
    note += f"; {copied - sofar:,} more came after the last heartbeats." if copied > sofar else "."
    return section("Copying over time", f"{plot}<p>{note}</p>")


def _histogram(sums: Rollup) -> str:
    if not sums.sizes:
        return ""
    first, last = min(sums.sizes), max(sums.sizes)
    most, width = max(sums.sizes.values()), 600 / (last - first + 1)
    bars = []
    for place, bits in enumerate(range(first, last + 1)):
        count = sums.sizes.get(bits, 0)
        height = count / most * 120
        least = in_units(2 ** (bits - 1)) if bits else "0 B"
        bars.append(bar(place * width, 130, height, max(width - 2, 1), f"{least} and more: {count:,} objects"))
        if place % max(1, (last - first) // 6) == 0:
            bars.append(f'<text x="{place * width:.1f}" y="148">{least}</text>')
    plot = f'<svg viewBox="0 0 600 155" role="img" aria-label="objects by size">{"".join(bars)}</svg>'
    return section("Sizes", plot)


def _proofs(sums: Rollup) -> str:
    rows = [(PROOFS[name], count) for name, count in sorted(sums.proofs.items()) if count and name in PROOFS]
    return section("What shows that they agree", table(("proof", "objects"), rows)) if rows else ""


def _folders(sums: Rollup, checks: Checks) -> str:
    if not sums.folders:
        return ""
    heads = ("folder", "objects", "bytes", "copies", "their bytes", "disagree", "extra", "checks", "repairs")
    rows = [
        (
            folder.decode() or "(root)",
            *(a.s3_count, Bytes(a.s3_bytes), a.gcs_count, Bytes(a.gcs_bytes), a.wrong, a.extra),
            *checks.get(folder, (1, 0)),
        )
        for folder, a in sorted(sums.folders.items(), key=lambda item: (-item[1].wrong, item[0]))[:_MOST_FOLDERS]
    ]
    note = "<p>checks, repairs: comparisons of the folder so far, and those that found something to repair.</p>"
    return section("Folders", table(heads, rows, sortable=True) + note)


def _archived(sums: Rollup, prices: Prices, days: int) -> str:
    if not sums.archived:
        return ""
    rows = []
    for name, (keys, size) in sorted(sums.archived.items()):
        found = dict(restore_prices(prices, name, keys, size, days))
        shown = (Dollars(found[tier]) if tier in found else "" for tier in Tier)
        rows.append((name, keys, Bytes(size), *shown))
    note = (
        f"<p>S3 must restore them before they can be copied. The prices are of a restore for {days} days, retrieval, "
        "requests and the readable copies together, in US$; RESTORE_TIER has comparisons ask for it, and what is "
        "restored is copied by itself.</p>"
    )
    return section("Archived objects", table(("class", "keys", "bytes", *Tier), rows) + note)


def _differing(sums: Rollup) -> str:
    rows = [(key, Bytes(size), why.replace("_", " "), what_to_do(why)) for key, size, why in sums.differing]
    if not rows:
        return ""
    note = f"<p>The first {MOST_DIFFERING:,}; the manifest of a comparison has all.</p>"
    heads = ("key", "bytes", "what", "what to do")
    return section("Keys that are not the same", table(heads, rows, sortable=True) + note)


def _failed(failed: Sequence[tuple[str, int, str]]) -> str:
    """In two groups: what the next run tries again, and what waits for a person."""
    again = [item for item in failed if passes_by_itself(item[2])]
    stays = [item for item in failed if not passes_by_itself(item[2])]
    shown = ""
    for title, items, note in (
        ("Failed keys that stay so", stays, "No scheduled run tries them again until they change or somebody asks."),
        ("Failed keys that the next run tries again", again, "What they failed with may pass by itself."),
    ):
        rows = [(key, Bytes(size), why, advice_for(why)) for key, size, why in items]
        if rows:
            shown += section(
                title, f"<p>{note}</p>" + table(("key", "bytes", "why", "what to do"), rows, sortable=True)
            )
    return shown


def _slowest(progress: Progress) -> str:
    rows = [(slow.what, Bytes(slow.bytes), slow.seconds) for slow in progress.slowest]
    return section("Slowest copies", table(("key", "bytes", "seconds"), rows, sortable=True)) if rows else ""


def _bill(report: Report) -> str:
    """Without what is free every month: that is the account's, and other traffic may have used it up."""
    prices = report.prices.without_allowances()
    items = list(bill(report.use(), prices))
    rows = [(item.service, item.what, item.amount, Dollars(item.dollars)) for item in items]
    unavoidable, added = split(items)
    sums = (("together", unavoidable + added), ("nobody can avoid", unavoidable), ("this project adds", added))
    rows += [(name, "", "", Dollars(dollars)) for name, dollars in sums]
    free = total(items) - total(bill(report.use(), report.prices))
    note = (
        f"List prices of {prices.published:%Y-%m-%d} in their tiers, to three figures; an estimate from what the run "
        f"counted. What is free every month, here worth at most ${in_dollars(free)}, is not taken off. "
    )
    if not prices.listed:
        note += f"The list does not name the bucket's region: the prices of {prices.region} stand in. "
    if report.copied[0]:
        direct = total(bill(report.use_direct(), prices))
        note += f"Had every byte come straight from S3, it would have been ${in_dollars(direct)}. "
    return section("What it cost, about", table(("service", "what", "amount", "US$"), rows, feet=3) + f"<p>{note}</p>")


def _files(files: Sequence[str], unwritten: int) -> str:
    lost = f"<p>{unwritten:,} rows could not be written: the bucket for reports refused them.</p>" if unwritten else ""
    if not files:
        return section("Manifest", lost) if lost else ""
    links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in ["manifest.json", *files][:200])
    note = "<p>One row a key, JSON lines; manifest.json says which files belong to it.</p>"
    return section("Manifest", f"{note}{lost}<ul>{links}</ul>")
