"""Entries packed as two compressed tables, a column a field."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from shared.domain.counts import Outcome
from shared.domain.errors import BucketError
from shared.domain.objects import Origin
from shared.ledger.entry import Entry
from shared.ledger.packing import deflate, inflate

SCHEMA = 3
"""Version of the packed table. A record of another version is ignored, which costs a re-scan."""


class UnknownSchema(BucketError):
    """A record written in a layout that this code does not read."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Entries as two compressed tables, a column a field. scan: what a listing is compared with. detail: the rest."""

    scan: bytes
    detail: bytes

    def __len__(self) -> int:
        return len(self.scan) + len(self.detail)


_Kinds = frozenset[type]
_TEXT, _COUNT, _TIME = frozenset({str}), frozenset({int}), frozenset({int, float})

_SCAN: dict[str, _Kinds] = {"etag": _TEXT, "size": _COUNT, "outcome": frozenset({str, type(None)}), "at": _TIME}
"""Columns, and the types that their values have."""

_DETAIL: dict[str, _Kinds] = {
    "modified": _TIME,
    "reason": _TEXT,
    "generation": _COUNT,
    "crc32c": _TEXT,
    "proof": _TEXT,
    "route": _TEXT,
    "drift": _COUNT,
}

_MAYBE: dict[str, _Kinds] = {"event_at": _TIME}
"""Columns of the details that are left out where all values are 0, as they are in what earlier versions wrote."""

_COLUMNS = (*_DETAIL, *_MAYBE)

_OUTCOMES = frozenset({None, "", *Outcome})


def pack(entries: Sequence[Entry]) -> Packed:
    """A column whose values are all the same is written as that value."""
    scan = {name: _column([getattr(entry, name) for entry in entries]) for name in _SCAN}
    detail = {name: _column([getattr(entry, name) for entry in entries]) for name in _DETAIL}
    for name in _MAYBE:
        if any(values := [getattr(entry, name) for entry in entries]):
            detail[name] = _column(values)
    return Packed(
        deflate({"schema": SCHEMA, "key": [entry.key.decode() for entry in entries], **scan}), deflate(detail)
    )


def _column(values: list[object]) -> object:
    return values if any(value != values[0] for value in values) else values[0] if values else None


class Table(Sequence[Entry]):
    """Packed entries as columns; entries are made, and details unpacked, only when they are asked for.

    Raises UnknownSchema if the table is of another layout or damaged, and who asks for an entry, if that is.
    """

    __slots__ = ("_detail", "ats", "etags", "keys", "outcomes", "packed", "sizes")

    def __init__(self, packed: Packed) -> None:
        try:
            table = inflate(packed.scan)
            if table["schema"] != SCHEMA:
                raise UnknownSchema(f"ledger table of schema {table['schema']}, this code reads {SCHEMA}")
            self.keys: list[bytes] = [key.encode() for key in table["key"]]
            columns = {name: self._values(table[name], kinds) for name, kinds in _SCAN.items()}
            self.etags: list[str] = columns["etag"]
            self.sizes: list[int] = columns["size"]
            self.outcomes: list[str | None] = columns["outcome"]
            self.ats: list[float] = columns["at"]
            if min(self.sizes, default=0) < 0:
                raise ValueError("a size below 0")
        except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownSchema(f"unreadable ledger table: {error!r}") from error
        self.packed = packed
        self._detail: list[list[Any]] | None = None

    def _values(self, column: object, kinds: _Kinds) -> list[Any]:
        if not self.keys:
            return []
        values = column if isinstance(column, list) else [column]
        if not kinds.issuperset(map(type, values)):
            raise ValueError("a column has values of another type")
        if not isinstance(column, list):
            return values * len(self.keys)
        if len(column) != len(self.keys):
            raise ValueError("columns of different lengths")
        return column

    @property
    def whole(self) -> bool:
        """Whether every entry can be read, with its details."""
        try:
            return len(self._details()) == len(_COLUMNS) and _OUTCOMES.issuperset(self.outcomes)
        except UnknownSchema:
            return False

    def excerpt(self, indexes: Sequence[int]) -> "Table":
        """Some of its entries."""
        return Table(pack([self[index] for index in indexes]))

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return tuple(self[position] for position in range(*index.indices(len(self))))
        outcome = self.outcomes[index]
        if outcome not in _OUTCOMES:
            raise UnknownSchema(f"unreadable ledger table: {outcome!r} is no outcome that this code knows")
        details = dict(zip(_COLUMNS, (column[index] for column in self._details()), strict=True))
        return Entry(
            key=self.keys[index],
            etag=self.etags[index],
            size=self.sizes[index],
            outcome=Outcome(outcome) if outcome else None,
            at=self.ats[index],
            **details,
        )

    def _details(self) -> list[list[Any]]:
        if self._detail is None:
            try:
                table = inflate(self.packed.detail)
                detail = [self._values(table[name], kinds) for name, kinds in _DETAIL.items()]
                self._detail = detail + [self._values(table.get(name, 0), kinds) for name, kinds in _MAYBE.items()]
            except (zlib.error, ValueError, KeyError, TypeError) as error:
                raise UnknownSchema(f"unreadable ledger table: {error!r}") from error
        return self._detail

    def origins(self) -> dict[bytes, Origin]:
        """By key. Empty if the details are damaged: nothing is decided by them."""
        try:
            details = dict(zip(_COLUMNS, self._details(), strict=True))
        except UnknownSchema:
            return {}
        found = zip(self.etags, self.sizes, details["proof"], details["route"], details["crc32c"], strict=True)
        return dict(zip(self.keys, found, strict=True))

    def __iter__(self) -> Iterator[Entry]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]
