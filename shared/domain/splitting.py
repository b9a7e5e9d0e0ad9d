"""Arithmetic of the key space: where a key range may be split, in the order of the keys' UTF-8 bytes.

Any UTF-8 is a valid split point, whatever keys there are: a key belongs to the range that encloses it,
`after < key <= until`. Split points are found character by character, as text: UTF-8 sorts as its code points do, and
so does Python's `str`.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from shared.domain.keys import Key

T = TypeVar("T")

_EDGE_BYTES = 5

_LAST = "\U0010ffff"


def beyond(stem: str) -> str | None:
    """The least text greater than all that begin with `stem`; None if there is none."""
    trimmed = stem.rstrip(_LAST)
    if not trimmed:
        return None
    code = ord(trimmed[-1]) + 1
    return trimmed[:-1] + chr(0xE000 if code == 0xD800 else code)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly chosen."""
    if len(items) <= most:
        return list(items)
    return [items[(position + 1) * len(items) // (most + 1)] for position in range(most)]


def key_ranges(cursor: Key, points: Sequence[Key], until: Key | None) -> list[tuple[Key, Key | None]]:
    """(after, until) of the ranges into which split points divide a key range."""
    edges = [cursor, *points]
    return list(zip(edges, [*points, until], strict=True))


def inside(points: Sequence[Key], cursor: Key, until: Key | None) -> list[Key]:
    """The split points that lie inside a key range, each once and in order."""
    return sorted({point for point in points if point > cursor and (until is None or point < until)})


def edges(after: Key, until: Key | None) -> int:
    """A number for a key range. Those of the ranges that divide another, all of them, add up to its own: where two
    ranges meet, what stands for their common edge is added once and taken off once. If one is missing they do not, but
    for one chance in 10**12; eight million of them stay within 64 bits.
    """
    return _edge(after) - (0 if until is None else _edge(until))


def _edge(key: Key) -> int:
    return int.from_bytes(hashlib.sha256(key).digest()[:_EDGE_BYTES])
