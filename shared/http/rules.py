"""Which answer means which error: rules in order, of which the first that fits decides. docs/errors.md shows them.

S3's codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
Cloud Storage's reasons: https://cloud.google.com/storage/docs/json_api/v1/status-codes and, for the XML API,
https://cloud.google.com/storage/docs/xml-api/reference-status
SQS's: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html, and each action's own
CloudFront's: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from shared.domain.errors import (
    Archived,
    BadKeys,
    Changed,
    ClockSkew,
    Corrupt,
    CredentialsExpired,
    Forbidden,
    Gone,
    KmsDenied,
    LostRace,
    NoPayer,
    NoSuchBucket,
    ObjectError,
    Refused,
    Retained,
    Throttled,
    Transient,
    UploadLost,
    WrongRegion,
)
from shared.domain.reasons import Party

_GOOGLE = frozenset({Party.UPLOAD_SESSION, Party.STAGING, Party.DESTINATION, Party.REPORTS})


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer of this kind is that error.

    statuses: HTTP's. codes: of the service, one of them; prefix: what its code begins with. sentence: how the
    service's own message must read, anchored so that a key which it repeats cannot be mistaken for it. parties: who
    must have answered; empty for anybody. writes: whether only a write's (True) or a read's (False) answer is meant;
    None for both.
    """

    error: type[ObjectError]
    statuses: Collection[int]
    codes: frozenset[str] = frozenset()
    prefix: str = ""
    sentence: re.Pattern[str] | None = None
    parties: frozenset[Party] = frozenset()
    writes: bool | None = None

    def fits(self, party: Party, writes: bool, status: int, code: str, message: str) -> bool:
        """Whether an answer is meant by this rule."""
        if status not in self.statuses or (self.parties and party not in self.parties):
            return False
        if self.writes is not None and self.writes is not writes:
            return False
        if self.codes or self.prefix:
            return code in self.codes or (self.prefix != "" and code.startswith(self.prefix))
        return self.sentence is None or self.sentence.search(message) is not None


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _parties(*parties: Party) -> frozenset[Party]:
    return frozenset(parties)


RULES: tuple[Rule, ...] = (
    Rule(
        WrongRegion,
        (301, 307, 400),
        _codes("PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException"),
    ),
    Rule(WrongRegion, (301, 307), parties=_parties(Party.S3)),  # a HEAD's answer has no body to say so
    Rule(CredentialsExpired, (400, 403), _codes("ExpiredToken ExpiredTokenException TokenRefreshRequired")),
    Rule(Transient, (400, 403), _codes("RequestTimeout RequestExpired")),
    # of KMS, too, whose requests a second are fewer than S3's: a key that may be used, and not so often
    # https://docs.aws.amazon.com/kms/latest/developerguide/throttling.html
    Rule(Throttled, (400, 403), _codes("KMS.ThrottlingException ThrottlingException")),
    Rule(NoPayer, (400,), _codes("UserProjectMissing")),
    Rule(NoPayer, (400,), sentence=re.compile(r"^Bucket is (?:a )?requester pays bucket\b")),
    Rule(
        KmsDenied,
        (400, 403),
        _codes(
            "cloudKmsBadKey cloudKmsCannotChangeKeyName cloudKmsDecryptionKeyNotFound cloudKmsDisabledKey "
            "cloudKmsEncryptionKeyNotFound cloudKmsKeyLocationNotAllowed"
        ),
        prefix="KMS.",
    ),
    Rule(
        Corrupt,
        (400,),
        sentence=re.compile(r"^Provided [^\"]*\"[^\"]*\" doesn't match calculated "),
        parties=_GOOGLE,
    ),
    Rule(Corrupt, (400,), _codes("BadDigest InvalidDigest"), parties=_GOOGLE),
    Rule(BadKeys, (401,)),
    Rule(BadKeys, (400, 403), _codes("InvalidSecurity InvalidToken")),
    Rule(BadKeys, (403,), _codes("AccountProblem NotSignedUp UserProjectAccountProblem accountDisabled")),
    Rule(Throttled, (403,), _codes("rateLimitExceeded userRateLimitExceeded"), parties=_GOOGLE),
    Rule(Throttled, (400, 403), _codes("KmsThrottled RequestThrottled"), parties=_parties(Party.SQS)),
    Rule(Archived, (403,), _codes("InvalidObjectState")),
    Rule(ClockSkew, (403,), _codes("RequestTimeTooSkewed")),
    Rule(BadKeys, (403,), _codes("InvalidAccessKeyId SignatureDoesNotMatch InvalidKey MissingKey")),
    Rule(KmsDenied, (403,), sentence=re.compile(r"^[^\"]*\bis not authorized to perform: kms:[A-Z]\w* on\b")),
    Rule(KmsDenied, (403,), sentence=re.compile(r"^Permission denied on Cloud KMS key\b")),
    Rule(
        Retained,
        (403,),
        _codes("retentionPolicyNotMet RetentionPolicyNotMet objectUnderActiveHold ObjectUnderActiveHold"),
    ),
    # the JSON API's reason for a hold is "forbidden", as for a missing grant: only its sentence tells them apart
    Rule(
        Retained,
        (403,),
        sentence=re.compile(
            r"^Object '.*' is (?:subject to bucket's retention polic|under active \S+ hold and )", re.S
        ),
    ),
    Rule(Forbidden, (403,)),
    Rule(NoSuchBucket, (404,), _codes("NoSuchBucket")),
    # a write names no object that must be there, so what is missing is the bucket
    Rule(NoSuchBucket, (404,), parties=_parties(Party.DESTINATION, Party.REPORTS), writes=True),
    # the last resort: to a read the JSON API says "notFound" for a bucket and for an object alike
    Rule(NoSuchBucket, (404,), sentence=re.compile(r"^The specified bucket does not exist\b")),
    Rule(UploadLost, (404, 410), parties=_parties(Party.UPLOAD_SESSION, Party.STAGING)),
    Rule(UploadLost, (400,), _codes("InvalidPart"), parties=_parties(Party.STAGING)),  # it was written over
    # of a backend's fault, where no session is meant: https://github.com/googleapis/google-cloud-java/issues/3586
    Rule(Transient, (410,), parties=_parties(Party.DESTINATION, Party.REPORTS)),
    Rule(Gone, (404, 410)),
    Rule(Transient, (408,)),
    # to bytes that overtake those before them, which nobody has heard the end of: it is asked how far it is
    # https://github.com/googleapis/google-cloud-cpp/issues/9182
    Rule(Transient, (400, 409), parties=_parties(Party.UPLOAD_SESSION)),
    Rule(LostRace, (412,), writes=True),
    Rule(Changed, (412,), writes=False),
    # one name may be written once a second, whatever else is written: https://cloud.google.com/storage/quotas#objects
    Rule(
        Transient,
        (429,),
        sentence=re.compile(r"^The object .* exceeded the rate limit for object mutation operations\b", re.S),
        parties=_GOOGLE,
    ),
    Rule(Throttled, (429,)),
    Rule(Throttled, (503,), _codes("SlowDown")),
    Rule(Refused, (501,)),
    Rule(Transient, range(500, 600)),
    Rule(Refused, range(100, 1000)),
)
