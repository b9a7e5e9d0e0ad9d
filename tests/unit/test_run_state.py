"""What becomes of a run, in words for people."""

import pytest

from shared.domain.runs import RunState


@pytest.mark.parametrize("state", RunState)
def test_a_sentence_has_the_word_that_reports_have(state: RunState) -> None:
    told = state.told
    assert told.rpartition(" ")[2] == state.name.lower().rpartition("_")[2]
