"""How large objects are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.parts import LEAST_PART_BYTES, MIB, MOST_OBJECT_BYTES, MOST_PARTS, PartPlan

sizes = st.integers(0, MOST_OBJECT_BYTES)


@given(sizes, st.integers(1, 1024 * MIB), st.none() | st.integers(1, 6 * 1024 * MIB))
def test_every_byte_is_in_one_part_and_no_limit_is_broken(size: int, wanted: int, unit: int | None) -> None:
    plan = PartPlan.cut(size, wanted, unit)
    assert 1 <= plan.count <= MOST_PARTS
    assert plan.part_bytes >= LEAST_PART_BYTES
    assert plan.span(1)[0] == 0
    assert plan.span(plan.count)[1] == size
    middle = max(1, plan.count // 2)
    if middle < plan.count:
        assert plan.span(middle)[1] == plan.span(middle + 1)[0]
        assert plan.span(middle)[1] - plan.span(middle)[0] == plan.part_bytes


def test_the_largest_object() -> None:
    plan = PartPlan.cut(MOST_OBJECT_BYTES, 256 * MIB)
    assert (plan.part_bytes, plan.count) == (525 * MIB, 9987)


def test_whole_parts_of_the_source_where_that_is_possible() -> None:
    assert PartPlan.cut(10_000 * MIB, 256 * MIB, 17 * MIB).part_bytes == 272 * MIB
    assert PartPlan.cut(10_000 * MIB, 256 * MIB, 1000 * MIB).part_bytes == 1000 * MIB
    assert PartPlan.cut(100 * MIB, 5 * MIB, 8_388_609).part_bytes == 8_388_609


@pytest.mark.parametrize("number", [0, -1, 3])
def test_there_is_no_other_part(number: int) -> None:
    with pytest.raises(ValueError, match="of 2"):
        PartPlan(10, 5).span(number)
