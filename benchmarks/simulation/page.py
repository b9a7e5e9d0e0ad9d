"""What the documents say of a simulation, from its figures: the tables of docs/performance.md and docs/cost.md, and a
line of README.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.simulation import limits
from shared.pricing.money import in_dollars

Figures = Mapping[str, Any]


def runs(results: Sequence[Figures]) -> list[str]:
    """The table of docs/performance.md."""
    return [
        "| first run of | listed in | copied in | its end seen and added up | ranges | writes a second to the hottest "
        "document | US$ | nobody can avoid | this project adds |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {found['scenario']} | {found['hours to list']:.2f} h | {found['hours to finish']:.1f} h "
            f"| {found[END]:.0f} min later | {found['ranges']:,} | {found['its writes a second']:.2f} "
            f"| {in_dollars(found['dollars in all'])} | {in_dollars(found['dollars that nobody can avoid'])} "
            f"| {in_dollars(found['dollars that this project adds'])} ({found['its share']:.1%}) |"
            for found in results
        ),
    ]


def bill(found: Figures) -> list[str]:
    """The table of docs/cost.md."""
    return ["| | US$ | |", "|---|---|---|", *_items(found)]


def _items(found: Figures) -> Iterator[str]:
    added: dict[str, float] = {}
    for service, what, dollars, is_added in found["bill"]:
        if is_added:
            added[service] = added.get(service, 0.0) + dollars
        else:
            yield f"| {service}, {what} | {in_dollars(dollars)} | nobody can avoid |"
    for service, dollars in sorted(added.items(), key=lambda item: -item[1]):
        yield f"| {service} | {in_dollars(dollars)} | this project adds |"
    share = f"{found['its share']:.1%} of it by this project"
    yield f"| together | {in_dollars(found['dollars in all'])} | {share} |"


def summary(found: Figures) -> list[str]:
    """The line of README.md."""
    return [
        f"| Simulated: 3 billion objects, 1 PB, {limits.TRANSFER_INSTANCES} instances "
        f"| listed in {found['hours to list']:.2f} h, done in {found['hours to finish']:.1f} h | |"
    ]


END = "minutes until its end is seen and its counts are added up"


def put(text: str, begins: str, lines: Sequence[str]) -> str:
    """A text with a table in place of the one whose first line begins so, or one line in place of that which does.
    Raises ValueError if none does.
    """
    old = text.splitlines()
    at = next((number for number, line in enumerate(old) if line.startswith(begins)), None)
    if at is None:
        raise ValueError(f"no line begins with {begins!r}")
    end = at + 1
    while len(lines) > 1 and end < len(old) and old[end].startswith("|"):
        end += 1
    return "\n".join([*old[:at], *lines, *old[end:]]) + "\n"


def write(root: Path, results: Sequence[Figures]) -> None:
    """Bring the documents up to date. root: of the checkout."""
    pages = (
        ("docs/performance.md", "| first run of |", runs(results)),
        ("docs/cost.md", "| | US$ | |", bill(results[0])),
        ("README.md", "| Simulated: ", summary(results[0])),
    )
    for name, begins, lines in pages:
        path = root / name
        path.write_text(put(path.read_text(), begins, lines))
