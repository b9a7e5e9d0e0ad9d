"""What a commit weighs: the documents that it writes, and every index entry that it adds or takes away.

Firestore ends a commit above 10 MiB with INVALID_ARGUMENT, "Transaction too big".
https://cloud.google.com/firestore/quotas#writes_and_transactions
https://firebase.google.com/docs/firestore/storage-size
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

MOST_COMMIT_BYTES = 10 * 1024 * 1024
"""Of an API request and of a transaction: https://firebase.google.com/docs/firestore/quotas#writes_and_transactions"""

_NAME_BYTES = 16
_DOCUMENT_BYTES = 32
_ENTRY_BYTES = 32

_MOST_INDEXED_BYTES = 1500
"""Of a value in an index; the rest is cut off: https://firebase.google.com/docs/firestore/quotas#indexes"""

Entry = tuple[str, str, bytes]
"""An index, a direction, and the values in it."""


class Indexed(Protocol):
    """`local.emulators.firestore.indexes.Indexes`, as far as it decides which entries a document has."""

    @property
    def composite(self) -> dict[str, list[tuple[tuple[str, bool], ...]]]: ...

    def directions(self, collection: str, path: str) -> frozenset[bool]: ...


def commit_bytes(changes: Iterable[tuple[str, Any, Any]], indexes: Indexed) -> int:
    """Of a commit that changes documents. changes: name, document before and after, None for none."""
    size = 0
    for name, before, after in changes:
        size += _name_bytes(name) if after is None else document_bytes(name, after.fields)
        old = dict(entries(name, before, indexes)) if before is not None else {}
        new = dict(entries(name, after, indexes)) if after is not None else {}
        size += sum((old | new)[entry] for entry in old.keys() ^ new.keys())
    return size


def document_bytes(name: str, fields: Any) -> int:
    return _name_bytes(name) + _fields_bytes(fields) + _DOCUMENT_BYTES


def entries(name: str, document: Any, indexes: Indexed) -> Iterator[tuple[Entry, int]]:
    """Every index entry of a document, with its bytes."""
    path, _, _ = name.rpartition("/")
    collection = path.rpartition("/")[2]
    names = _name_bytes(name) + _name_bytes(path.rpartition("/")[0])
    values = dict(_values(document.fields))
    for field, value in values.items():
        size = names + len(field.encode()) + 1 + min(value_bytes(value), _MOST_INDEXED_BYTES) + _ENTRY_BYTES
        for descending in indexes.directions(collection, field):
            yield (field, "desc" if descending else "asc", value.SerializeToString(deterministic=True)), size
        if value.WhichOneof("value_type") == "array_value" and indexes.directions(collection, field):
            for item in value.array_value.values:
                yield (field, "contains", item.SerializeToString(deterministic=True)), size
    for number, index in enumerate(indexes.composite.get(collection, ())):
        found = [values.get(field) for field, _ in index]
        held = [value for value in found if value is not None]
        if len(held) == len(found):
            size = names + sum(min(value_bytes(value), _MOST_INDEXED_BYTES) for value in held) + _ENTRY_BYTES
            together = b"\0".join(value.SerializeToString(deterministic=True) for value in held)
            yield (f"composite {number}", "", together), size


def value_bytes(value: Any) -> int:
    """https://firebase.google.com/docs/firestore/storage-size#field-value-size"""
    match value.WhichOneof("value_type"):
        case "string_value":
            return len(value.string_value.encode()) + 1
        case "bytes_value":
            return len(value.bytes_value)
        case "reference_value":
            return _name_bytes(value.reference_value)
        case "array_value":
            return sum(map(value_bytes, value.array_value.values))
        case "map_value":
            return _fields_bytes(value.map_value.fields) + _DOCUMENT_BYTES
        case "integer_value" | "double_value" | "timestamp_value":
            return 8
        case "geo_point_value":
            return 16
    return 1


def _fields_bytes(fields: Any) -> int:
    return sum(len(name.encode()) + 1 + value_bytes(value) for name, value in fields.items())


def _values(fields: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every field and what lies in it, by its path."""
    for name, value in fields.items():
        yield f"{above}{name}", value
        if value.WhichOneof("value_type") == "map_value":
            yield from _values(value.map_value.fields, f"{above}{name}.")


def _name_bytes(name: str) -> int:
    """projects/…/databases/…/documents is not part of it."""
    steps = name.split("/")[5:]
    return sum(len(step.encode()) + 1 for step in steps) + _NAME_BYTES
