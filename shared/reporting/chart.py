"""Charts as templates draw them: where each bar, mark and line lies. Axes have marks and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.reporting.scale import Mark, share

WIDTH, HEIGHT = 420.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 34.0, 22.0, 40.0
"""Of the drawing, and what its axes take on each side. A phone shows it in about its own size."""


@dataclass(frozen=True, slots=True)
class Bar:
    """kind: what it is coloured by. title: for who points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Column:
    """From one place of the x axis to another (0 to 1). parts: how high, by kind, the lowest first. title: what they
    are of.
    """

    start: float
    end: float
    parts: Mapping[str, float]
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """title: what it shows. told: the same for who cannot see it. y_name, x_name: of the axes, with their units. bars,
    area: what is drawn. kinds: of the bars, for the legend, where there are several.
    """

    title: str
    told: str
    y_name: str
    x_name: str
    y_marks: Sequence[tuple[float, str]]
    x_marks: Sequence[tuple[float, str]]
    bars: Sequence[Bar] = ()
    area: str = ""
    line: str = ""
    kinds: Sequence[str] = field(default_factory=list)
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    floor: float = HEIGHT - BOTTOM

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Each kind, and its words."""
        return [(kind, kind.replace("_", " ")) for kind in self.kinds]


def across(place: float) -> float:
    """Where a place of the x axis (0 to 1) lies."""
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def up(place: float) -> float:
    """Where a place of the y axis (0 to 1) lies."""
    return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)


def places(scale: Sequence[Mark]) -> list[tuple[float, str]]:
    """The marks of the y axis, where they lie."""
    return [(up(share(mark.at, scale)), mark.label) for mark in scale]


def stacked(columns: Sequence[Column], scale: Sequence[Mark]) -> list[Bar]:
    """Bars on top of one another."""
    found = []
    for column in columns:
        x, width, sofar = across(column.start), across(column.end) - across(column.start), 0.0
        for kind, value in column.parts.items():
            if value > 0:
                low, high = up(share(sofar, scale)), up(share(sofar + value, scale))
                found.append(Bar(x, high, max(width - min(1.0, width / 5), 0.4), low - high, kind, column.title))
                sofar += value
    return found


def outline(points: Sequence[tuple[float, float]], scale: Sequence[Mark]) -> tuple[str, str]:
    """The area below a line, and the line. points: places of the x axis (0 to 1) with values."""
    line = " ".join(f"{across(x):.1f},{up(share(value, scale)):.1f}" for x, value in points)
    return f"{across(points[0][0]):.1f},{up(0):.1f} {line} {across(points[-1][0]):.1f},{up(0):.1f}", line
