"""The error tree. Every error knows its reason, so nobody decides by matching strings; `reasons.py` has the table.

BucketError
├── SettingsError                the start stops, listing every bad setting
├── MalformedMessage             dead-lettered at once, never retried
├── Busy                         somebody else holds the lease: nack, come back later
├── Postponed                    a fault of everybody keeps keys from beginning: nack, come back later
├── OutOfService                 Firestore or Pub/Sub do not do what is asked: nack, come back later
├── StateConflict                a document moved under our hands: read it again
├── OutOfAttempts                a key's last attempt has failed, too
└── ObjectError                  what failed for a key; `reason` is what is put on record
    ├── Transient                tried again at once, with backoff
    │   ├── Throttled, Unreachable, ClockSkew, CredentialsExpired, NoToken, Corrupt, LostRace
    ├── Changed, UploadLost      retryable, but only from an earlier step: ask what is current, begin anew
    ├── RunCancelled             ended by a person before its turn came
    ├── Gone                     ── NoSuchBucket
    ├── Forbidden                ── BadKeys, KmsDenied, Retained
    ├── Archived, Unsupported, StaleEdge, Unsorted
    └── Refused                  ── WrongRegion, NoPayer
"""

from dataclasses import dataclass
from typing import ClassVar

from shared.domain.reasons import Party, Reason, Scope


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


class Postponed(BucketError):
    """Work that cannot be done now through no fault of its own, and has spent nothing."""


class OutOfService(BucketError):
    """The memory or the queue does not do what is asked. It is everybody's fault and no key's."""

    def __init__(self, message: str, party: Party, reason: Reason) -> None:
        super().__init__(message)
        self._party, self._reason = party, reason

    @property
    def party(self) -> Party:
        """Whose fault it is."""
        return self._party

    @property
    def reason(self) -> Reason:
        """What is wrong."""
        return self._reason


class UnreadableDocument(BucketError):
    """A document of the state store whose content makes no sense. The text names it and says what to do."""


class StateConflict(BucketError):
    """A document was written by somebody else since it was read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Where an error comes from. party: who answered, None if that was ourselves. status: HTTP's, None without an
    answer. code: the service's own. asked: what was asked for, without secrets. retry_after: the seconds of patience
    that the service asked for, None if it did not.
    """

    party: Party | None = None
    status: int | None = None
    code: str = ""
    asked: str = ""
    retry_after: float | None = None


class ObjectError(BucketError):
    """A failure that a key may end with. What it says is fixed when it is made: nobody changes it on its way up."""

    reason: ClassVar[Reason] = Reason.ERROR

    def __init__(
        self,
        message: str,
        *,
        party: Party | None = None,
        status: int | None = None,
        code: str = "",
        asked: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self._answered = Answered(party, status, code, asked, retry_after)

    @property
    def retryable(self) -> bool:
        """Whether it may pass by itself."""
        return self.reason.retryable

    @property
    def is_the_keys_own(self) -> bool:
        """Whether it stays, and is no fault but this key's: it ends the key, and keeps no other from anything."""
        return not self.reason.retryable and self.reason.scope is Scope.KEY

    @property
    def party(self) -> Party | None:
        """Who answered, None if nobody did or it was not noted."""
        return self._answered.party

    @property
    def status(self) -> int | None:
        """The answer's HTTP status, None if there was no answer."""
        return self._answered.status

    @property
    def code(self) -> str:
        """The service's own code, "" if it said none."""
        return self._answered.code

    @property
    def asked(self) -> str:
        """What was asked for, "" if that was not noted."""
        return self._answered.asked

    @property
    def retry_after(self) -> float | None:
        """The seconds of patience that the service asked for, None if it did not."""
        return self._answered.retry_after


class OutOfAttempts(BucketError):
    """A key's last attempt has failed: no further one is due, though the failure itself might pass."""

    def __init__(self, last: ObjectError) -> None:
        super().__init__(f"no attempt is left: {last}")
        self._last = last

    @property
    def last(self) -> ObjectError:
        """What the last attempt failed with."""
        return self._last


class Transient(ObjectError):
    """Likely to pass by itself."""

    reason = Reason.TRANSIENT


class Throttled(Transient):
    """The service asks for patience."""

    reason = Reason.THROTTLED


class Unreachable(Transient):
    """No connection to a host."""

    reason = Reason.UNREACHABLE


class ClockSkew(Transient):
    """The instance's clock differs from S3's by more than 15 minutes."""

    reason = Reason.CLOCK_SKEW


class CredentialsExpired(Transient):
    """A token that was good is refused: worth one more try with a new one."""

    reason = Reason.CREDENTIALS_EXPIRED


class NoToken(Transient):
    """A token server gives nothing to show to the other services."""

    reason = Reason.NO_TOKEN


class Corrupt(Transient):
    """Bytes that do not match the source's ETag, size or checksum. Nothing became visible."""

    reason = Reason.CORRUPT


class LostRace(Transient):
    """The destination's generation is not the one that was looked at: look again."""

    reason = Reason.LOST_RACE


class UploadLost(ObjectError):
    """An upload session, a multipart upload or a staged object is not there any more: begin anew."""

    reason = Reason.UPLOAD_LOST


class Changed(ObjectError):
    """The response carries another ETag than the one asked for."""

    reason = Reason.CHANGED


class RunCancelled(ObjectError):
    """A person ended the run before the key's turn came."""

    reason = Reason.CANCELLED


class Gone(ObjectError):
    """The source has no such object."""

    reason = Reason.GONE


class NoSuchBucket(Gone):
    """A bucket of the job does not exist."""

    reason = Reason.NO_SUCH_BUCKET


class Forbidden(ObjectError):
    """Denied by a policy."""

    reason = Reason.FORBIDDEN


class BadKeys(Forbidden):
    """A service does not know the credentials, or the signature made with them, or an account was closed."""

    reason = Reason.BAD_CREDENTIALS


class KmsDenied(Forbidden):
    """The encryption key may not be used."""

    reason = Reason.KMS_DENIED


class Retained(Forbidden):
    """A retention policy or a hold protects the object at the destination."""

    reason = Reason.RETAINED


class Archived(ObjectError):
    """The object lies in an archive class and must be restored first."""

    reason = Reason.ARCHIVED


class Unsupported(ObjectError):
    """Cloud Storage cannot hold this object; the text says why."""

    reason = Reason.UNSUPPORTED


class StaleEdge(ObjectError):
    """The CDN serves another version than S3, and the job forbids reading S3 directly."""

    reason = Reason.STALE_EDGE


class Unsorted(ObjectError):
    """A listing out of order: no cursor, no split point and no walk of two sides can be trusted."""

    reason = Reason.UNSORTED


class Refused(ObjectError):
    """The service refused the request for good; the text carries its own words."""

    reason = Reason.REFUSED


class WrongRegion(Refused):
    """The source bucket is in another region."""

    reason = Reason.WRONG_REGION


class NoPayer(Refused):
    """The bucket makes the requester pay."""

    reason = Reason.REQUESTER_PAYS
