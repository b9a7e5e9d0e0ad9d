"""Structured queries: filters, order, cursors, limits, aggregations.

https://firebase.google.com/docs/reference/rest/v1/StructuredQuery
"""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import total_ordering
from typing import Any

import grpc

from local.emulators.firestore.protos import Document, Value
from local.emulators.firestore.store import FirestoreError, Store
from local.emulators.firestore.values import get, name_key, number, numeric, parse_path, put, sort_key

NAME = "__name__"
_AND = 1
_DESCENDING = 2
IS_NAN, IS_NULL, _IS_NOT_NAN = 2, 3, 4
_ARRAY = 8


class Op(IntEnum):
    """StructuredQuery.FieldFilter.Operator"""

    LESS = 1
    LESS_EQUAL = 2
    GREATER = 3
    GREATER_EQUAL = 4
    EQUAL = 5
    NOT_EQUAL = 6
    ARRAY_CONTAINS = 7
    IN = 8
    ARRAY_CONTAINS_ANY = 9
    NOT_IN = 10


_MOST_VALUES = {Op.IN: 30, Op.ARRAY_CONTAINS_ANY: 30, Op.NOT_IN: 10}
"""Of one filter: https://firebase.google.com/docs/firestore/query-data/queries#limits_on_or_queries"""

INEQUALITIES = frozenset({Op.LESS, Op.LESS_EQUAL, Op.GREATER, Op.GREATER_EQUAL, Op.NOT_EQUAL, Op.NOT_IN})

Key = tuple[Any, ...]
Predicate = Callable[[Any], bool]


