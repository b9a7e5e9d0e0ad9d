"""Arithmetic of the key space: where a stretch of keys may be cut, in the order of their UTF-8 bytes.

UTF-8 sorts as its code points do, and so does Python's `str`: fences are text, as messages and requests need it. Any
text is a valid fence, whatever keys there are: a key belongs to the piece that encloses it, `after < key <= until`.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

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


def pieces(cursor: str, fences: Sequence[str], until: str | None) -> list[tuple[str, str | None]]:
    """(after, until) of the pieces into which fences cut a stretch."""
    edges = [cursor, *fences]
    return list(zip(edges, [*fences, until], strict=True))


def inside(fences: Sequence[str], cursor: str, until: str | None) -> list[str]:
    """The fences that cut a stretch, each once and in order."""
    return sorted({fence for fence in fences if fence > cursor and (until is None or fence < until)})
