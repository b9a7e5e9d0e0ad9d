"""Whether copies that belong to no object may be deleted. The answer is no unless everything speaks for it.

guard                                                            what it stops
--------------------------------------------------------------   ---------------------------------------------
the job asks for it                                              off is the default; dry-run only tells
the run compared the whole job, to the end, without stopping     a listing cut short, a side that was unreadable
the source listed something                                      an empty bucket, a wrong prefix
no more than a share of all copies belongs to nobody             a wrong prefix map, a bucket mixed up
the copy was made by us: it carries the ETag of its source       what somebody else put there
it was seen by an earlier run, a grace period ago, unchanged     a mistake of today
S3, asked for just this key, says that there is none             everything else that listings get wrong
its generation is the one that was seen                          a copy that was made since
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.objects import DestinationObject


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
    """What is known of a comparison that has ended. extras, copies: how many belong to nobody, of how many."""

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


def is_ours(copy: DestinationObject) -> bool:
    """Whether we made a copy."""
    return copy.source_etag is not None
