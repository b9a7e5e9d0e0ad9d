"""Cutting a stream of objects into messages."""

from collections.abc import Iterator, Sequence

from shared.core.objects import SourceObject


def batches(objects: Sequence[SourceObject], most_keys: int, most_bytes: int) -> Iterator[tuple[SourceObject, ...]]:
    """Consecutive batches of at most `most_keys` keys and `most_bytes` of content; every batch has a key.

    The byte limit keeps a batch of large objects within one invocation's budget.
    """
    batch: list[SourceObject] = []
    size = 0
    for item in objects:
        if batch and (len(batch) >= most_keys or size + item.size > most_bytes):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield tuple(batch)
