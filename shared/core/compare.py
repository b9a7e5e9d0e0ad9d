"""Walking two listings side by side, and the verdict on each key.

    source   destination                            verdict
    ------   ------------------------------------   ---------
    yes      no                                     MISSING, or UNSUPPORTED if the name cannot exist there
    no       yes                                    EXTRA
    yes      another size                           SIZE_DIFFERS
    yes      MD5 known on both sides, differs       CHECKSUM_DIFFERS
    yes      copied from another ETag               ETAG_DIFFERS
    yes      MD5 known on both sides, equal         SAME
    yes      copied from this ETag, no MD5          SAME
    yes      not copied by us, no MD5 to compare    UNPROVEN

What could be repaired but is being copied right now is IN_FLIGHT instead.
"""

from collections.abc import AsyncIterator
from enum import StrEnum

from shared.core.errors import BucketError
from shared.core.keys import Mapping, Place
from shared.core.objects import SOURCE_ENCRYPTION, DestinationObject, SourceObject, etag_md5


class Verdict(StrEnum):
    """What the verifier says of one key."""

    SAME = "same"
    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"
    ETAG_DIFFERS = "etag_differs"
    UNPROVEN = "unproven"
    EXTRA = "extra"
    UNSUPPORTED = "unsupported"
    IN_FLIGHT = "in_flight"

    @property
    def repairable(self) -> bool:
        """Whether copying the key again can make both sides agree."""
        return self in _REPAIRABLE


_REPAIRABLE = frozenset(
    {
        Verdict.MISSING,
        Verdict.SIZE_DIFFERS,
        Verdict.CHECKSUM_DIFFERS,
        Verdict.ETAG_DIFFERS,
        Verdict.UNPROVEN,
    }
)


class OutOfOrder(BucketError):
    """A listing went backwards: no verdict can be trusted, so the walk stops."""


def judge(source: SourceObject, copy: DestinationObject | None, place: Place, in_flight: bool = False) -> Verdict:
    """The verdict on a key that exists at the source. place: where it belongs at the destination."""
    verdict = _judge(source, copy, place)
    return Verdict.IN_FLIGHT if in_flight and verdict.repairable else verdict


def _judge(source: SourceObject, copy: DestinationObject | None, place: Place) -> Verdict:
    if place.name is None:
        return Verdict.UNSUPPORTED
    if copy is None:
        return Verdict.MISSING
    if copy.size != source.size:
        return Verdict.SIZE_DIFFERS
    ours = copy.source_etag
    if ours is not None and ours != source.etag:
        return Verdict.ETAG_DIFFERS
    md5 = etag_md5(source.etag, copy.metadata.get(SOURCE_ENCRYPTION))
    if md5 is not None and copy.md5 is not None:
        return Verdict.SAME if md5 == copy.md5 else Verdict.CHECKSUM_DIFFERS
    return Verdict.SAME if ours == source.etag else Verdict.UNPROVEN


Pair = tuple[SourceObject | None, DestinationObject | None]


async def march(
    sources: AsyncIterator[SourceObject], copies: AsyncIterator[DestinationObject], mapping: Mapping
) -> AsyncIterator[Pair]:
    """Both listings in lockstep, in byte order of the destination names. Each key and name comes once.

    Names that had to be encoded lie elsewhere in the order: they are passed over here, and their keys come alone.

    Raises OutOfOrder as soon as either listing repeats or goes backwards.
    """
    copies = (copy async for copy in copies if mapping.original(copy.name) is None)
    source = await anext(sources, None)
    copy = await anext(copies, None)
    while source is not None or copy is not None:
        name = mapping.name(source.key) if source is not None else None
        if source is not None and (copy is None or (name is not None and name < copy.name)):
            yield source, None
            source = await _next_source(sources, source)
        elif copy is not None and (name is None or copy.name < name):
            yield None, copy
            copy = await _next_copy(copies, copy)
        elif source is not None and copy is not None:
            yield source, copy
            source = await _next_source(sources, source)
            copy = await _next_copy(copies, copy)


async def _next_source(sources: AsyncIterator[SourceObject], last: SourceObject) -> SourceObject | None:
    item = await anext(sources, None)
    if item is not None and item.key <= last.key:
        raise OutOfOrder(f"S3 listed {item.key!r} after {last.key!r}")
    return item


async def _next_copy(copies: AsyncIterator[DestinationObject], last: DestinationObject) -> DestinationObject | None:
    item = await anext(copies, None)
    if item is not None and item.name <= last.name:
        raise OutOfOrder(f"Cloud Storage listed {item.name!r} after {last.name!r}")
    return item
