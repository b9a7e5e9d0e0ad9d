"""One row a line of the table in `shared/core/diff.py`."""

import pytest

from shared.core.diff import Decision, decide
from shared.core.ledger import Entry, Remembered
from shared.core.outcomes import Outcome

LISTED = ("etag", 5)
NOW, LIFE = 10_000.0, 3600.0

P, C, F, U = Decision.PUBLISH, Decision.COVERED, Decision.IN_FLIGHT, Decision.UNCHANGED
OPEN, COPIED, PRESENT = None, Outcome.COPIED, Outcome.UNCHANGED
UNSUPPORTED, ARCHIVED, FAILED = Outcome.UNSUPPORTED, Outcome.ARCHIVED, Outcome.FAILED


@pytest.mark.parametrize(
    ("outcome", "run", "etag", "size", "age", "plain", "redriven", "forced"),
    [
        # remembered     run      etag     size  age     plain                 redrive  force
        ("nothing",      "",      "",      0,    0,      P,                    P,       P),
        (OPEN,           "mine",  "etag",  5,    0,      C,                    C,       C),
        (COPIED,         "mine",  "other", 9,    0,      C,                    C,       C),
        (OPEN,           "other", "etag",  5,    3599,   F,                    F,       F),
        (OPEN,           "other", "etag",  5,    3600,   P,                    P,       P),
        (OPEN,           "other", "etag",  5,    -60,    F,                    F,       F),
        (OPEN,           "other", "etag",  5,    -3600,  P,                    P,       P),
        (OPEN,           "other", "other", 5,    0,      P,                    P,       P),
        (COPIED,         "other", "etag",  5,    0,      U,                    U,       P),
        (PRESENT,        "other", "etag",  5,    0,      U,                    U,       P),
        (COPIED,         "other", "other", 5,    0,      P,                    P,       P),
        (COPIED,         "other", "etag",  6,    0,      P,                    P,       P),
        (UNSUPPORTED,    "other", "etag",  5,    0,      Decision.UNSUPPORTED, P,       P),
        (ARCHIVED,       "other", "etag",  5,    0,      Decision.ARCHIVED,    P,       P),
        (FAILED,         "other", "etag",  5,    0,      Decision.FAILED,      P,       P),
        (FAILED,         "other", "other", 5,    0,      P,                    P,       P),
    ],
)  # fmt: skip
def test_decisions(
    outcome: Outcome | str | None,
    run: str,
    etag: str,
    size: int,
    age: float,
    plain: Decision,
    redriven: Decision,
    forced: Decision,
) -> None:
    remembered = None
    if outcome != "nothing":
        entry = Entry(b"k", etag, size, 0, outcome)  # type: ignore[arg-type]
        remembered = Remembered(entry, run, "b", NOW - age)
    for force, redrive, expected in ((False, False, plain), (False, True, redriven), (True, False, forced)):
        found = decide(LISTED, remembered, run="mine", now=NOW, life_seconds=LIFE, force=force, redrive=redrive)
        assert found is expected
