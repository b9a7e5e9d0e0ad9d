"""The verdict on each key of two listings that are walked side by side.

    source   destination                            verdict
    ------   ------------------------------------   ---------
    yes      no                                     UNSUPPORTED if the name cannot exist there, ARCHIVED if S3 must
                                                    restore it before it can be read, else MISSING
    no       yes                                    EXTRA
    yes      another size                           SIZE_DIFFERS
    yes      copied from another ETag               ETAG_DIFFERS
    yes      MD5 known on both sides, equal         SAME
    yes      MD5 known on both sides, differs, and  CHECKSUM_DIFFERS
             the copy says what it is a copy of
    yes      CRC32C proven once, equal              SAME
    yes      CRC32C proven once, differs            CHECKSUM_DIFFERS
    yes      neither of these is known              UNPROVEN

A CRC32C is proven once when the very bytes of this ETag were copied and held to what S3 promises of them: the ledger
remembers it, and the destination's listing says what the copy has. The ETag that a copy carries says what it was made
from, and nothing of the bytes it holds now: without either checksum, a copy is UNPROVEN. So is one that shows none to a
stat either, because it lies under a key that its owner sends with every request (CSEK).

Whether an ETag is an MD5 shows in no listing: of an object that is encrypted with KMS it looks like one and is none.
Copies of this project say so; one that says nothing, whose MD5 is not the ETag, has other bytes or a source of that
kind, and is UNPROVEN. A comparison copies it again, as it does whatever is not known to be right and is not ours.

What is the same in its bytes is METADATA_DIFFERS where its headers or metadata are not those of the object
(`verifying/compare_metadata.py`, for jobs that ask for it).

What could be repaired but is being copied right now is IN_FLIGHT instead. What is the same by now, but was found to
differ by an earlier delivery of the same message, which queued it for another copy and was killed, is REPAIRED.
"""

from enum import StrEnum

from shared.domain.keys import Place
from shared.domain.objects import DestinationObject, SourceObject, etag_md5


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
    METADATA_DIFFERS = "metadata_differs"

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
        Comparison.METADATA_DIFFERS,
    }
)


def compare(
    source: SourceObject,
    copy: DestinationObject | None,
    place: Place,
    in_flight: bool = False,
    crc32c: str | None = None,
) -> Comparison:
    """The verdict on a key that exists at the source. place: where it belongs at the destination. crc32c: base64,
    proven to be that of the bytes of this version; None if nothing is remembered of them.
    """
    verdict = _judge(source, copy, place, crc32c)
    return Comparison.IN_FLIGHT if in_flight and verdict.repairable else verdict


def is_of(source: SourceObject, copy: DestinationObject, place: Place) -> bool:
    """Whether a copy is the same, or says at least that it was made from just this version: a transfer, which was not
    told to replace it, leaves it. That its bytes are still those is what a comparison finds out.
    """
    verdict = _judge(source, copy, place, None)
    return verdict is Comparison.SAME or (verdict is Comparison.UNPROVEN and copy.source_etag == source.etag)


def _judge(source: SourceObject, copy: DestinationObject | None, place: Place, crc32c: str | None) -> Comparison:
    if place.name is None:
        return Comparison.UNSUPPORTED
    if copy is None:
        return Comparison.ARCHIVED if source.archived else Comparison.MISSING
    if copy.size != source.size:
        return Comparison.SIZE_DIFFERS
    ours = copy.source_etag
    if ours is not None and ours != source.etag:
        return Comparison.ETAG_DIFFERS
    md5 = etag_md5(source.etag, copy.source_encryption)
    if md5 is not None and copy.md5 is not None:
        if md5 == copy.md5:
            return Comparison.SAME
        if ours is not None:
            return Comparison.CHECKSUM_DIFFERS
    if crc32c is not None and copy.crc32c:
        return Comparison.SAME if crc32c == copy.crc32c else Comparison.CHECKSUM_DIFFERS
    return Comparison.UNPROVEN
