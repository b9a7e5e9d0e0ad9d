"""`compare`: what differs between two runs."""

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from cli.command import command
from cli.comparing import GROUPS, Side, differences, measures, not_covered, notes
from cli.exits import CommandError, Exit
from cli.manifest import Manifest, ManifestError
from cli.manifest_diff import Change, Difference, differ
from cli.output import Answer, Output, dollars, size
from cli.progress import counting_keys
from cli.run_figures import figures_of, written
from cli.run_record import record_of
from cli.session import Session
from shared.domain.text import numbered
from shared.reporting.manifest import run_folder
from shared.reporting.units import in_count, in_time

_FILE = "All changed keys, as JSON lines, packed if it ends in .gz; - is standard output, without the rest."


def register(app: typer.Typer) -> None:
    one, other = "verify-20261125T020000-9312", "verify-20261126T020000-1187"
    command(app, "compare", (f"compare {one} {other}", f"compare {one} {other} --output changed.jsonl.gz"))(compare)


async def compare(
    session: Session,
    a: Annotated[str, typer.Argument(metavar="A", help="A run.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, of the same kind.")],
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE|-", help=_FILE)] = None,
) -> Answer:
    """What differs between two listings, or two comparisons: counts, causes, duration, throughput and cost.

    Of two comparisons that left manifests also each key whose verdict or version has changed: both are read to their
    ends, about a minute for some million keys. The first hundred are shown. What was not covered is said. The exit
    status is 0 if nothing differs and, between comparisons, every key of both was read; else 3.
    """
    if output == "-" and session.output.as_json:
        raise CommandError("--json and --output - both want standard output: choose one", Exit.USAGE)
    sides = await _side(session, a), await _side(session, b)
    one, other = sides
    if one.compared is not other.compared:
        verified, listed = (a, b) if one.compared else (b, a)
        raise CommandError(f"{verified} is a comparison, {listed} is none: only two of a kind compare", Exit.USAGE)
    both, gaps = one.compared, not_covered(one, other)
    keys, changed = None, differences(one.figures, other.figures)
    if both:
        keys = await _keys(session, one, other, output, gaps)
    elif output is not None:
        raise CommandError("only comparisons leave manifests: --output is for two of these", Exit.USAGE)
    if keys is not None:
        gaps += _rowless(one, keys.objects[0]) + _rowless(other, keys.objects[1])
    differs = bool(changed) or (keys is not None and bool(keys.changed or keys.versions))
    same = not differs and keys is not None and not gaps
    document = {
        "a": one.figures,
        "b": other.figures,
        "differs": differs,
        "same": same,
        "counts": changed,
        "measures": measures(one.figures, other.figures),
        "keys": None if keys is None else _document(keys),
        "not_covered": gaps,
        "notes": notes(one, other),
    }
    status = Exit.NOT_SO if differs or (both and not same) else Exit.DONE
    if output == "-":
        session.output.aside(_sentence(document))
        return Answer(document, lambda out: None, status)
    return Answer(document, lambda out: _show(document, output, out), status)


async def _side(session: Session, name: str) -> Side:
    """A run that Firestore has forgotten may still have a report."""
    record = await session.admin.stores.runs.record(name)
    known = await written(session, name) if record is None else await figures_of(session, record)
    if known is None:
        record = await record_of(session, name)
        known = await figures_of(session, record)
    return Side(known, record)


async def _keys(session: Session, a: Side, b: Side, output: str | None, gaps: list[str]) -> Difference | None:
    """The keys of both manifests, None if there are none to read; `gaps` says why."""
    if session.reports is None:
        gaps.append("no key was read: the job writes no manifests (REPORT_BUCKET)")
        return None
    job, mapping = session.settings.job, session.config.mapping
    prefixes = [side.figures["prefix"].encode() for side in (a, b)]
    prefix = max(prefixes, key=len)
    if not all(prefix.startswith(other) for other in prefixes):
        gaps.append("no key was read: no key is of both prefixes")
        return None
    try:
        found = [await Manifest.find(session.reports, mapping, run_folder(job, side.name)) for side in (a, b)]
        one, other = found
        if one is None or other is None:
            lacking = " and ".join(side.name for side, its in zip((a, b), found, strict=True) if its is None)
            gaps.append(f"no key was read: there is no manifest of {lacking}")
            return None
        with _written(output) as write, counting_keys(session.output, "comparing", output != "-") as tell:
            keys = await differ(one, other, prefix, write, tell)
    except ManifestError as error:
        if output == "-":
            raise
        gaps.append(f"not every key was read, so nothing is said of any: {error}")
        return None
    if keys.outside:
        gaps.append(f"{numbered(keys.outside, 'key')} outside {prefix.decode()!r}, of one of the runs only")
    return keys


