"""Tables: what stands in a cell, and by what it is sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from shared.pricing.money import in_dollars
from shared.reporting.units import in_count, in_time, in_units


@dataclass(frozen=True, slots=True)
class Cell:
    """text: as it is shown. value: what it is sorted by, None for its text; a number stands right. title: more, for who
    points at it. link: where it leads, a relative address of ours. tone: good, warning, bad, running or "".
    """

    text: str
    value: float | None = None
    title: str = ""
    link: str = ""
    tone: str = ""

    @classmethod
    def count(cls, value: float) -> Self:
        return cls(in_count(value), value)

    @classmethod
    def bytes(cls, value: int) -> Self:
        return cls(in_units(value), value, f"{value:,} bytes")

    @classmethod
    def dollars(cls, value: float) -> Self:
        """With the figures that are known."""
        return cls(in_dollars(value), value)

    @classmethod
    def seconds(cls, value: float) -> Self:
        return cls(in_time(value), value)


_NARROW_COLUMNS, _SHORT_ROWS = 3, 50

Row = Sequence[Cell | str]


@dataclass(frozen=True, slots=True)
class Table:
    """name: what a screen reader says of it. heads: of the columns. feet: sums, which are never sorted."""

    name: str
    heads: Sequence[str]
    rows: Sequence[Row]
    sortable: bool = False
    feet: Sequence[Row] = field(default_factory=list)

    @property
    def wide(self) -> bool:
        """Whether it needs a page's width."""
        return self.sortable or len(self.heads) > _NARROW_COLUMNS

    @property
    def long(self) -> bool:
        """Whether it is shown only to who asks for it."""
        return len(self.rows) > _SHORT_ROWS

    @property
    def columns(self) -> Iterable[tuple[str, bool]]:
        """Each head, and whether numbers stand below it."""
        first = next(iter([*self.rows, *self.feet]), None)
        cells: Sequence[Cell | str] = first if first is not None else [""] * len(self.heads)
        numbers = (isinstance(cell, Cell) and cell.value is not None for cell in cells)
        return list(zip(self.heads, numbers, strict=True))


def cells(row: Row) -> list[Cell]:
    """A row with every cell as one."""
    return [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
