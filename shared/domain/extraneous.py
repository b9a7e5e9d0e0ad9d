"""Whether copies that belong to no object may be deleted. The answer is no unless everything speaks for it.

guard                                                            what it stops
--------------------------------------------------------------   ---------------------------------------------
the job asks for it                                              off is the default; dry-run only tells
the run compared the whole job, to the end, without stopping     a listing cut short, a side that was unreadable
the source listed something                                      an empty bucket, a wrong prefix
no more than a share of the job's own copies is extraneous       a wrong prefix map, a bucket mixed up
the job is not paused, asked again before every batch            "stop everything" while it deletes
the copy says that this very job made it, of the key that        what another job put there, or somebody who copied
the job puts under just this name                                a copy, or the job under other names
every whole comparison since the grace began has seen it         a mistake of today, a mark of last year
S3, asked for just the key that it was made of, has none         all else that listings, and changed names, get wrong
its generation is the one that was seen                          a copy that was made since
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from shared.domain.keys import KeyMapping
from shared.domain.objects import SOURCE_BUCKET, SOURCE_JOB, DestinationObject
from shared.domain.provenance import Provenance


class DeleteExtras(StrEnum):
    """What to do with copies that belong to no object."""

    OFF = "off"
    DRY_RUN = "dry-run"
    ON = "on"


@dataclass(frozen=True, slots=True)
class DestinationOnly:
    """A copy that belongs to no object. name: at the destination. key: the one it would be of."""

    name: bytes
    key: bytes
    generation: int
    size: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a comparison that has ended. extras, copies: how many of this job's copies belong to no object,
    of how many.
    """

    whole_job: bool
    finished: bool
    listed: int
    extras: int
    copies: int


def refusal(asked: DeleteExtras, found: Evidence, share: float) -> str | None:
    """Why nothing may be deleted after a comparison, None if single copies may be looked at."""
    if asked is DeleteExtras.OFF:
        return "the job does not ask for it"
    if not found.finished:
        return "the comparison did not come to its end"
    if not found.whole_job:
        return "only a part of the job was compared"
    if not found.listed:
        return "the source listed nothing"
    if found.extras > found.copies * share:
        return f"{found.extras:,} of {found.copies:,} copies belong to nobody, more than the share of {share:.2%}"
    return None


def own_key(copy: DestinationObject, provenance: Provenance, mapping: KeyMapping) -> bytes | None:
    """The key that a copy was made of, if it says that just this job made it, from the bucket that is the job's source
    today, and lies where the job puts that key today. None for anything else: another job's copies, those that somebody
    has copied from ours, those of another prefix map or naming, those of a time when this was not written down.
    """
    theirs = copy.metadata.get(SOURCE_BUCKET), copy.metadata.get(SOURCE_JOB)
    if theirs != (provenance.bucket, provenance.job) or copy.source_etag is None or copy.source_key is None:
        return None
    key = unquote_to_bytes(copy.source_key)
    return key if mapping.holds(copy.name, key) else None
