"""A map of the folders: as large as their bytes, coloured by whether both sides agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import squarify

from shared.domain.rollup import FolderRollup, Rollup
from shared.domain.text import numbered
from shared.reporting.text import of_key, visible
from shared.reporting.units import in_units

WIDTH, HEIGHT = 420.0, 300.0
MOST_FOLDERS = 60
"""That get a place of their own; the others share one."""

_SIGN_WIDTH, _LINE_HEIGHT = 7.0, 15.0

STATES = {
    "agree": "both sides agree",
    "differ": "some keys do not agree",
    "extra": "only copies without an object are too much",
}


@dataclass(frozen=True, slots=True)
class Place:
    """state: one of STATES. lines: what fits into it, of a long name its end. title: all of it."""

    x: float
    y: float
    width: float
    height: float
    state: str
    lines: Sequence[str]
    title: str


@dataclass(frozen=True, slots=True)
class FolderMap:
    """told: for who cannot see it. states: that there are, with their words."""

    places: Sequence[Place]
    told: str
    states: Sequence[tuple[str, str]]
    width: float = WIDTH
    height: float = HEIGHT


def folder_map(sums: Rollup) -> FolderMap | None:
    """None where no folder has a byte."""
    found = sorted(
        ((_bytes(a), of_key(name), a) for name, a in sums.folders.items() if _bytes(a)), reverse=True, key=_order
    )
    if not found:
        return None
    shown = [(size, visible(name) or "(root)", amount) for size, name, amount in found[:MOST_FOLDERS]]
    rest = FolderRollup()
    for _, _, amount in found[MOST_FOLDERS:]:
        rest.merge(amount)
    if _bytes(rest):
        shown.append((_bytes(rest), numbered(len(found) - MOST_FOLDERS, "smaller folder"), rest))
    areas = squarify.normalize_sizes([size for size, _, _ in shown], WIDTH, HEIGHT)
    boxes = squarify.squarify(areas, 0.0, 0.0, WIDTH, HEIGHT)
    places = [_place(box, name, amount) for box, (_, name, amount) in zip(boxes, shown, strict=True)]
    wrong = sum(state(amount) == "differ" for _, _, amount in found)
    told = f"Map of {numbered(len(found), 'folder')} by bytes; in {wrong:,} of them keys do not agree"
    there = {place.state for place in places}
    return FolderMap(places, told, [(name, words) for name, words in STATES.items() if name in there])


def state(amount: FolderRollup) -> str:
    """What a folder is coloured by."""
    return "differ" if amount.wrong else "extra" if amount.extra else "agree"


def _bytes(amount: FolderRollup) -> int:
    return max(amount.s3_bytes, amount.gcs_bytes)


def _order(item: tuple[int, str, FolderRollup]) -> tuple[int, str]:
    return item[0], item[1]


def _place(box: dict[str, float], name: str, amount: FolderRollup) -> Place:
    size = in_units(_bytes(amount))
    wrong = numbered(amount.wrong, "does", "do")
    title = f"{name}: {numbered(amount.s3_count, 'object')}, {in_units(amount.s3_bytes)}; {wrong} not agree"
    title += f"; {numbered(amount.extra, 'copy', 'copies')} without an object" if amount.extra else ""
    signs = int((box["dx"] - 10) / _SIGN_WIDTH)
    lines = [_short(name, signs)] if signs >= 4 and box["dy"] >= _LINE_HEIGHT + 6 else []
    if lines and len(size) <= signs and box["dy"] >= 2 * _LINE_HEIGHT + 6:
        lines.append(size)
    return Place(box["x"], box["y"], box["dx"], box["dy"], state(amount), lines, title)


def _short(name: str, signs: int) -> str:
    """Of a folder its end, which tells it from its neighbours."""
    if len(name) <= signs:
        return name
    return f"…{name[1 - signs :]}" if name.endswith("/") else f"{name[: signs - 1]}…"