@total_ordering
class Reversed:
    """A sort key that sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def __lt__(self, other: "Reversed") -> bool:
        return other.key < self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reversed) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


def run(store: Store, parent: str, query: Any, present: Sequence[str] = ()) -> list[Any]:
    """The documents a query finds, in its order. present: fields that are summed up. A document that lacks one does not
    take part, and they are the last that is sorted by, because the index that has them is what a limit counts along.
    """
    needed = [parse_path(path) for path in present]
    if len(query.from_) != 1:
        raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, "a query is of one collection")
    inequalities: list[str] = []
    matches = _predicate(query.where, inequalities) if query.HasField("where") else None
    order = sort_fields(query, [*inequalities, *present])
    low = _cursor(query.start_at, order) if query.HasField("start_at") else None
    high = _cursor(query.end_at, order) if query.HasField("end_at") else None
    found = []
    for document in _candidates(store, parent, query):
        if matches is not None and not matches(document):
            continue
        if any(get(document, path) is None for path in needed):
            continue
        key = _order_key(document, order)
        if key is None or (low is not None and _before(key, *low)) or (high is not None and not _before(key, *high)):
            continue
        found.append((key, document))
    found.sort(key=lambda item: item[0])
    documents = [document for _, document in found][query.offset :]
    return documents[: query.limit.value] if query.HasField("limit") else documents


def summed_fields(aggregations: Any) -> list[str]:
    """What is summed or averaged. A document that lacks one of them takes no part, before limit and offset count."""
    operators = [(item.WhichOneof("operator"), item) for item in aggregations]
    return [str(getattr(item, kind).field.field_path) for kind, item in operators if kind != "count"]


def aggregate(documents: list[Any], aggregation: Any) -> Any:
    """COUNT, SUM or AVG over documents."""
    match aggregation.WhichOneof("operator"):
        case "count":
            most = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else None
            return numeric(len(documents) if most is None else min(len(documents), most))
        case "sum":
            return numeric(sum(_numbers(documents, aggregation.sum.field.field_path)))
    numbers = _numbers(documents, aggregation.avg.field.field_path)
    return Value(double_value=sum(numbers) / len(numbers)) if numbers else Value(null_value=0)


def project(document: Any, field_paths: Any) -> Any:
    """A document with only the named fields."""
    kept = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in field_paths:
        value = get(document, parse_path(path)) if path != NAME else None
        if value is not None:
            put(kept, parse_path(path), value)
    return kept


def _numbers(documents: list[Any], path: str) -> list[int | float]:
    found = (number(get(document, parse_path(path))) for document in documents)
    return [item for item in found if item is not None]


def _candidates(store: Store, parent: str, query: Any) -> list[Any]:
    wanted = query.from_[0]
    if wanted.all_descendants:
        paths = [
            path
            for path in store.collections
            if wanted.collection_id in ("", path.rpartition("/")[2]) and path.startswith(f"{parent}/")
        ]
    else:
        paths = [f"{parent}/{wanted.collection_id}"]
    return [document for path in paths for document in store.collections.get(path, {}).values()]


def sort_fields(query: Any, inequalities: Iterable[str]) -> list[tuple[str, bool]]:
    """(field, descending): as asked, then the fields of inequalities, then the name."""
    order = [(item.field.field_path, item.direction == _DESCENDING) for item in query.order_by]
    last = order[-1][1] if order else False
    named = [field for field, _ in order]
    order += [(field, last) for field in sorted(set(inequalities)) if field not in named]
    if NAME not in (field for field, _ in order):
        order.append((NAME, last))
    return order


def _order_key(document: Any, order: list[tuple[str, bool]]) -> Key | None:
    """None if the document lacks a field that it would be sorted by."""
    keys: list[Any] = []
    for field, descending in order:
        if field == NAME:
            key = name_key(document.name)
        else:
            value = get(document, parse_path(field))
            if value is None:
                return None
            key = sort_key(value)
        keys.append(Reversed(key) if descending else key)
    return tuple(keys)


def _cursor(cursor: Any, order: list[tuple[str, bool]]) -> tuple[Key, bool]:
    keys = [sort_key(value) for value in cursor.values]
    directed = [Reversed(key) if order[i][1] else key for i, key in enumerate(keys)]
    return tuple(directed), bool(cursor.before)


def _before(key: Key, cursor: Key, before: bool) -> bool:
    """Whether a document lies before a cursor, which itself lies before or after its own position."""
    head = key[: len(cursor)]
    return head < cursor if before else head <= cursor


def _predicate(where: Any, inequalities: list[str]) -> Predicate:
    match where.WhichOneof("filter_type"):
        case "composite_filter":
            parts = [_predicate(item, inequalities) for item in where.composite_filter.filters]
            if where.composite_filter.op == _AND:
                return lambda document: all(part(document) for part in parts)
            return lambda document: any(part(document) for part in parts)
        case "unary_filter":
            return _unary(where.unary_filter, inequalities)
    return _field(where.field_filter, inequalities)


def _unary(condition: Any, inequalities: list[str]) -> Predicate:
    path, op = parse_path(condition.field.field_path), condition.op
    if op not in (IS_NAN, IS_NULL):
        inequalities.append(condition.field.field_path)

    def test(document: Any) -> bool:
        value = get(document, path)
        if value is None:
            return False
        about = sort_key(value) == ((2, 0, 0) if op in (IS_NAN, _IS_NOT_NAN) else (0,))
        return about if op in (IS_NAN, IS_NULL) else not about

    return test


def _field(condition: Any, inequalities: list[str]) -> Predicate:
    name, op, wanted = condition.field.field_path, condition.op, sort_key(condition.value)
    if op in _MOST_VALUES and not 1 <= len(condition.value.array_value.values) <= _MOST_VALUES[op]:
        message = f"'{Op(op).name}' supports up to {_MOST_VALUES[op]} comparison values."
        raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, message)
    if op in INEQUALITIES:
        inequalities.append(name)
    if name == NAME:
        return _comparison(op, wanted, lambda document: name_key(document.name))
    path = parse_path(name)

    def key(document: Any) -> Key | None:
        value = get(document, path)
        return None if value is None else sort_key(value)

    return _comparison(op, wanted, key)


def _comparison(op: int, wanted: Key, key: Callable[[Any], Key | None]) -> Predicate:
    def typed(test: Callable[[Key], bool]) -> Predicate:
        """Ranges hold only between values of one type."""

        def check(document: Any) -> bool:
            found = key(document)
            return found is not None and found[0] == wanted[0] and test(found)

        return check

    def present(test: Callable[[Key], bool]) -> Predicate:
        def check(document: Any) -> bool:
            found = key(document)
            return found is not None and test(found)

        return check

    match op:
        case Op.LESS:
            return typed(lambda found: found < wanted)
        case Op.LESS_EQUAL:
            return typed(lambda found: found <= wanted)
        case Op.GREATER:
            return typed(lambda found: found > wanted)
        case Op.GREATER_EQUAL:
            return typed(lambda found: found >= wanted)
        case Op.EQUAL:
            return present(lambda found: found == wanted)
        case Op.NOT_EQUAL:
            return present(lambda found: found not in (wanted, (0,)))
        case Op.ARRAY_CONTAINS:
            return present(lambda found: found[0] == _ARRAY and wanted in found[1])
        case Op.IN:
            return present(lambda found: found in wanted[1])
        case Op.ARRAY_CONTAINS_ANY:
            return present(lambda found: found[0] == _ARRAY and not set(found[1]).isdisjoint(wanted[1]))
        case Op.NOT_IN:
            return present(lambda found: found not in wanted[1] and found != (0,))
    raise FirestoreError(grpc.StatusCode.INVALID_ARGUMENT, f"unknown operator {op}")
