"""Which queries need an index of their own, and which indexes there are: as in the cloud, one without is refused.

Single fields are indexed by themselves, and equalities on several are merged; a query needs a composite index once it
has an equality and a range, an order or a sum besides, or orders by several fields. A field's exemption holds for what
lies in it, `*` for the fields of a collection that have none of their own; composite indexes keep their fields.
https://firebase.google.com/docs/firestore/query-data/index-overview
https://cloud.google.com/sdk/gcloud/reference/firestore/indexes/fields
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc

from local.emulators.firestore.query import INEQUALITIES, IS_NAN, IS_NULL, NAME, sort_fields
from local.emulators.firestore.store import FirestoreError

Field = tuple[str, bool]
"""Its path, and whether it is descending."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks of an index: fields that are equal to something, then those in order, then those summed up."""

    collection: str
    equal: frozenset[str]
    ordered: tuple[Field, ...]
    summed: frozenset[str]

    @classmethod
    def of(cls, query: Any, aggregations: Any = ()) -> Self:
        filters = list(_filters(query.where)) if query.HasField("where") else []
        equal = frozenset(path for path, ranged in filters if not ranged)
        order = sort_fields(query, [path for path, ranged in filters if ranged])
        ordered = tuple(item for item in order if item[0] != NAME)
        kinds = [(item.WhichOneof("operator"), item) for item in aggregations]
        summed = {getattr(item, kind).field.field_path for kind, item in kinds if kind != "count"}
        rest = frozenset(summed - equal - {path for path, _ in ordered})
        return cls(query.from_[0].collection_id, equal, ordered, rest)

    @property
    def composite(self) -> bool:
        """Whether indexes of single fields do not serve it."""
        further = len(self.ordered) + len(self.summed)
        return further > 1 or (further == 1 and bool(self.equal))

    def is_served_by(self, index: tuple[Field, ...]) -> bool:
        paths = [path for path, _ in index]
        start, end = len(self.equal), len(self.equal) + len(self.ordered)
        turned = tuple((path, not descending) for path, descending in self.ordered)
        return (
            frozenset(paths[:start]) == self.equal
            and index[start:end] in (self.ordered, turned)
            and frozenset(paths[end:]) == self.summed
        )

    def __str__(self) -> str:
        ordered = [f"{path} desc" if descending else path for path, descending in self.ordered]
        return f"{self.collection}: {', '.join([*sorted(self.equal), *ordered, *sorted(self.summed)])}"


BOTH = frozenset({False, True})
"""Ascending and descending: the single-field indexes that a field has unless something else is said."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """composite: by collection. overrides: in which directions single fields are indexed (whether descending), by
    collection and path, where that is said.
    """

    composite: dict[str, list[tuple[Field, ...]]]
    overrides: dict[tuple[str, str], frozenset[bool]]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file as Firebase's own tool has it: https://firebase.google.com/docs/reference/firestore/indexes/"""
        table = json.loads(path.read_text())
        composite: dict[str, list[tuple[Field, ...]]] = {}
        for index in table["indexes"]:
            fields = tuple((item["fieldPath"], item["order"] == "DESCENDING") for item in index["fields"])
            composite.setdefault(index["collectionGroup"], []).append(fields)
        overrides = {
            (item["collectionGroup"], item["fieldPath"]): frozenset(
                index["order"] == "DESCENDING" for index in item["indexes"]
            )
            for item in table["fieldOverrides"]
        }
        return cls(composite, overrides)

    def check(self, asked: Asked) -> None:
        """Raises FirestoreError for a query that no index serves. Collections that the file leaves out are let be."""
        if asked.collection not in self.composite.keys() | {collection for collection, _ in self.overrides}:
            return
        if any(asked.is_served_by(index) for index in self.composite.get(asked.collection, ())):
            return
        if asked.composite:
            raise FirestoreError(grpc.StatusCode.FAILED_PRECONDITION, f"The query requires an index: {asked}")
        for path, descending in asked.ordered:
            if descending not in self.directions(asked.collection, path):
                raise FirestoreError(grpc.StatusCode.FAILED_PRECONDITION, f"The field is not indexed: {asked}")
        for path in [*asked.equal, *asked.summed]:
            if not self.directions(asked.collection, path):
                raise FirestoreError(grpc.StatusCode.FAILED_PRECONDITION, f"The field is not indexed: {asked}")

    def directions(self, collection: str, path: str) -> frozenset[bool]:
        """In which directions a single field is indexed: as is said of it, of what it lies in, or of the collection."""
        steps = path.split(".")
        for length in range(len(steps), 0, -1):
            said = self.overrides.get((collection, ".".join(steps[:length])))
            if said is not None:
                return said
        return self.overrides.get((collection, "*"), BOTH)


def _filters(where: Any) -> Iterator[tuple[str, bool]]:
    """Every field that is filtered by, and whether by a range."""
    match where.WhichOneof("filter_type"):
        case "composite_filter":
            for item in where.composite_filter.filters:
                yield from _filters(item)
        case "unary_filter":
            yield where.unary_filter.field.field_path, where.unary_filter.op not in (IS_NAN, IS_NULL)
        case "field_filter":
            yield where.field_filter.field.field_path, where.field_filter.op in INEQUALITIES
