"""Field transforms: what the server computes while it writes."""

from typing import Any

from local.emulators.firestore.protos import ArrayValue, Value
from local.emulators.firestore.values import get, number, numeric, parse_path, put, sort_key


def apply(document: Any, transform: Any, commit_time: Any) -> Any:
    """Apply one transform to a document; returns the transform's result."""
    path = parse_path(transform.field_path)
    current = get(document, path)
    kind = transform.WhichOneof("transform_type")
    result = Value(null_value=0)
    match kind:
        case "set_to_server_value":
            new = result = Value(timestamp_value=commit_time)
        case "increment":
            new = result = numeric((number(current) or 0) + (number(transform.increment) or 0))
        case "maximum" | "minimum":
            new = result = _extreme(current, getattr(transform, kind), kind == "maximum")
        case "append_missing_elements":
            new = _append(_items(current), transform.append_missing_elements.values)
        case _:
            removed = {sort_key(item) for item in transform.remove_all_from_array.values}
            kept = [item for item in _items(current) if sort_key(item) not in removed]
            new = Value(array_value=ArrayValue(values=kept))
    copy = Value()
    copy.CopyFrom(new)
    put(document, path, copy)
    return result


def _items(value: Any) -> list[Any]:
    if value is None or value.WhichOneof("value_type") != "array_value":
        return []
    return list(value.array_value.values)


def _append(items: list[Any], new: Any) -> Any:
    known = {sort_key(item) for item in items}
    for item in new:
        if sort_key(item) not in known:
            items.append(item)
            known.add(sort_key(item))
    return Value(array_value=ArrayValue(values=items))


def _extreme(current: Any, given: Any, maximum: bool) -> Any:
    if number(current) is None:
        return given
    return current if (sort_key(current) >= sort_key(given)) == maximum else given
