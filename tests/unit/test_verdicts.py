"""What answers mean: a row for every rule of `shared/http/rules.py`, and what must not be taken for one."""

import base64
import json
import re

import pytest

from shared.aws.cloudfront import wildcard_policy
from shared.domain import errors as e
from shared.domain.reasons import Party, Reason, Scope, advice_for
from shared.domain.runs import RunKind, RunState
from shared.http.classification import Classifier, code_and_message, retry_after
from shared.http.rules import RULES
from shared.settings import Settings

XML = "<Error><Code>{}</Code><Message>{}</Message></Error>"
KEY = "the key"
GOOGLE = (Party.DESTINATION, Party.UPLOAD_SESSION, Party.STAGING, Party.REPORTS)
AMAZON = (Party.EDGE, Party.S3)
ALL = (*AMAZON, *GOOGLE)


def api(status: int, message: str, reason: str) -> bytes:
    """An error as the JSON API writes it."""
    detail = {"message": message, "domain": "global", "reason": reason}
    return json.dumps({"error": {"code": status, "message": message, "errors": [detail]}}).encode()


def judge(party: Party, writes: bool, status: int, body: bytes = b"") -> e.ObjectError:
    return Classifier(party, writes)(KEY, status, {}, body)


BY_CODE = [
    (403, "InvalidObjectState", e.Archived, False),
    (403, "RequestTimeTooSkewed", e.ClockSkew, True),
    (403, "AccessDenied", e.Forbidden, False),
    (403, "RequestExpired", e.Transient, True),
    (403, "RequestTimeout", e.Transient, True),
    (403, "InvalidAccessKeyId", e.BadKeys, False),
    (403, "SignatureDoesNotMatch", e.BadKeys, False),
    (403, "MissingKey", e.BadKeys, False),
    (403, "retentionPolicyNotMet", e.Retained, False),
    (403, "RetentionPolicyNotMet", e.Retained, False),
    (403, "objectUnderActiveHold", e.Retained, False),
    (403, "ObjectUnderActiveHold", e.Retained, False),
    (404, "NoSuchBucket", e.NoSuchBucket, False),
    (400, "AuthorizationHeaderMalformed", e.WrongRegion, False),
    (400, "ExpiredToken", e.CredentialsExpired, True),
    (400, "InvalidToken", e.BadKeys, False),
    (403, "InvalidSecurity", e.BadKeys, False),
    (403, "AccountProblem", e.BadKeys, False),
    (403, "accountDisabled", e.BadKeys, False),
    (403, "UserProjectAccountProblem", e.BadKeys, False),
    (400, "RequestTimeout", e.Transient, True),
    (400, "UserProjectMissing", e.NoPayer, False),
    (400, "KMS.DisabledException", e.KmsDenied, False),
    (400, "KMS.ThrottlingException", e.Throttled, True),
    (400, "ThrottlingException", e.Throttled, True),
    (400, "cloudKmsDisabledKey", e.KmsDenied, False),
    (408, "", e.Transient, True),
    (429, "", e.Throttled, True),
    (429, "rateLimitExceeded", e.Throttled, True),
    (503, "SlowDown", e.Throttled, True),
    (503, "ServiceUnavailable", e.Transient, True),
    (500, "InternalError", e.Transient, True),
    (502, "", e.Transient, True),
    (504, "", e.Transient, True),
    (501, "NotImplemented", e.Refused, False),
    (301, "PermanentRedirect", e.WrongRegion, False),
    (307, "TemporaryRedirect", e.WrongRegion, False),
]


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(("status", "code", "error", "retryable"), BY_CODE)
def test_a_code_means_the_same_whoever_says_it(
    status: int, code: str, error: type[e.ObjectError], retryable: bool, writes: bool
) -> None:
    for party in ALL:
        for body in (XML.format(code, "").encode(), api(status, "", code)):
            found = judge(party, writes, status, body)
            assert type(found) is error
            assert found.retryable is retryable
            assert KEY in str(found)
            assert (found.party, found.status, found.code, found.asked) == (party, status, code, KEY)


