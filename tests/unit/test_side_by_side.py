"""Which tests go to one worker together: what shares something must, and what stands alone need not wait."""

import pytest

from local.children import ROOT
from tests.conftest import ALONE, group


@pytest.mark.parametrize("named", ALONE)
def test_what_stands_alone_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    assert f"def {test or 'test_'}" in (ROOT / file).read_text()
    assert "module" not in (ROOT / file).read_text() or test, "a stack of the file's would be started twice"
    assert group(f"{file}::{test or 'test_'}x") != group(f"{file}::{test or 'test_'}y")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/unit/test_keys.py::test_a", "tests/unit/test_keys.py::test_b[1]"),
        ("tests/e2e/test_laws.py::test_a", "tests/e2e/test_laws.py::test_b[edge-reset]"),
        ("tests/contract/test_state.py::test_a[googles]", "tests/contract/test_queue.py::test_b[googles-x]"),
        ("tests/schedules/test_schedules.py::test_a[lister]", "tests/schedules/test_schedules.py::test_b[lister-law]"),
        ("tests/functions/test_push.py::test_a[lister]", "tests/functions/test_push.py::test_b[verifier]"),
    ],
)
def test_what_shares_something_stays_together(one: str, other: str) -> None:
    assert group(one) == group(other)


def test_the_histories_of_two_functions_are_told_side_by_side() -> None:
    file = "tests/schedules/test_schedules.py::test_a"
    assert len({group(f"{file}[lister]"), group(f"{file}[verifier-law]"), group(file)}) == 3
