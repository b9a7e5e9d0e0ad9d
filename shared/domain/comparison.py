"""The verdict on each key of two listings that are walked side by side.

    source   destination                            verdict
    ------   ------------------------------------   ---------
    yes      no                                     UNSUPPORTED if the name cannot exist there, ARCHIVED if S3 must
                                                    restore it before it can be read, else MISSING
    no       yes                                    EXTRA
    yes      another size                           SIZE_DIFFERS
    yes      MD5 known on both sides, differs       CHECKSUM_DIFFERS
    yes      copied from another ETag               ETAG_DIFFERS
    yes      MD5 known on both sides, equal         SAME
    yes      copied from this ETag, no MD5          SAME
    yes      not copied by us, no MD5 to compare    UNPROVEN

What could be repaired but is being copied right now is IN_FLIGHT instead. What is the same by now, but was found to
differ by an earlier delivery of the same message, which queued it for another copy and was killed, is REPAIRED.
"""

from enum import StrEnum

from shared.domain.keys import Place
from shared.domain.objects import SOURCE_ENCRYPTION, DestinationObject, SourceObject, etag_md5


class Comparison(StrEnum):
    """What the verifier says of one key."""

    SAME = "same"
    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"
    ETAG_DIFFERS = "etag_differs"
    UNPROVEN = "unproven"
    EXTRA = "extra"
    UNSUPPORTED = "unsupported"
    ARCHIVED = "archived"
    IN_FLIGHT = "in_flight"
    REPAIRED = "repaired"

    @property
    def repairable(self) -> bool:
        """Whether the sides disagreed and copying the key again can make, or has made, them agree."""
        return self in _REPAIRABLE


_REPAIRABLE = frozenset(
    {
        Comparison.MISSING,
        Comparison.SIZE_DIFFERS,
        Comparison.CHECKSUM_DIFFERS,
        Comparison.ETAG_DIFFERS,
        Comparison.UNPROVEN,
        Comparison.REPAIRED,
    }
)


def compare(source: SourceObject, copy: DestinationObject | None, place: Place, in_flight: bool = False) -> Comparison:
    """The verdict on a key that exists at the source. place: where it belongs at the destination."""
    verdict = _judge(source, copy, place)
    return Comparison.IN_FLIGHT if in_flight and verdict.repairable else verdict


def _judge(source: SourceObject, copy: DestinationObject | None, place: Place) -> Comparison:
    if place.name is None:
        return Comparison.UNSUPPORTED
    if copy is None:
        return Comparison.ARCHIVED if source.archived else Comparison.MISSING
    if copy.size != source.size:
        return Comparison.SIZE_DIFFERS
    ours = copy.source_etag
    if ours is not None and ours != source.etag:
        return Comparison.ETAG_DIFFERS
    md5 = etag_md5(source.etag, copy.metadata.get(SOURCE_ENCRYPTION))
    if md5 is not None and copy.md5 is not None:
        return Comparison.SAME if md5 == copy.md5 else Comparison.CHECKSUM_DIFFERS
    return Comparison.SAME if ours == source.etag else Comparison.UNPROVEN
