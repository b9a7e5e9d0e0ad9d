"""The walk through a range, by itself: whatever comes in and however it ends, its answers speak of the same keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.counts import RangeCounts
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ranges.walk import MOST_PLANS, Row, Walk


@dataclass(frozen=True)
class Both:
    """A plan for keys, some of which are wanted, and for names that are only at the destination."""

    page: Page
    end: bytes
    wanted: Sequence[int]
    only_there: Sequence[bytes]

    @property
    def queued_sizes(self) -> Mapping[bytes, int]:
        return {}

    def object(self, index: int) -> SourceObject:
        return self.page[index]

    def count(self, count: int, counts: RangeCounts) -> None:
        counts.listed.add("listed", 0, count)
        counts.verdicts.add("extra", 0, len(self._passed(count)))

    def rows(self, count: int) -> Sequence[Row]:
        return [{"key": key} for key in [*self.page.keys[:count], *self._passed(count)]]

    def _passed(self, count: int) -> list[bytes]:
        whole = count == len(self.page)
        return [key for key in self.only_there if whole or (count and key <= self.page.keys[count - 1])]


def walk(until: bytes | None = None, most_keys: int = 3, start: bytes = b"") -> Walk:
    return Walk(start, until, RangeCounts(), most_keys, 10**9)


def plan(*keys: bytes, wanted: Sequence[int] = (), only_there: Sequence[bytes] = (), end: bytes | None = None) -> Both:
    page = Page.of([SourceObject(key, "e", 1, 0) for key in keys])
    return Both(page, end or max([*keys, *only_there]), wanted, only_there)


NAMES = st.lists(st.text("abc", min_size=1, max_size=4).map(str.encode), unique=True, min_size=1, max_size=30)


@settings(deadline=None, max_examples=300)
@given(
    st.data(),
    NAMES.map(sorted),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_however_it_stops_the_rest_is_what_was_not_counted(
    data: st.DataObject, names: list[bytes], most_keys: int, names_a_plan: int
) -> None:
    """Keys and copies of no object come mixed; ceiling, pause, throttle and refusal stop the walk anywhere."""
    at_source = {name: data.draw(st.sampled_from(["wanted", "same", "only there"])) for name in names}
    held, published = walk(most_keys=most_keys), set[bytes]()
    allowed = data.draw(st.integers(0, len(names)))
    stopped = False
    for start in range(0, len(names), names_a_plan):
        some = names[start : start + names_a_plan]
        keys = [name for name in some if at_source[name] != "only there"]
        wanted = [index for index, key in enumerate(keys) if at_source[key] == "wanted"]
        only_there = [name for name in some if at_source[name] == "only there"]
        held.add(plan(*keys, wanted=wanted, only_there=only_there, end=some[-1]))
        for batch in held.batches():
            if len(published) + len(batch) > allowed:
                stopped = True
                break
            published |= {item.key for item in batch}
            held.published(len(batch))
        held.published(0)
        if stopped or data.draw(st.booleans()):
            break
    held.stop()
    counted = {bytes(row["key"]) for item, count in held.take_counted() for row in item.rows(count)}  # type: ignore[call-overload]
    rest = held.rest
    assert rest is not None
    assert counted == {name for name in names if name <= rest}
    assert held.counts.listed.total_keys + held.counts.verdicts.total_keys == len(counted)
    assert published == {name for name in counted if at_source[name] == "wanted"}


def test_a_plan_waits_until_its_last_object_is_published_and_those_behind_it_wait_too() -> None:
    held = walk()
    held.add(plan(b"a", b"b", wanted=[1]))
    held.add(plan(only_there=[b"c"]))
    assert (held.batches(), held.position, held.counts.verdicts.total_keys) == ([], None, 0)
    (batch,) = held.batches(everything=True)
    held.published(len(batch))
    assert (held.position, held.counts.verdicts.total_keys) == (b"c", 1)


def test_a_thin_batch_goes_once_many_plans_wait() -> None:
    held = walk()
    for number in range(MOST_PLANS):
        assert not held.batches()
        held.add(plan(b"%03d" % number, wanted=[0] if not number else []))
    assert [len(batch) for batch in held.batches()] == [1]


def where(held: Walk) -> tuple[bytes | None, bool]:
    return held.rest, held.at_end


def test_nothing_is_left_of_a_range_that_was_read_to_its_end() -> None:
    held = walk(until=b"m")
    assert where(held) == (b"", False)
    held.add(plan(b"a"))
    held.published(0)
    assert where(held) == (b"a", False)
    held.add(plan(b"b", end=b"m"))
    held.published(0)
    assert where(held) == (None, True)


def test_a_listing_that_ended_leaves_nothing_though_its_range_has_no_end() -> None:
    held = walk()
    held.add(plan(b"a"))
    held.published(0)
    assert held.rest == b"a"
    held.complete()
    held.stop()
    assert held.rest is None


@pytest.mark.parametrize(
    "points", [[], [b"c"], [b"d"], [b"m"], [b"z"], [b"g", b"m"], [b"h", b"g"], [b"g", b"g"], [b""]]
)
def test_a_range_is_never_split_at_its_ends_or_outside_or_before_what_was_read(points: list[bytes]) -> None:
    held = walk(until=b"m", start=b"c")
    held.add(plan(b"e"))
    with pytest.raises(ValueError, match="split"):
        held.split(points)
    assert held.until == b"m"
    held.split([b"e", b"g"])
    assert held.until == b"e"
    assert held.at_end


def test_plans_come_in_order_and_within_the_range() -> None:
    held = walk(until=b"m", start=b"c")
    for wrong in (plan(b"c"), plan(b"n")):
        with pytest.raises(ValueError, match="does not lie between"):
            held.add(wrong)


@pytest.mark.parametrize("message", [ListMessage(run="list-1", until=b"a/z"), VerifyMessage(run="verify-1")])
def test_a_message_that_nobody_could_read_is_never_built(message: ListMessage | VerifyMessage) -> None:
    message = message.named(message.run or "", b"a/")
    further = {"run": message.run, "prefix": "a/", "cursor": "a/b", "until": "a/c", "depth": 2}
    assert message.behind(b"a/b", b"a/c", 2) == type(message).model_validate_json(json.dumps(further))
    for cursor, until in ((b"a/c", b"a/c"), (b"a/c", b"a/b"), (b"b", None)):
        with pytest.raises(ValueError, match="cursor"):
            message.behind(cursor, until)
