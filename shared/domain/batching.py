"""Cutting a stream into what is worked on, or sent, at once."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from shared.domain.objects import SourceObject

T = TypeVar("T")

MOST_KEY_BYTES = 256 * 1024
"""Of a batch's keys together: with a reason for each they still fit a document (1 MiB) and a message (10 MB).
https://firebase.google.com/docs/firestore/quotas, https://cloud.google.com/pubsub/quotas"""


def batches(objects: Sequence[SourceObject], most_keys: int, most_bytes: int) -> Iterator[tuple[SourceObject, ...]]:
    """Consecutive batches of at most `most_keys` keys and `most_bytes` of content; every batch has a key.

    The byte limit keeps a batch of large objects within one invocation's budget.
    """
    batch: list[SourceObject] = []
    size = names = 0
    for item in objects:
        full = len(batch) >= most_keys or size + item.size > most_bytes or names + len(item.key) > MOST_KEY_BYTES
        if batch and full:
            yield tuple(batch)
            batch, size, names = [], 0, 0
        batch.append(item)
        size += item.size
        names += len(item.key)
    if batch:
        yield tuple(batch)


async def in_batches(found: AsyncIterator[T], most: int) -> AsyncIterator[list[T]]:
    """Consecutive batches of `most`; the last may be smaller, and none is empty."""
    batch: list[T] = []
    async for item in found:
        batch.append(item)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch
