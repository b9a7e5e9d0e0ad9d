"""What a page says of copied objects in one place is what it says in another: routes, bill, outcomes, sizes, notes."""

import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.progress import Progress
from shared.domain.routes import CLOUDFRONT, DIRECT
from shared.domain.runs import RunKind
from shared.reporting.model import Report
from shared.reporting.page import page
from shared.reporting.sizes import sizes
from shared.reporting.table import Cell, Row
from shared.reporting.units import in_units
from shared.reporting.ways import OVER_REPORTED, UNREPORTED, unreported, ways
from tests.browser import sample

MIB = 2**20
amounts = st.tuples(st.integers(0, 10**9), st.integers(0, 10**15))


def report(told: dict[str, tuple[int, int]], copied: tuple[int, int], kind: RunKind = RunKind.LIST) -> Report:
    outcomes = [("copied", *copied), ("unchanged", 5, 7)]
    listed = copied[0] + 5, copied[1] + 7
    return replace(
        sample.copying(), kind=kind, outcomes=outcomes, listed=listed, progress=Progress(ways=told), failed=[]
    )


def numbers(row: Row) -> tuple[float, float]:
    _, keys, size = row
    assert isinstance(keys, Cell)
    assert isinstance(size, Cell)
    assert keys.value is not None
    assert size.value is not None
    return keys.value, size.value


@given(st.dictionaries(st.sampled_from([CLOUDFRONT, DIRECT, "cloudfront+direct"]), amounts), amounts)
def test_routes_and_what_is_not_reported_add_up_to_what_was_copied(
    told: dict[str, tuple[int, int]], copied: tuple[int, int]
) -> None:
    found = ways(report(told, copied))
    if not found.rows:
        assert not any(map(any, told.values()))
        return
    (foot,) = found.feet
    assert numbers(foot) == copied
    assert tuple(map(sum, zip(*map(numbers, found.rows), strict=True))) == copied
    names = [row[0] for row in found.rows]
    assert (UNREPORTED in names or OVER_REPORTED in names) is (unreported(report(told, copied)) != (0, 0))


@given(
    st.dictionaries(
        st.sampled_from([CLOUDFRONT, DIRECT, "x"]), st.tuples(st.integers(1, 10**9), st.integers(1, 10**15))
    ),
    amounts,
    st.sampled_from(RunKind),
)
def test_the_bill_is_of_all_that_was_copied(
    told: dict[str, tuple[int, int]], copied: tuple[int, int], kind: RunKind
) -> None:
    use = report(told, copied, kind).use()
    assert tuple(map(sum, zip(*use.ways.values(), strict=True))) == copied
    assert all(keys >= 0 and size >= 0 for keys, size in use.ways.values())


def test_the_object_that_ended_after_the_last_heartbeat_is_in_every_sum() -> None:
    """As the first run of a small bucket: the large object's last part came when everything had been told."""
    told = sample.progress(4)
    told.ways = {CLOUDFRONT: (2996, 145 * MIB)}
    told.sizes = {14: (2996, 145 * MIB)}
    run = replace(report({}, (2997, 336 * MIB)), progress=told)
    text = unescape(re.sub(r"<[^>]+>", " ", page(run)))
    (table,) = re.findall(r"By the way they took(.*?)Instances report", text, re.DOTALL)
    lines = [line.split() for line in table.splitlines() if line.strip()]
    assert lines[1:] == [
        ["cloudfront", "2,996", "145", "MiB"],
        ["not", "reported", "1", "191", "MiB"],
        ["copied", "2,997", "336", "MiB"],
    ]
    chart = sizes(run)
    assert chart is not None
    assert chart.title == "Sizes of 2,996 of 2,997 copied objects"


@pytest.mark.parametrize("kind", RunKind)
def test_the_note_below_the_charts_and_the_table_of_outcomes_are_of_the_same_objects(kind: RunKind) -> None:
    told = sample.progress(12)
    objects = sum(item.objects for item in told.intervals.values())
    size = sum(item.bytes for item in told.intervals.values())
    run = replace(report({}, (objects + 7, size + 3 * MIB), kind), progress=told)
    text = unescape(page(run))
    assert f"heartbeats: {objects:,} objects copied, {in_units(size)}; 7 more, 3.0 MiB, came after" in text
    exact = unescape(page(replace(report({}, (objects, size), kind), progress=told)))
    assert f"{objects:,} objects copied, {in_units(size)}; " in exact
    assert "came after" not in exact
