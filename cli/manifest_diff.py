"""Two manifests side by side: which keys have another verdict, or another version, in the one than in the other.

Both are read in key order, a file of each in memory. What a run says of a key is its verdict; None where it has none.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from cli.manifest import Manifest, ManifestRow
from shared.domain.keys import Key

MOST_SHOWN = 100
"""Changed keys that an answer holds; a file takes all."""

_TOLD_EVERY = 10_000

Change = dict[str, Any]
"""A key, or the name of a destination-only copy, its verdicts and its ETags."""


@dataclass(slots=True)
class Difference:
    """verdicts: keys by their verdicts in both, where these differ. versions: keys of the same verdict and another
    ETag. agreeing: keys of the same verdict and version. first: the first changes. read: rows of each, to their ends.
    outside: rows of keys that only one of the runs was about.
    """

    verdicts: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    versions: int = 0
    agreeing: int = 0
    outside: int = 0
    first: list[Change] = field(default_factory=list)
    read: tuple[int, int] = (0, 0)
    objects: tuple[int, int] = (0, 0)

    @property
    def changed(self) -> int:
        """Keys of another verdict."""
        return self.verdicts.total()


async def differ(
    a: Manifest,
    b: Manifest,
    prefix: Key,
    write: Callable[[Change], None] | None,
    tell: Callable[[int], None] = lambda rows: None,
) -> Difference:
    """All of both, read to their ends. prefix: what both runs were about. write: gets every change. tell: how many keys
    were gone over so far, now and then. Raises ManifestError.
    """
    found, gone_over = Difference(), 0
    for ours, theirs, objects in ((a.of_objects, b.of_objects, True), (a.of_copies, b.of_copies, False)):
        async for one, other in side_by_side(ours(), theirs()):
            some = one or other
            gone_over += 1
            if gone_over % _TOLD_EVERY == 0:
                tell(gone_over)
            if some is None or not some.position.startswith(prefix):
                found.outside += objects
            else:
                _note(found, one, other, write)
    found.read, found.objects = (a.read, b.read), (a.objects, b.objects)
    return found


def _note(
    found: Difference, one: ManifestRow | None, other: ManifestRow | None, write: Callable[[Change], None] | None
) -> None:
    before, etag_before = _said(one)
    after, etag_after = _said(other)
    if before == after:
        versions = etag_before != etag_after
        found.versions += versions
        found.agreeing += not versions
        if not versions:
            return
    else:
        found.verdicts[before, after] += 1
    if len(found.first) < MOST_SHOWN or write is not None:
        some = one or other
        change = {
            "key": "" if some is None else some.label,
            "from": before,
            "to": after,
            "etag_from": etag_before,
            "etag_to": etag_after,
        }
        if len(found.first) < MOST_SHOWN:
            found.first.append(change)
        if write is not None:
            write(change)


def _said(row: ManifestRow | None) -> tuple[str | None, str | None]:
    """Verdict and ETag."""
    return (None, None) if row is None else (row.verdict, row.etag)


async def side_by_side(
    a: AsyncIterator[ManifestRow], b: AsyncIterator[ManifestRow]
) -> AsyncIterator[tuple[ManifestRow | None, ManifestRow | None]]:
    """The rows of two sorted manifests, those of the same key together."""
    one, other = await anext(a, None), await anext(b, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.position < other.position):
            yield one, None
            one = await anext(a, None)
        elif one is None or other.position < one.position:
            yield None, other
            other = await anext(b, None)
        else:
            yield one, other
            one, other = await anext(a, None), await anext(b, None)
