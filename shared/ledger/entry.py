"""What the ledger knows of one key."""

from dataclasses import field

from shared.domain.counts import Outcome
from shared.domain.objects import SourceObject
from shared.domain.valueclass import valueclass


@valueclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one key.

    outcome: None while the key is still to be copied. reason: why, where the outcome needs one.
    generation, crc32c (base64): of the GCS object. proof: how its bytes were shown to be right. route: their way.
    drift: bytes by which the version that was copied is larger than the one that was listed; counts
    are of listed bytes. at: when it was published (epoch seconds), or, where that is later and was asked, when the copy
    was written, by the destination's clock: the last write tells what is there, whichever was published first. 0 for
    when its record was published. event_at: when S3's event says that it was written, of a key that an event named and
    that is not copied; 0 for any other.

    storage_class, kms, lag: S3's class, whether KMS was asked, and the seconds since the event, None for none, of what
    this instance has just copied. They go into the run's progress and the record's distribution; the ledger does not
    keep them with the key.
    """

    key: bytes
    etag: str
    size: int
    modified: int
    outcome: Outcome | None = None
    reason: str = ""
    generation: int = 0
    crc32c: str = ""
    proof: str = ""
    route: str = ""
    drift: int = 0
    at: float = 0
    event_at: float = 0
    storage_class: str = field(default="", compare=False)
    kms: bool = field(default=False, compare=False)
    lag: float | None = field(default=None, compare=False)

    @classmethod
    def of(cls, source: SourceObject) -> "Entry":
        return cls(source.key, source.etag, source.size, source.modified, event_at=source.event_at)

    def source(self) -> SourceObject:
        return SourceObject(self.key, self.etag, self.size, self.modified, event_at=self.event_at)

    @property
    def listed_size(self) -> int:
        """Bytes, as the key was listed."""
        return self.size - self.drift

    @property
    def open(self) -> bool:
        """Whether a copy may still change how this key ends."""
        return self.outcome is None