BY_PARTY = [
    (ALL, 401, b"", e.BadKeys),
    ((*AMAZON, Party.DESTINATION, Party.STAGING, Party.REPORTS), 400, XML.format("InvalidArgument", "").encode(), e.Refused),
    ((*AMAZON, Party.DESTINATION, Party.STAGING, Party.REPORTS), 409, api(409, "", "conflict"), e.Refused),
    ((Party.UPLOAD_SESSION,), 400, api(400, "Invalid request", "invalid"), e.Transient),
    ((Party.UPLOAD_SESSION,), 409, api(409, "", "conflict"), e.Transient),
    (GOOGLE, 403, api(403, "", "rateLimitExceeded"), e.Throttled),
    (GOOGLE, 403, api(403, "", "userRateLimitExceeded"), e.Throttled),
    (AMAZON, 404, XML.format("NoSuchKey", "").encode(), e.Gone),
    (AMAZON, 410, b"", e.Gone),
    ((Party.UPLOAD_SESSION, Party.STAGING), 404, b"", e.UploadLost),
    ((Party.UPLOAD_SESSION, Party.STAGING), 410, b"", e.UploadLost),
    ((Party.STAGING,), 404, XML.format("NoSuchUpload", "").encode(), e.UploadLost),
    ((Party.STAGING,), 400, XML.format("InvalidPart", "").encode(), e.UploadLost),
    (AMAZON, 400, XML.format("InvalidPart", "").encode(), e.Refused),
    ((Party.DESTINATION, Party.REPORTS), 410, api(410, "Backend Error", "backendError"), e.Transient),
    ((Party.S3,), 301, b"", e.WrongRegion),
    ((Party.S3,), 307, b"", e.WrongRegion),
    ((Party.EDGE,), 301, b"", e.Refused),
    (GOOGLE, 400, api(400, 'Provided MD5 hash "a==" doesn\'t match calculated MD5 hash "b==".', "invalid"), e.Corrupt),
    (GOOGLE, 400, XML.format("BadDigest", "").encode(), e.Corrupt),
    (AMAZON, 400, XML.format("BadDigest", "").encode(), e.Refused),
    ((Party.SQS,), 400, b'{"__type": "com.amazonaws.sqs#RequestThrottled"}', e.Throttled),
    ((Party.SQS,), 403, b'{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "slower"}', e.Throttled),
    ((Party.SQS,), 400, b'{"__type": "com.amazon.coral.service#ThrottlingException"}', e.Throttled),
    ((Party.SQS,), 400, b'{"__type": "com.amazonaws.sqs#KmsThrottled"}', e.Throttled),
    ((Party.S3,), 400, XML.format("RequestThrottled", "").encode(), e.Refused),
]  # fmt: skip


TOO_OFTEN = "The object b/k exceeded the rate limit for object mutation operations (create, update, and delete). Please"
TOO_MANY = "The project exceeded the rate limit for object mutation operations (create, update, and delete). Please"


@pytest.mark.parametrize("party", GOOGLE)
def test_a_name_that_is_written_too_often_is_no_throttling_of_all(party: Party) -> None:
    """As the JSON API says it (https://github.com/trinodb/trino/issues/19943), and the XML API."""
    xml = "<Error><Code>SlowDown</Code><Message>The object …</Message><Details>{}</Details></Error>"
    for said, error in ((TOO_OFTEN, e.Transient), (TOO_MANY, e.Throttled)):
        for body in (api(429, said, "rateLimitExceeded"), xml.format(said).encode()):
            found = judge(party, True, 429, body)
            assert type(found) is error
            assert found.reason.scope is (Scope.KEY if error is e.Transient else Scope.EVERYBODY)


@pytest.mark.parametrize(("parties", "status", "body", "error"), BY_PARTY)
def test_who_answers_decides_what_it_means(
    parties: tuple[Party, ...], status: int, body: bytes, error: type[e.ObjectError]
) -> None:
    for party in parties:
        for writes in (False, True):
            assert type(judge(party, writes, status, body)) is error


@pytest.mark.parametrize("party", ALL)
def test_a_lost_precondition_means_different_things(party: Party) -> None:
    assert type(judge(party, False, 412)) is e.Changed
    assert type(judge(party, True, 412)) is e.LostRace


@pytest.mark.parametrize("party", [Party.DESTINATION, Party.REPORTS])
def test_a_write_that_finds_nothing_finds_no_bucket(party: Party) -> None:
    assert type(judge(party, True, 404, api(404, "Not Found", "notFound"))) is e.NoSuchBucket
    assert type(judge(party, False, 404, api(404, "No such object: bucket/key", "notFound"))) is e.Gone


