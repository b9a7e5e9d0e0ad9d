"""Nothing is green without proof: the verdict sentence over every combination of what a run can have counted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.comparison import Comparison
from shared.domain.counts import Outcome
from shared.domain.runs import RunKind, RunState
from shared.reporting.sentence import ADVICE, PROOFS, Ended, verdict, what_to_do

few = st.integers(0, 3)


def named(words: list[str]) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(words), few)


runs = st.builds(
    Ended,
    kind=st.sampled_from(RunKind),
    state=st.sampled_from(RunState),
    listed=few,
    pending=st.integers(-1, 2),
    outcomes=named([*Outcome]),
    verdicts=named([*Comparison]),
    proofs=named([*PROOFS, "etag"]),
)


@given(runs)
def test_green_means_that_every_listed_key_is_proven(run: Ended) -> None:
    tone, _ = verdict(run)
    if tone != "good":
        return
    assert run.state is RunState.FINISHED
    assert run.listed > 0
    assert run.pending <= 0
    assert not run.outcomes.get(Outcome.FAILED)
    if run.kind is RunKind.VERIFY:
        others = sum(count for name, count in run.verdicts.items() if name not in (Comparison.SAME, Comparison.EXTRA))
        assert (run.verdicts[Comparison.SAME], others, run.outcomes.get(Outcome.FILTERED, 0)) == (run.listed, 0, 0)
        assert sum(run.proofs.get(name, 0) for name in PROOFS) >= run.listed
    else:
        assert run.outcomes == {**run.outcomes, Outcome.COPIED: run.listed}
        assert sum(run.outcomes.values()) == run.listed


@st.composite
def balanced(draw: st.DrawFn) -> Ended:
    """A run whose counts agree with one another, as the walk and the ledger make them."""
    kind = draw(st.sampled_from(RunKind))
    if kind is not RunKind.VERIFY:
        outcomes = draw(named([*Outcome]))
        pending = draw(few)
        return Ended(kind, RunState.FINISHED, sum(outcomes.values()) + pending, pending, outcomes, {}, {})
    verdicts, filtered = draw(named([*Comparison])), draw(few)
    keys = sum(count for name, count in verdicts.items() if name != Comparison.EXTRA)
    same = verdicts.get(Comparison.SAME, 0)
    by_md5 = draw(st.integers(0, same))
    outcomes = {Outcome.FILTERED: filtered, Outcome.UNCHANGED: keys}
    return Ended(
        kind, RunState.FINISHED, keys + filtered, 0, outcomes, verdicts, {"md5": by_md5, "crc32c": same - by_md5}
    )


@given(balanced())
def test_every_listed_key_is_counted_under_one_name(run: Ended) -> None:
    assert run.proven + sum(run.apart().values()) == run.listed
    tone, sentence = verdict(run)
    if not run.listed:
        return
    for word, count in run.apart().items():
        assert f"{count:,} {word}" in sentence
    assert (tone == "good") is (run.proven == run.listed)


@given(balanced())
def test_what_is_the_same_is_said_by_what(run: Ended) -> None:
    _, sentence = verdict(run)
    for name, words in (("md5", "MD5"), ("crc32c", "the CRC32C")):
        if run.proofs.get(name) and run.listed:
            assert re.search(rf"\b{run.proofs[name]} by {words}", sentence)


@pytest.mark.parametrize("why", [*Comparison, *Outcome, "forbidden: policy"])
def test_whatever_is_not_proven_has_advice(why: str) -> None:
    assert what_to_do(why) or why in (Comparison.SAME, Outcome.COPIED)


def test_advice_is_of_words_that_exist() -> None:
    assert set(ADVICE) <= {*Comparison, *Outcome}
