"""One row a line of the table in `shared/core/verdicts.py`."""

import pytest

from shared.core import errors as e
from shared.core.verdicts import reading, writing

CODE = b"<Error><Code>%s</Code></Error>"


@pytest.mark.parametrize(
    ("status", "code", "error", "fate"),
    [
        (403, b"InvalidObjectState", e.Archived, e.Fate.GIVE_UP),
        (403, b"RequestTimeTooSkewed", e.Transient, e.Fate.RETRY),
        (403, b"AccessDenied", e.Forbidden, e.Fate.GIVE_UP),
        (401, b"", e.Forbidden, e.Fate.GIVE_UP),
        (404, b"NoSuchKey", e.Gone, e.Fate.GIVE_UP),
        (410, b"", e.Gone, e.Fate.GIVE_UP),
        (408, b"", e.Transient, e.Fate.RETRY),
        (429, b"", e.Throttled, e.Fate.RETRY),
        (503, b"SlowDown", e.Throttled, e.Fate.RETRY),
        (503, b"ServiceUnavailable", e.Transient, e.Fate.RETRY),
        (500, b"InternalError", e.Transient, e.Fate.RETRY),
        (400, b"InvalidArgument", e.Refused, e.Fate.GIVE_UP),
        (301, b"PermanentRedirect", e.Refused, e.Fate.GIVE_UP),
    ],
)
def test_fates(status: int, code: bytes, error: type[e.ObjectError], fate: e.Fate) -> None:
    for judge in (reading, writing):
        found = judge("the key", status, {}, CODE % code)
        assert type(found) is error
        assert found.fate is fate
        assert "the key" in str(found)


def test_a_lost_precondition_means_different_things() -> None:
    assert type(reading("k", 412, {})) is e.Changed
    assert type(writing("k", 412, {})) is e.LostRace


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_retry_after(header: str, seconds: float | None) -> None:
    found = reading("k", 429, {"retry-after": header})
    assert isinstance(found, e.Throttled)
    assert found.retry_after == seconds
