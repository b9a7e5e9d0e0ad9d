"""How large objects are cut."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.parts import LEAST_PART_BYTES, MIB, MOST_OBJECT_BYTES, MOST_PART_BYTES, MOST_PARTS, PartPlan
from shared.ports.upload_store import OpenUpload

sizes = st.integers(0, MOST_OBJECT_BYTES)


@given(sizes, st.integers(1, MOST_PART_BYTES), st.none() | st.integers(1, MOST_PART_BYTES))
def test_every_byte_is_in_one_part_and_no_limit_is_broken(size: int, wanted: int, unit: int | None) -> None:
    plan = PartPlan.cut(size, wanted, unit)
    assert 1 <= plan.count <= MOST_PARTS
    assert LEAST_PART_BYTES <= plan.part_bytes <= MOST_PART_BYTES
    assert plan.span(1)[0] == 0
    assert plan.span(plan.count)[1] == size
    middle = max(1, plan.count // 2)
    if middle < plan.count:
        assert plan.span(middle)[1] == plan.span(middle + 1)[0]
        assert plan.span(middle)[1] - plan.span(middle)[0] == plan.part_bytes


@given(st.lists(st.integers(LEAST_PART_BYTES, MOST_PART_BYTES), min_size=1, max_size=50), st.integers(1, 1024 * MIB))
def test_parts_of_any_sizes_are_copied_whole(source_parts: list[int], wanted: int) -> None:
    plan = PartPlan.along(source_parts, wanted)
    assert plan.size == sum(source_parts)
    ends = list(accumulate(source_parts))
    spans = [plan.span(number) for number in plan]
    assert spans[0][0] == 0
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert spans[-1][1] == plan.size
    assert {end for _, end in spans} <= set(ends)
    assert all(LEAST_PART_BYTES <= end - start <= MOST_PART_BYTES for start, end in spans)
    assert all(third - first > wanted for (first, _), (_, third) in pairwise(spans[:-1]))
    opened = OpenUpload("k", "u", wanted, 0, 0.0, source_parts=tuple(source_parts))
    assert opened.plan(plan.size) == plan
    found = [opened.source_parts_of(*span) for span in spans]
    assert [size for sizes in found if not isinstance(sizes, int) for size in sizes] == source_parts


def test_many_parts_of_any_sizes_are_not_too_many() -> None:
    """Ten thousand of the largest object: the first ones small, the last ones as large as they may be."""
    source_parts = [LEAST_PART_BYTES] * 8_970 + [MOST_PART_BYTES] * 1_010
    assert sum(source_parts) <= MOST_OBJECT_BYTES
    plan = PartPlan.along(source_parts, LEAST_PART_BYTES)
    assert plan.count <= MOST_PARTS
    assert max(end - start for start, end in map(plan.span, plan)) == MOST_PART_BYTES


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
