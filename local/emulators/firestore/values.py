"""Values: how they sort, and how a field path finds them.

https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
"""

import math
import re
from functools import lru_cache
from typing import Any

from local.emulators.firestore.protos import MapValue, Value

Path = tuple[str, ...]

_NUMBER_ID = re.compile("__id(-?[0-9]{1,19})__", re.ASCII)

_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)*)`|([^.`]+)")


def sort_key(value: Any) -> tuple[Any, ...]:
    """A tuple that sorts as Firestore sorts values of mixed types."""
    kind = value.WhichOneof("value_type")
    match kind:
        case None | "null_value":
            return (0,)
        case "boolean_value":
            return (1, value.boolean_value)
        case "integer_value":
            return (2, 1, value.integer_value)
        case "double_value":
            return (2, 0, 0) if math.isnan(value.double_value) else (2, 1, value.double_value)
        case "timestamp_value":
            return (3, value.timestamp_value.seconds, value.timestamp_value.nanos)
        case "string_value":
            return (4, value.string_value.encode())
        case "bytes_value":
            return (5, value.bytes_value)
        case "reference_value":
            return name_key(value.reference_value)
        case "geo_point_value":
            return (7, value.geo_point_value.latitude, value.geo_point_value.longitude)
        case "array_value":
            return (8, tuple(sort_key(item) for item in value.array_value.values))
    return (9, tuple(sorted((name.encode(), sort_key(item)) for name, item in value.map_value.fields.items())))


def name_key(name: str) -> tuple[Any, ...]:
    """The sort key of a document's name. Ids that are numbers are written `__id7__` and come before all others:
    https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
    """
    return (6, tuple(_id_key(step) if step.startswith("__id") else step.encode() for step in name.split("/")))


def _id_key(step: str) -> bytes:
    found = _NUMBER_ID.fullmatch(step)
    if found is None or not -(2**63) <= int(found[1]) < 2**63:
        return step.encode()
    return b"\0" + (int(found[1]) + 2**63).to_bytes(8, "big")


@lru_cache(4096)
def parse_path(text: str) -> Path:
    """`a.b.c`, with back-quoted segments."""
    return tuple(re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in _SEGMENT.findall(text))


def get(document: Any, path: Path) -> Any:
    """The value at a path, None if there is none."""
    fields = document.fields
    for step in path[:-1]:
        if step not in fields or fields[step].WhichOneof("value_type") != "map_value":
            return None
        fields = fields[step].map_value.fields
    return fields.get(path[-1])


def put(document: Any, path: Path, value: Any) -> None:
    """Set the value at a path, making maps on the way; None deletes."""
    fields = document.fields
    for step in path[:-1]:
        if step not in fields or fields[step].WhichOneof("value_type") != "map_value":
            if value is None:
                return
            fields[step].CopyFrom(Value(map_value=MapValue()))
        fields = fields[step].map_value.fields
    if value is None:
        fields.pop(path[-1], None)
    else:
        fields[path[-1]].CopyFrom(value)


def number(value: Any) -> int | float | None:
    """The number in a value, None if it is not one."""
    match value.WhichOneof("value_type") if value is not None else None:
        case "integer_value":
            return int(value.integer_value)
        case "double_value":
            return float(value.double_value)
    return None


def numeric(result: int | float) -> Any:
    return Value(integer_value=result) if isinstance(result, int) else Value(double_value=result)
