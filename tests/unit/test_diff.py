"""One row a line of the table in `shared/listing/decision.py`."""

import pytest

from shared.domain.counts import Outcome
from shared.ledger.entry import Entry
from shared.ledger.window import Known, is_alive
from shared.listing.decision import Decision, decide

LISTED = ("etag", 5)
NOW, LIFE = 10_000.0, 3600.0
YES, NO = True, False

P, C, F, U = Decision.PUBLISH, Decision.QUEUED, Decision.IN_FLIGHT, Decision.UNCHANGED
OPEN, COPIED, PRESENT = None, Outcome.COPIED, Outcome.UNCHANGED
UNSUPPORTED, ARCHIVED, FAILED = Outcome.UNSUPPORTED, Outcome.ARCHIVED, Outcome.FAILED


@pytest.mark.parametrize(
    ("outcome", "run", "etag", "size", "alive", "plain", "redriven", "forced"),
    [
        # remembered     run      etag     size  alive   plain                 redrive  force
        ("nothing",      "",      "",      0,    YES,    P,                    P,       P),
        (OPEN,           "mine",  "etag",  5,    YES,    C,                    C,       C),
        (COPIED,         "mine",  "other", 9,    YES,    C,                    C,       C),
        (OPEN,           "other", "etag",  5,    YES,    F,                    F,       F),
        (OPEN,           "other", "etag",  5,    NO,     P,                    P,       P),
        (OPEN,           "other", "other", 5,    YES,    P,                    P,       P),
        (COPIED,         "other", "etag",  5,    YES,    U,                    U,       P),
        (PRESENT,        "other", "etag",  5,    YES,    U,                    U,       P),
        (COPIED,         "other", "other", 5,    YES,    P,                    P,       P),
        (COPIED,         "other", "etag",  6,    YES,    P,                    P,       P),
        (UNSUPPORTED,    "other", "etag",  5,    YES,    Decision.UNSUPPORTED, P,       P),
        (ARCHIVED,       "other", "etag",  5,    YES,    Decision.ARCHIVED,    P,       P),
        (FAILED,         "other", "etag",  5,    YES,    Decision.FAILED,      P,       P),
        (FAILED,         "other", "other", 5,    YES,    P,                    P,       P),
    ],
)  # fmt: skip
def test_decisions(
    outcome: Outcome | str | None,
    run: str,
    etag: str,
    size: int,
    alive: bool,
    plain: Decision,
    redriven: Decision,
    forced: Decision,
) -> None:
    remembered = None
    if outcome != "nothing":
        entry = Entry(b"k", etag, size, 0, outcome)  # type: ignore[arg-type]
        remembered = Known(entry, run, "b", NOW)
    for force, redrive, expected in ((False, False, plain), (False, True, redriven), (True, False, forced)):
        found = decide(LISTED, remembered, run="mine", alive=alive, force=force, redrive=redrive)
        assert found is expected


@pytest.mark.parametrize(
    ("remembered", "archived", "expected"),
    [
        (None,        True,  Decision.ARCHIVED),
        (None,        False, P),
        (None,        None,  P),
        (ARCHIVED,    True,  Decision.ARCHIVED),
        (ARCHIVED,    None,  Decision.ARCHIVED),
        (ARCHIVED,    False, P),
        (FAILED,      False, Decision.FAILED),
        (FAILED,      True,  Decision.FAILED),
        (COPIED,      True,  U),
    ],
)  # fmt: skip
def test_what_must_be_restored_first(remembered: Outcome | None, archived: bool | None, expected: Decision) -> None:
    known = Known(Entry(b"k", "etag", 5, 0, remembered), "other", "b", NOW) if remembered else None
    decision = decide(LISTED, known, run="mine", alive=False, force=False, redrive=False, archived=archived)
    assert decision is expected


@pytest.mark.parametrize(
    ("run", "age", "alive"),
    [
        ("ended", 3599, True),
        ("ended", 3600, False),
        ("ended", -60, True),
        ("ended", -3600, False),
        ("going", 10**6, True),
    ],
)
def test_what_may_still_be_on_its_way(run: str, age: float, alive: bool) -> None:
    remembered = Known(Entry(b"k", "e", 1, 0), run, "b", NOW - age)
    assert is_alive(remembered, {"going"}, NOW, LIFE) is alive
    assert not is_alive(None, {"going"}, NOW, LIFE)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("unreachable: no host", Decision.PUBLISH),
        ("throttled: slow down", Decision.PUBLISH),
        ("transient: HTTP 500", Decision.PUBLISH),
        ("changed: written to faster than it can be read", Decision.PUBLISH),
        ("stale_edge: an old version", Decision.PUBLISH),
        ("corrupt: other bytes", Decision.PUBLISH),
        ("upload_lost: vanished", Decision.PUBLISH),
        ("bad_credentials: refused", Decision.PUBLISH),
        ("no_such_bucket: there is none", Decision.PUBLISH),
        ("gone: no such key", Decision.PUBLISH),
        ("forbidden: denied", Decision.FAILED),
        ("refused: transient, it says", Decision.FAILED),
        ("kms_denied: not for you", Decision.FAILED),
        ("of a later version: unknown", Decision.FAILED),
        ("", Decision.FAILED),
    ],
)
def test_what_failed_for_a_reason_that_passes_is_tried_by_the_next_run_again(reason: str, expected: Decision) -> None:
    entry = Entry(b"k", LISTED[0], LISTED[1], 0, Outcome.FAILED, reason=reason)
    assert (
        decide(LISTED, Known(entry, "other", "b", NOW), run="mine", alive=True, force=False, redrive=False) is expected
    )
