"""The error tree. Every error knows its fate, so nobody decides by matching strings.

BucketError
├── SettingsError        the start stops, listing every bad setting
├── MalformedMessage     dead-lettered at once, never retried
├── Busy                 somebody else holds the lease: nack, come back later
├── StateConflict        a document moved under our hands: read it again
└── ObjectError          about one key; `reason` is what is put on record
    ├── Transient        RETRY    5xx, resets, truncated bodies, time-outs
    │   ├── Throttled    RETRY    429, SlowDown; carries Retry-After
    │   ├── Unreachable  RETRY    no connection to the host: a wrong name, or a network that is down
    │   ├── ClockSkew    RETRY    this instance's clock is off by more than S3 bears
    │   ├── Corrupt      RETRY    the bytes are not what the source promised
    │   └── LostRace     RETRY    the destination changed between look and write
    ├── Changed          RETRY    the source changed between listing and read
    ├── Gone             GIVE_UP  no such key (any more)
    │   └── NoSuchBucket GIVE_UP  a bucket that does not exist
    ├── Forbidden        GIVE_UP  a policy denies it
    │   ├── BadKeys      GIVE_UP  the credentials themselves are refused
    │   ├── KmsDenied    GIVE_UP  the grant on an encryption key is missing
    │   └── Retained     GIVE_UP  a retention policy or hold keeps the object that is to be replaced
    ├── Archived         GIVE_UP  needs a restore first
    ├── Unsupported      GIVE_UP  Cloud Storage cannot hold it: its name, its size
    ├── StaleEdge        GIVE_UP  the CDN serves an old version and the job forbids the direct way
    ├── Unsorted         GIVE_UP  a listing that does not come in the order of the keys' bytes
    └── Refused          GIVE_UP  any other 4xx: a request that would fail the same way again
        ├── WrongRegion  GIVE_UP  the bucket is in another region than the job says
        └── NoPayer      GIVE_UP  the bucket makes the requester pay, and the request does not say that it will
"""

from enum import Enum


class Fate(Enum):
    """What is to be done with the key whose copy raised the error."""

    RETRY = "retry"
    GIVE_UP = "give up"


class BucketError(Exception):
    """Root of everything this project raises on purpose."""


class SettingsError(BucketError):
    """One or more settings are missing or wrong. The text lists all of them, a line each."""


class MalformedMessage(BucketError):
    """A message that no retry can make right. `problems` holds one sentence for each thing wrong in it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Busy(BucketError):
    """The work is leased to another invocation that may still be alive."""


class StateConflict(BucketError):
    """A document was written by somebody else since it was read."""


class ObjectError(BucketError):
    """A failure that concerns one object. `reason` is the short, stable word kept in the ledger.

    retry_after: the seconds of patience that the service asked for, None if it did not.
    """

    reason = "error"
    fate = Fate.GIVE_UP
    retry_after: float | None = None


class Transient(ObjectError):
    """Likely to pass by itself."""

    reason = "transient"
    fate = Fate.RETRY


class Throttled(Transient):
    """The service asks for patience."""

    reason = "throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(Transient):
    """No connection to a host."""

    reason = "unreachable"


class ClockSkew(Transient):
    """The instance's clock differs from S3's by more than 15 minutes."""

    reason = "clock_skew"


class Corrupt(Transient):
    """Bytes that do not match the source's ETag, size or checksum. Nothing became visible."""

    reason = "corrupt"


class LostRace(Transient):
    """The destination's generation is not the one that was looked at: look again."""

    reason = "lost_race"


class Changed(ObjectError):
    """The response carries another ETag than the one asked for."""

    reason = "changed"
    fate = Fate.RETRY


class Gone(ObjectError):
    """The source has no such object."""

    reason = "gone"


class NoSuchBucket(Gone):
    """A bucket of the job does not exist."""

    reason = "no_such_bucket"


class Forbidden(ObjectError):
    """Denied by a policy."""

    reason = "forbidden"


class BadKeys(Forbidden):
    """AWS does not know the access key, or the signature made with it."""

    reason = "bad_credentials"


class KmsDenied(Forbidden):
    """The encryption key may not be used."""

    reason = "kms_denied"


class Retained(Forbidden):
    """A retention policy or a hold protects the object at the destination."""

    reason = "retained"


class Archived(ObjectError):
    """The object lies in an archive class and must be restored first."""

    reason = "archived"


class Unsupported(ObjectError):
    """Cloud Storage cannot hold this object; the text says why."""

    reason = "unsupported"


class StaleEdge(ObjectError):
    """The CDN serves another version than S3, and the job forbids reading S3 directly."""

    reason = "stale_edge"


class Unsorted(ObjectError):
    """A listing out of order: no cursor, no fence and no walk of two sides can be trusted."""

    reason = "unsorted"


class Refused(ObjectError):
    """The service refused the request for good; the text carries its own words."""

    reason = "refused"


class WrongRegion(Refused):
    """The source bucket is in another region."""

    reason = "wrong_region"


class NoPayer(Refused):
    """The bucket makes the requester pay."""

    reason = "requester_pays"