MESSAGES = [
    (Party.S3, 403, "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: \"x\"", e.KmsDenied),
    (Party.S3, 403, "arn:aws:sts::1:role/r is not authorized to perform: kms:Decrypt on resource", e.KmsDenied),
    (Party.DESTINATION, 403, "Permission denied on Cloud KMS key. Please ensure that your service account", e.KmsDenied),
    (Party.DESTINATION, 403, "Object 'b/k' is subject to bucket's retention policy and cannot be deleted until", e.Retained),
    (Party.DESTINATION, 403, "Object 'b/k' is subject to bucket's retention policy or object retention and cannot be", e.Retained),
    (Party.DESTINATION, 403, "Object 'b/k' is under active Event-Based hold and cannot be deleted", e.Retained),
    (Party.DESTINATION, 403, "Object 'b/k' is under active Temporary hold and cannot be deleted, overwritten", e.Retained),
    (Party.DESTINATION, 404, "The specified bucket does not exist.", e.NoSuchBucket),
    (Party.DESTINATION, 400, "Bucket is a requester pays bucket but no user project provided.", e.NoPayer),
    (Party.DESTINATION, 400, "Bucket is requester pays bucket but no user project provided.", e.NoPayer),
]  # fmt: skip


@pytest.mark.parametrize(("party", "status", "message", "error"), MESSAGES)
def test_some_answers_are_known_by_their_words_and_all_say_what_to_do(
    party: Party, status: int, message: str, error: type[e.ObjectError]
) -> None:
    xml = f"<Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>{message}</Details></Error>"
    for body in (api(status, message, "forbidden"), xml.encode()):
        found = judge(party, True, status, body)
        assert type(found) is error
        assert str(found).endswith(f"; {found.reason.advice}")


DENIED = (
    "u@x does not have storage.objects.create access to the Google Cloud Storage object. Permission denied on 'b/{}'"
)
ECHOES = [
    (403, DENIED, "household/on hold/1.jpg", e.Forbidden),
    (403, DENIED, "retention policy.pdf", e.Forbidden),
    (403, DENIED, "Permission denied on Cloud KMS key", e.Forbidden),
    (403, 'User: arn:u is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/{}"', "kms:x", e.Forbidden),
    (403, 'User: arn:u is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/{}"',
     "u is not authorized to perform: kms:Decrypt on", e.Forbidden),
    (404, "No such object: b/{}", "The specified bucket does not exist.", e.Gone),
    (400, "Invalid argument: b/{}", "Bucket is a requester pays bucket", e.Refused),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "key", "error"), ECHOES)
def test_a_key_that_is_repeated_is_not_taken_for_the_services_words(
    status: int, message: str, key: str, error: type[e.ObjectError]
) -> None:
    assert type(judge(Party.DESTINATION, False, status, api(status, message.format(key), "other"))) is error


def test_every_rule_decides_about_something() -> None:
    rows = [(party, writes, status, *code_and_message(body)) for party in Party for writes in (False, True) for status, body in [
        *((status, XML.format(code, "").encode()) for status, code, _, _ in BY_CODE),
        *((status, body) for _, status, body, _ in BY_PARTY),
        *((status, api(status, message, "forbidden")) for _, status, message, _ in MESSAGES),
        (429, api(429, TOO_OFTEN, "rateLimitExceeded")),
        (412, b""), (404, b""),
    ]]  # fmt: skip
    deciding = {next(number for number, rule in enumerate(RULES) if rule.fits(*row)) for row in rows}
    assert deciding == set(range(len(RULES)))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "", ""),
        (b"<html>teapot</html>", "", "<html>teapot</html>"),
        (b'{"error": "short"}', "", '{"error": "short"}'),
        (b'{"error": {"code": 403, "errors": [{"reason": "forbidden", "mess', "forbidden", None),
        (b"<Error><Code>A</Code><Message>it&apos;s</Message></Error>", "A", "it's"),
        (b'{"__type": "com.amazonaws.sqs#A", "message": "<it> & is"}', "A", "<it> & is"),
        (b'{"__type": "A"}', "A", ""),
    ],
)
def test_a_body_that_is_cut_short_or_something_else(body: bytes, code: str, message: str | None) -> None:
    found = code_and_message(body)
    assert found == (code, body.decode() if message is None else message)


