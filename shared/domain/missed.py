"""Whether events had told of a change that a listing finds: what says how far events can be trusted.

A change is a key that the ledger does not know, or knows in another version; before it is called MISSED the ledger is
read once more, as records may have been sorted out of the listing's way.

the change is                                             it is
-------------------------------------------------------   ----------------------------------------
younger, as the ledger is read, than an event may be      UNSURE: an event may still tell of it
older than the first event that was followed              UNSURE: nobody followed
anything else                                             MISSED
recorded by a run of events, copied or on its way there   no change: the ledger knows the version

An object that was uploaded in parts bears the time at which its upload began: where that took longer than an event may
be late, and it ended within seconds of the listing, it is MISSED though its event is on the way.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What events had told of a change that a listing found. The words are on disk."""

    MISSED = "missed"
    """No event had told of it in time."""
    UNSURE = "unsure"
    """Nobody can say: too young, or from before events were followed."""


@dataclass(frozen=True, slots=True)
class Followed:
    """since: when the first event was followed (epoch seconds), None if none ever was. late_seconds: how late one may
    be. read_at: when an invocation began to read the ledger: of what is recorded later, it may see nothing.
    """

    since: float | None
    late_seconds: float
    read_at: float

    def change(self, modified: float) -> Change:
        """See the table above. modified: the object's Last-Modified."""
        if self.since is None or modified < self.since or modified > self.read_at - self.late_seconds:
            return Change.UNSURE
        return Change.MISSED
