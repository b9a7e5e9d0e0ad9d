"""One row a line of the table in `shared/http/classification.py`."""

import json

import pytest

from shared.domain import errors as e
from shared.http.classification import reading, writing

CODE = b"<Error><Code>%s</Code></Error>"


@pytest.mark.parametrize(
    ("status", "code", "error", "fate"),
    [
        (403, b"InvalidObjectState", e.Archived, e.Fate.GIVE_UP),
        (403, b"RequestTimeTooSkewed", e.ClockSkew, e.Fate.RETRY),
        (403, b"AccessDenied", e.Forbidden, e.Fate.GIVE_UP),
        (403, b"RequestExpired", e.Transient, e.Fate.RETRY),
        (403, b"InvalidAccessKeyId", e.BadKeys, e.Fate.GIVE_UP),
        (403, b"SignatureDoesNotMatch", e.BadKeys, e.Fate.GIVE_UP),
        (403, b"MissingKey", e.BadKeys, e.Fate.GIVE_UP),
        (403, b"retentionPolicyNotMet", e.Retained, e.Fate.GIVE_UP),
        (401, b"", e.BadKeys, e.Fate.GIVE_UP),
        (404, b"NoSuchBucket", e.NoSuchBucket, e.Fate.GIVE_UP),
        (400, b"AuthorizationHeaderMalformed", e.WrongRegion, e.Fate.GIVE_UP),
        (400, b"ExpiredToken", e.Transient, e.Fate.RETRY),
        (400, b"UserProjectMissing", e.NoPayer, e.Fate.GIVE_UP),
        (400, b"KMS.DisabledException", e.KmsDenied, e.Fate.GIVE_UP),
        (404, b"NoSuchKey", e.Gone, e.Fate.GIVE_UP),
        (410, b"", e.Gone, e.Fate.GIVE_UP),
        (408, b"", e.Transient, e.Fate.RETRY),
        (429, b"", e.Throttled, e.Fate.RETRY),
        (503, b"SlowDown", e.Throttled, e.Fate.RETRY),
        (503, b"ServiceUnavailable", e.Transient, e.Fate.RETRY),
        (500, b"InternalError", e.Transient, e.Fate.RETRY),
        (400, b"InvalidArgument", e.Refused, e.Fate.GIVE_UP),
        (301, b"PermanentRedirect", e.WrongRegion, e.Fate.GIVE_UP),
    ],
)
def test_fates(status: int, code: bytes, error: type[e.ObjectError], fate: e.Fate) -> None:
    for judge in (reading, writing):
        found = judge("the key", status, {}, CODE % code)
        assert type(found) is error
        assert found.fate is fate
        assert "the key" in str(found)


MESSAGES = [
    (403, "arn:aws:sts::1:role/r is not authorized to perform: kms:Decrypt on resource", e.KmsDenied),
    (403, "Permission denied on Cloud KMS key. Please ensure that your service account", e.KmsDenied),
    (403, "Object 'b/k' is subject to bucket's retention policy and cannot be deleted until", e.Retained),
    (403, "Object 'b/k' is under active Event-Based hold and cannot be deleted", e.Retained),
    (404, "The specified bucket does not exist.", e.NoSuchBucket),
    (400, "Bucket is a requester pays bucket but no user project provided.", e.NoPayer),
]


@pytest.mark.parametrize(("status", "message", "error"), MESSAGES)
def test_some_answers_are_known_by_their_words_and_all_say_what_to_do(
    status: int, message: str, error: type[e.ObjectError]
) -> None:
    body = json.dumps({"error": {"code": status, "message": message, "errors": [{"reason": "forbidden"}]}}).encode()
    found = writing("the key", status, {}, body)
    assert type(found) is error
    assert "; " in str(found), "the advice"


def test_every_error_has_a_reason_of_its_own() -> None:
    def all_of(kind: type[e.ObjectError]) -> list[type[e.ObjectError]]:
        return [kind, *(below for child in kind.__subclasses__() for below in all_of(child))]

    reasons = [kind.reason for kind in all_of(e.ObjectError)]
    assert len(reasons) == len(set(reasons))


def test_a_lost_precondition_means_different_things() -> None:
    assert type(reading("k", 412, {})) is e.Changed
    assert type(writing("k", 412, {})) is e.LostRace


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after(header: str, seconds: float | None) -> None:
    found = reading("k", 429, {"retry-after": header})
    assert isinstance(found, e.Throttled)
    assert found.retry_after == seconds
