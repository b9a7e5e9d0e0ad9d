"""A short run of every target; `make fuzz` has the long one. A target that could find nothing is none."""

from collections.abc import Callable

import pytest

from shared.aws import listing
from shared.domain import problems
from shared.gcp.firestore import control
from shared.http import classification
from tests.fuzz.__main__ import TARGETS, one

INPUTS = 4000
"""Over all targets: a few seconds."""


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_input_is_answered(name: str) -> None:
    share = TARGETS[name][1] / sum(share for _, share in TARGETS.values())
    finds = [found for number in range(max(20, round(INPUTS * share))) if (found := one(name, number)) is not None]
    assert finds == []


@pytest.mark.parametrize(
    ("name", "place", "attribute", "defect"),
    [
        ("message", problems, "MOST_PROBLEMS", 10**9),
        ("listing", listing, "_sensible", lambda page: page),
        ("control", control, "_number", lambda fields, name: fields.get(name)),
        ("refusal", classification, "MOST_WAIT_SECONDS", float("inf")),
    ],
)
def test_a_reader_that_believes_everything_is_found(
    name: str, place: object, attribute: str, defect: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, attribute, defect)
    assert any(one(name, number) is not None for number in range(4000))
