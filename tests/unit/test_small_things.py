"""Backoff, budget, tallies, ETags: one assertion says it all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.backoff import CEILING_SECONDS, delay_seconds
from shared.domain.budget import Budget
from shared.domain.counts import Counts, Outcome
from shared.domain.objects import etag_md5


@given(st.integers(1, 1000), st.floats(0, 0.999), st.none() | st.floats(0, 1e6))
def test_a_delay_has_a_ceiling_and_honours_what_was_asked(attempt: int, draw: float, asked: float | None) -> None:
    delay = delay_seconds(attempt, draw, asked)
    assert 0 <= delay <= CEILING_SECONDS
    assert delay >= min(asked or 0, CEILING_SECONDS)


def test_delays_grow() -> None:
    assert [delay_seconds(n, 1.0) for n in (1, 2, 3, 9)] == [0.5, 1.0, 2.0, 30.0]


def test_a_budget_ends() -> None:
    budget = Budget(started=100.0, seconds=540)
    assert not budget.spent(639.9)
    assert budget.spent(640.0)


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 100))))
def test_a_tally_adds_up(events: list[tuple[Outcome, int]]) -> None:
    one, two = Counts(), Counts()
    for number, (outcome, size) in enumerate(events):
        (one if number % 2 else two).add(outcome, size)
    one.merge(two)
    assert one.total_keys == len(events)
    assert one.total_bytes == sum(size for _, size in events)


@pytest.mark.parametrize(
    ("etag", "encryption", "md5"),
    [
        ("a" * 32, None, "a" * 32),
        ("a" * 32, "AES256", "a" * 32),
        ("a" * 32, "aws:kms", None),
        ("a" * 32, "aws:kms:dsse", None),
        ("a" * 32 + "-3", None, None),
        ("", None, None),
    ],
)
def test_an_etag_is_an_md5_only_sometimes(etag: str, encryption: str | None, md5: str | None) -> None:
    assert etag_md5(etag, encryption) == md5
