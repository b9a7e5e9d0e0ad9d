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
    are of listed bytes. at: when it was published (epoch seconds), 0 for when its record was.

    storage_class, kms: S3's class, and whether KMS was asked, of what this instance has just copied. They go into
    the run's progress, for its bill; the ledger does not keep them.
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
    storage_class: str = field(default="", compare=False)
    kms: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, source: SourceObject) -> "Entry":
        return cls(source.key, source.etag, source.size, source.modified)

    def source(self) -> SourceObject:
        return SourceObject(self.key, self.etag, self.size, self.modified)

    @property
    def listed_size(self) -> int:
        """Bytes, as the key was listed."""
        return self.size - self.drift

    @property
    def open(self) -> bool:
        """Whether a copy may still change how this key ends."""
        return self.outcome is None