@contextmanager
def _written(output: str | None) -> Iterator[Callable[[Change], None] | None]:
    """Takes changes; a file is there once all of them are in it."""
    if output is None:
        yield None
        return
    if output == "-":
        yield lambda change: _line(sys.stdout, change)
        return
    unfinished, packed = Path(f"{output}.part"), output.endswith(".gz")
    try:
        with (
            gzip.open(unfinished, "wt", encoding="utf-8") if packed else unfinished.open("w", encoding="utf-8") as file
        ):
            yield lambda change: _line(file, change)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _line(file: TextIO, change: Change) -> None:
    file.write(json.dumps(change, ensure_ascii=False) + "\n")


def _rowless(side: Side, rows: int) -> list[str]:
    """A manifest that does not name every listed key says nothing of the others."""
    missing = side.figures["listed"]["keys"] - rows
    return [f"{missing:,} of the keys that {side.name} listed have no row in its manifest"] if missing > 0 else []


def _document(keys: Difference) -> dict[str, Any]:
    return {
        "read": list(keys.read),
        "changed": keys.changed,
        "other_version": keys.versions,
        "agreeing": keys.agreeing,
        "by_verdict": [
            {"from": before, "to": after, "keys": count} for (before, after), count in keys.verdicts.most_common()
        ],
        "first": keys.first,
    }


def _sentence(document: dict[str, Any]) -> str:
    a, b, keys = document["a"]["run"], document["b"]["run"], document["keys"]
    if document["same"]:
        agreeing = numbered(keys["agreeing"], "key")
        return f"the same: {a} and {b} say the same of {agreeing}, and both were read to their ends"
    parts = ["their counts differ" if document["counts"] else "their counts are equal"]
    if keys is not None:
        parts.append(
            f"{numbered(keys['changed'], 'key has', 'keys have')} another verdict, {keys['other_version']:,} the same "
            f"one for another version, {keys['agreeing']:,} neither"
        )
    else:
        parts.append("which keys differ is not known")
    return f"{a} and {b}: {'; '.join(parts)}"


def _show(document: dict[str, Any], output_file: str | None, output: Output) -> None:
    output.line(_sentence(document), style="green" if document["same"] else "yellow")
    for sentence in document["not_covered"]:
        output.line(f"not covered: {sentence}", style="yellow")
    for sentence in document["notes"]:
        output.line(f"note: {sentence}")
    numbers = ("keys A", "keys B", "bytes A", "bytes B")
    output.table(("what", "which", *numbers), _counts(document), numbers=numbers)
    output.table(("what", "A", "B"), _measures(document), numbers=("A", "B"))
    keys = document["keys"]
    if keys is None:
        return
    output.line(f"rows read: {keys['read'][0]:,} of A, {keys['read'][1]:,} of B, each to its end")
    for item in keys["by_verdict"]:
        output.line(f"{numbered(item['keys'], 'key')}: {_word(item['from'])} to {_word(item['to'])}")
    for change in keys["first"]:
        output.line(f"  {_changed(change)}  {change['key']}")
    more = keys["changed"] + keys["other_version"] - len(keys["first"])
    if more > 0:
        rest = f"all are in {output_file}" if output_file else "--output FILE has all"
        output.line(f"  … and {more:,} more; {rest}")


def _changed(change: Change) -> str:
    if change["from"] == change["to"]:
        return f"{_word(change['from'])}, of another version"
    return f"{_word(change['from'])} to {_word(change['to'])}"


def _word(verdict: str | None) -> str:
    return verdict or "no row"


def _counts(document: dict[str, Any]) -> list[tuple[str, ...]]:
    a, b = document["a"], document["b"]
    listed = [a["listed"], b["listed"]]
    rows = [("listed", "", *(f"{x['keys']:,}" for x in listed), *(size(x["bytes"]) for x in listed))]
    for group in GROUPS:
        for name, pair in document["counts"].get(group, {}).items():
            rows.append((group, name, *(f"{n:,}" for n in pair["keys"]), *(size(n) for n in pair["bytes"])))
    for name, pair in document["counts"].get("causes", {}).items():
        rows.append(("failed", name, *(f"{n:,}" for n in pair), "", ""))
    return rows


_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "seconds": ("took", in_time),
    "objects_per_second": ("while copying", lambda value: f"{in_count(value)} objects/s"),
    "bytes_per_second": ("while copying", lambda value: f"{size(value)}/s"),
    "dollars": ("cost", dollars),
}


def _measures(document: dict[str, Any]) -> list[tuple[str, ...]]:
    """Each with its unit, as they have no two alike."""
    pairs = {name: pair for name, pair in document["measures"].items() if pair != [None, None]}
    return [
        (what, *("" if value is None else shown(value) for value in pairs[name]))
        for name, (what, shown) in _MEASURES.items()
        if name in pairs
    ]