def test_a_redirect_names_the_region() -> None:
    found = Classifier(Party.S3)("s3 HEAD k", 301, {"x-amz-bucket-region": "eu-west-1"})
    assert type(found) is e.WrongRegion
    assert "eu-west-1" in str(found)
    assert "AWS_REGION" in str(found)


def test_what_a_refusal_repeats_of_a_request_gives_no_secret_away() -> None:
    """S3 repeats the headers that were signed; an error page repeats a URL, of which the policy alone is longer than
    what an error shows.
    """
    signed = (
        b"<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>x-amz-security-token:CANARY</CanonicalRequest>"
    )
    assert "CANARY" not in str(Classifier(Party.S3)("s3 GET k", 403, {}, signed + b"</Error>"))
    policy = base64.b64encode(wildcard_policy("https://d.example/*", 1_800_000_000)).decode()
    for page in ("Access Denied: you have no permission for /k?Policy={}", "/k?Policy={}"):
        body = f"{page.format(policy)}&Signature={'CANARY' * 57}&Key-Pair-Id=K".encode()
        assert str(Classifier(Party.EDGE)("cloudfront GET k", 403, {}, body)).count("CANARY") < 10


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
EPOCH = 1792567680.0


@pytest.mark.parametrize(
    ("headers", "now", "seconds"),
    [
        ({"retry-after": "7"}, None, 7.0),
        ({"retry-after": ""}, EPOCH, None),
        ({}, EPOCH, None),
        ({"retry-after": "soon"}, EPOCH, None),
        ({"retry-after": "-3"}, EPOCH, None),
        ({"retry-after": DATE}, None, None),
        ({"retry-after": DATE}, EPOCH - 90, 90.0),
        ({"retry-after": DATE}, EPOCH + 90, 0.0),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:27:40 GMT"}, EPOCH - 90, 20.0),
        ({"retry-after": DATE, "date": "nonsense"}, EPOCH - 90, 90.0),
    ],
)
def test_retry_after(headers: dict[str, str], now: float | None, seconds: float | None) -> None:
    assert retry_after(headers, now) == seconds
    for status in (429, 503):
        assert Classifier(Party.S3)("k", status, headers, b"", now).retry_after == seconds
    assert Classifier(Party.S3)("k", 500, headers, b"", now).retry_after is None


def every(kind: type[e.ObjectError] = e.ObjectError) -> list[type[e.ObjectError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every(child))]


def test_every_error_has_a_reason_of_its_own_and_every_reason_an_error() -> None:
    assert sorted(kind.reason for kind in every()) == sorted(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_no_reason_lacks_anything(reason: Reason) -> None:
    assert reason.isidentifier()
    assert isinstance(reason.retryable, bool)
    assert reason.scope in Scope
    assert reason.status in (404, 409, 422, 502, 503)
    assert reason.outcome in ("failed", "archived", "unsupported")
    assert reason.meaning
    assert reason.advice
    assert advice_for(f"{reason}: something: else") == advice_for(reason) == reason.advice


@pytest.mark.parametrize("reason", Reason)
def test_advice_names_only_settings_that_exist(reason: Reason) -> None:
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", f"{reason.meaning} {reason.advice}"))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_a_caller_is_asked_to_come_back_only_for_what_may_pass() -> None:
    assert [reason for reason in Reason if reason.status == 503 and not reason.retryable] == []
    assert [reason for reason in Reason if reason.retryable and reason.status not in (409, 503)] == []


def test_a_word_of_another_version_has_no_advice() -> None:
    assert advice_for("unheard_of: x") == ""


def test_what_is_tried_again_at_once_is_retryable() -> None:
    assert all(kind.reason.retryable for kind in every(e.Transient))


@pytest.mark.parametrize("name", ["party", "status", "code", "asked", "retry_after", "retryable"])
def test_an_error_is_not_changed_on_its_way(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(e.Throttled("k", retry_after=1.0), name, None)


def test_the_words_on_disk_and_in_logs_stay() -> None:
    assert [*RunState] == ["going", "finished", "stopped", "cancelled", "stalled"]
    assert [*RunKind] == ["list", "keys", "verify", "events"]
