"""The one table of what can go wrong with a key, a bucket or a service. docs/errors.md is generated from it.

Report, HTTP door and the copying itself read the same row: whether it passes, whose it is, what a caller is answered,
how the key ends, and what a person should do.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from shared.domain.counts import Outcome


class Party(StrEnum):
    """Who answered. The same status means different things from different ones."""

    EDGE = "edge"
    """CloudFront, in front of the source bucket."""
    S3 = "s3"
    UPLOAD_SESSION = "upload_session"
    """One resumable upload into the destination."""
    STAGING = "staging"
    """The staging bucket: multipart uploads, staged objects, their move to the destination."""
    DESTINATION = "destination"
    REPORTS = "reports"
    TOKEN_SERVER = "token_server"
    """Google's metadata or OAuth server, which gives access tokens."""
    STS = "sts"
    """AWS's token service, which gives credentials for a role."""
    SQS = "sqs"
    """The queue of S3's events."""
    FIRESTORE = "firestore"
    PUBSUB = "pubsub"


class Scope(StrEnum):
    """Whom a failure concerns. What is everybody's is no key's fault, and must not be charged to one."""

    KEY = "key"
    EVERYBODY = "everybody"


class Reason(StrEnum):
    """The short, stable word kept in the ledger, and what belongs to it.

    retryable: it may pass by itself; otherwise it stays until somebody acts. scope: whose it is. status: the HTTP
    status for a caller of /v1/replicate. outcome: how a key ends that it is the last word on. meaning: what happened.
    advice: what a person should do.
    """

    retryable: bool
    scope: Scope
    status: int
    outcome: Outcome
    meaning: str
    advice: str

    def __new__(
        cls,
        code: str,
        retryable: bool,
        scope: Scope,
        status: int,
        meaning: str,
        advice: str,
        outcome: Outcome = Outcome.FAILED,
    ) -> Self:
        row = str.__new__(cls, code)
        row._value_ = code
        row.retryable, row.scope, row.status, row.outcome = retryable, scope, status, outcome
        row.meaning, row.advice = meaning, advice
        return row

    TRANSIENT = (
        "transient",
        True,
        Scope.KEY,
        503,
        "a 5xx, a connection that broke off, an answer that was cut short",
        "the next attempt may do; if it stays, look at the status pages of AWS and Google Cloud, then force the key",
    )
    THROTTLED = (
        "throttled",
        True,
        Scope.EVERYBODY,
        503,
        "a service asks for patience: too many requests",
        "wait, or copy with fewer at a time; then force the prefix",
    )
    UNREACHABLE = (
        "unreachable",
        True,
        Scope.EVERYBODY,
        503,
        "no connection to a host",
        "check the host's name in the settings and the network; then force the prefix",
    )
    CLOCK_SKEW = (
        "clock_skew",
        True,
        Scope.EVERYBODY,
        503,
        "the clock of this instance is off by more than the 15 minutes that S3 bears",
        "nothing in the cloud: another instance has another clock; elsewhere set the machine's clock",
    )
    CREDENTIALS_EXPIRED = (
        "credentials_expired",
        True,
        Scope.EVERYBODY,
        503,
        "a token that was good is not any more",
        "it is renewed by itself; if it stays, put keys that do not expire into AWS_CREDENTIALS_SECRET, or check that "
        "the service account is enabled",
    )
    NO_TOKEN = (
        "no_token",
        True,
        Scope.EVERYBODY,
        503,
        "the token server gives no credentials",
        "check that the function's service account exists and is enabled, and AWS_ROLE_ARN with its trust policy",
    )
    CORRUPT = (
        "corrupt",
        True,
        Scope.KEY,
        503,
        "the bytes are not those that the source promised; nothing became visible",
        "force the key; if it stays, look at the CDN and at the object in S3",
    )
    LOST_RACE = (
        "lost_race",
        True,
        Scope.KEY,
        409,
        "the destination changed between look and write",
        "somebody else writes to this name in the destination: find out who, then force the key",
    )
    UPLOAD_LOST = (
        "upload_lost",
        True,
        Scope.KEY,
        503,
        "an upload that was begun is not there any more",
        "it begins anew by itself; if it stays, look for a lifecycle rule on STAGING_BUCKET that is too short",
    )
    CHANGED = (
        "changed",
        True,
        Scope.KEY,
        409,
        "the source changed while it was read",
        "it changes faster than it is copied; force the key when it is quiet",
    )
    CANCELLED = (
        "cancelled",
        True,
        Scope.KEY,
        409,
        "a person ended the run before its turn came",
        "nothing: the next run copies it",
    )
    GONE = (
        "gone",
        False,
        Scope.KEY,
        404,
        "the source has no such object (any more)",
        "nothing, if it was deleted at the source: the next run forgets it",
    )
    NO_SUCH_BUCKET = (
        "no_such_bucket",
        False,
        Scope.EVERYBODY,
        502,
        "a bucket of the job does not exist",
        "check SOURCE_BUCKET, DESTINATION_BUCKET, STAGING_BUCKET and REPORT_BUCKET",
    )
    FORBIDDEN = (
        "forbidden",
        False,
        Scope.KEY,
        502,
        "a policy denies the request",
        "check the policies of bucket and role; REQUESTER_PAYS=true if the source makes the requester pay",
    )
    BAD_CREDENTIALS = (
        "bad_credentials",
        False,
        Scope.EVERYBODY,
        502,
        "the credentials themselves are refused, or an account that pays is closed or owes",
        "check the service account, AWS_CREDENTIALS_SECRET or the role, CDN_KEY_PAIR_ID; and billing, on both clouds",
    )
    KMS_DENIED = (
        "kms_denied",
        False,
        Scope.KEY,
        502,
        "an encryption key may not be used; the objects of one bucket may have different ones",
        "grant decryption with the object's KMS key on AWS, or the use of the bucket's key to Cloud Storage's service "
        "agent",
    )
    RETAINED = (
        "retained",
        False,
        Scope.KEY,
        502,
        "a retention policy or a hold keeps the object that is to be replaced or deleted",
        "wait until the retention ends, or release the hold; then force the key",
    )
    ARCHIVED = (
        "archived",
        False,
        Scope.KEY,
        409,
        "the object lies in an archive class",
        "restore it in S3, or set RESTORE_TIER and let a comparison ask for it; it is copied by itself then",
        Outcome.ARCHIVED,
    )
    UNSUPPORTED = (
        "unsupported",
        False,
        Scope.KEY,
        422,
        "Cloud Storage cannot hold it: its name, its size, or a name that another key has",
        "UNSUPPORTED_NAMES=encode keeps it under another name; what is too large must be divided at the source",
        Outcome.UNSUPPORTED,
    )
    STALE_EDGE = (
        "stale_edge",
        True,
        Scope.KEY,
        503,
        "the CDN serves an old version, and the job forbids reading S3 directly",
        "set STALE_EDGE=direct, or invalidate the path; then force the key",
    )
    UNSORTED = (
        "unsorted",
        False,
        Scope.EVERYBODY,
        502,
        "a listing does not come in the order of the keys' bytes, so no cursor can be trusted",
        "only general purpose buckets list in order; copy from one of those",
    )
    REFUSED = (
        "refused",
        False,
        Scope.KEY,
        502,
        "the service refuses the request, and would do so again",
        "the text has the service's own words; force the key when the cause is mended, and report it if it is ours",
    )
    WRONG_REGION = (
        "wrong_region",
        False,
        Scope.EVERYBODY,
        502,
        "the source bucket is in another region than the job says",
        "set AWS_REGION to the bucket's region",
    )
    REQUESTER_PAYS = (
        "requester_pays",
        False,
        Scope.EVERYBODY,
        502,
        "the bucket makes the requester pay, and the request does not say that it will",
        "set REQUESTER_PAYS=true for a source bucket; a destination bucket must not have it",
    )
    ERROR = (
        "error",
        False,
        Scope.KEY,
        502,
        "a failure that has no reason of its own",
        "the log has the whole story; please report it",
    )


_BY_CODE: Mapping[str, Reason] = MappingProxyType({reason.value: reason for reason in Reason})


def advice_for(recorded: str) -> str:
    """What to do about a reason as it stands in the ledger, `code: text`; "" for a code that this version lacks."""
    reason = _BY_CODE.get(recorded.partition(":")[0])
    return reason.advice if reason is not None else ""


def passes_by_itself(recorded: str) -> bool:
    """Whether a key that failed for a reason, as it stands in the ledger, is tried by the next run again: the reason
    passes, or is everybody's, which a person has mended since or will.
    """
    reason = _BY_CODE.get(recorded.partition(":")[0])
    return reason is not None and (reason.retryable or reason.scope is Scope.EVERYBODY)


def was_gone(recorded: str) -> bool:
    """Whether a key failed, as it stands in the ledger, because the source had no such object any more."""
    return recorded.partition(":")[0] == Reason.GONE
