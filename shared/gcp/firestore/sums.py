"""Sums over the documents of a run, which read none of them.

Firestore ends an aggregation after 60 s, and a run may have 30 million records. So each document that is summed lies in
one of SLICES even parts by its id, and what is added up at once is a stretch of slices with a bounded number of
documents. Every group of fields that is summed has its index, which begins with run and slice.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#limitations
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, TypeVar

from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.counts import Counts
from shared.gcp.firestore.documents import digest

T = TypeVar("T")

SLICES = 1024
"""Of 100 million records, each holds about as many as one aggregation gets through."""

MOST_SUMMED = 100_000
"""Documents in one aggregation. Firestore says no rate, only that it takes the longer the more index entries there are:
this leaves each 0.6 ms of the 60 s."""

_STRETCHES_AT_ONCE = 16
"""Each of them asks for its sums side by side, so that a petabyte's three billion keys are added up within two minutes
(`make simulate`). Firestore publishes no limit of queries at once: https://firebase.google.com/docs/firestore/quotas
"""

MOST_SUMS = 5
"""Aggregations in one query, which counts only documents that have all the summed fields: so every tally is
written whole, zeros included. https://firebase.google.com/docs/firestore/query-data/aggregation-queries"""


def slice_of(identity: str) -> int:
    """Where a document lies, by its id."""
    return int(digest(identity), 16) % SLICES


def groups(field: str, names: Iterable[str]) -> list[list[str]]:
    """The paths that are summed by one query each. The first leaves room to count the documents."""
    paths = [f"{field}.{name}.{unit}" for name in names for unit in ("keys", "bytes")]
    first, rest = paths[: MOST_SUMS - 1], paths[MOST_SUMS - 1 :]
    return [first, *(rest[start : start + MOST_SUMS] for start in range(0, len(rest), MOST_SUMS))]


async def add_stretches(
    stretch: Callable[[range], Awaitable[T | None]], position: int, width: int
) -> tuple[list[T], int, int]:
    """Add up some more stretches; how far that came, and how wide the next ones should be. stretch: adds up slices, or
    finds too many documents in them: None. position: the first slice to add up; before it, nothing is known of how
    wide a stretch may be, so one is asked alone. width: slices of a stretch.
    """
    at_once = _STRETCHES_AT_ONCE if position else 1
    starts = range(position, min(position + at_once * width, SLICES), width)
    parts = await asyncio.gather(*(stretch(range(start, min(start + width, SLICES))) for start in starts))
    done = [part for part in takewhile(lambda part: part is not None, parts) if part is not None]
    reached = min(position + len(done) * width, SLICES)
    return done, reached, width if len(done) == len(parts) else max(1, width // 2)


async def first_alone(asked: Sequence[Callable[[], Awaitable[T | None]]]) -> list[T] | None:
    """The answers to all questions, side by side once the first has one; None if that has none."""
    first = await asked[0]()
    if first is None:
        return None
    rest = await asyncio.gather(*(ask() for ask in asked[1:]))
    return [first, *(answer for answer in rest if answer is not None)]


async def sums(query: AsyncQuery, field: str, names: Sequence[str], slices: range, most: int) -> Counts | None:
    """Sum `field.{name}.keys` and `.bytes` over a query's documents in some slices. None as `amounts` says."""
    found = await amounts(query, groups(field, names), slices, most)
    if found is None:
        return None
    counted = Counts()
    for name in names:
        if found[f"{field}.{name}.keys"]:
            counted.add(name, found[f"{field}.{name}.bytes"], found[f"{field}.{name}.keys"])
    return counted


async def amounts(
    query: AsyncQuery, grouped: Sequence[Sequence[str]], slices: range, most: int
) -> dict[str, int] | None:
    """The sums of some paths over a query's documents in some slices. grouped: those of one query each. None if there
    are more than `most`, unless it is a single slice, which cannot be had in smaller parts.
    """
    part = query.where(filter=FieldFilter("slice", ">=", slices.start))
    part = part.where(filter=FieldFilter("slice", "<", slices.stop))
    bounded = part.limit(most + 1) if len(slices) > 1 else part

    async def ask(number: int, paths: Sequence[str]) -> dict[str, int] | None:
        aggregation = AsyncAggregationQuery(bounded if number == 0 else part)
        if number == 0:
            aggregation.count(alias="count")
        for place, path in enumerate(paths):
            aggregation.sum(path, alias=f"sum_{place}")
        by_alias = await _answer(aggregation)
        if len(slices) > 1 and by_alias.get("count", 0) > most:
            return None
        return {path: by_alias[f"sum_{place}"] for place, path in enumerate(paths)}

    answers = await first_alone([partial(ask, *group) for group in enumerate(grouped)])
    if answers is None:
        return None
    return {path: amount for answer in answers for path, amount in answer.items()}


async def count(query: AsyncQuery, most: int = MOST_SUMMED) -> int:
    """How many documents a query finds, `most` for more."""
    aggregation = AsyncAggregationQuery(query.limit(most))
    aggregation.count(alias="count")
    return (await _answer(aggregation))["count"]


async def total(query: AsyncQuery, fields: Sequence[str]) -> list[int]:
    """The sums of some fields over the few documents that a query finds."""
    aggregation = AsyncAggregationQuery(query)
    for field in fields:
        aggregation.sum(field, alias=field)
    by_alias = await _answer(aggregation)
    return [by_alias[field] for field in fields]


async def keys_and_records(query: AsyncQuery, most: int = MOST_SUMMED) -> tuple[int, int]:
    """The sum of `keys` over a query's documents, and how many these are, `most` for more."""
    aggregation = AsyncAggregationQuery(query.limit(most))
    aggregation.sum("keys", alias="keys").count(alias="count")
    by_alias = await _answer(aggregation)
    return by_alias["keys"], by_alias["count"]


async def _answer(aggregation: AsyncAggregationQuery) -> dict[str, int]:
    groups: Any = await aggregation.get()
    return {result.alias: int(result.value) for group in groups for result in group}
