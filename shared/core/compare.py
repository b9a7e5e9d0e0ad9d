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

What could be repaired but is being copied right now is IN_FLIGHT instead.
"""

from enum import StrEnum

from shared.core.keys import Place
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
    ARCHIVED = "archived"
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


def judge(source: SourceObject, copy: DestinationObject | None, place: Place, in_flight: bool = False) -> Verdict:
    """The verdict on a key that exists at the source. place: where it belongs at the destination."""
    verdict = _judge(source, copy, place)
    return Verdict.IN_FLIGHT if in_flight and verdict.repairable else verdict


def _judge(source: SourceObject, copy: DestinationObject | None, place: Place) -> Verdict:
    if place.name is None:
        return Verdict.UNSUPPORTED
    if copy is None:
        return Verdict.ARCHIVED if source.archived else Verdict.MISSING
    if copy.size != source.size:
        return Verdict.SIZE_DIFFERS
    ours = copy.source_etag
    if ours is not None and ours != source.etag:
        return Verdict.ETAG_DIFFERS
    md5 = etag_md5(source.etag, copy.metadata.get(SOURCE_ENCRYPTION))
    if md5 is not None and copy.md5 is not None:
        return Verdict.SAME if md5 == copy.md5 else Verdict.CHECKSUM_DIFFERS
    return Verdict.SAME if ours == source.etag else Verdict.UNPROVEN
