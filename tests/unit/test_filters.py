"""A row a line of the table in `shared/domain/filters.py`, and the globs."""

import re

import pytest

from shared.domain.counts import Outcome
from shared.domain.filters import Filter, Filters, translated
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.objects import SourceObject
from shared.domain.page import Page, rfc3339
from tests.world import World, counts

DAY = 86_400
ITEM = SourceObject(b"logs/2024/a.gz", "e", 100, 10 * DAY, "STANDARD_IA")


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (Filters(), None),
        (Filters(include=("logs/**",)), None),
        (Filters(include=("images/**", "*.gz")), Filter.INCLUDE),
        (Filters(include=("logs/**",), exclude=("**/*.gz",)), Filter.EXCLUDE),
        (Filters(exclude=("*.gz",)), None),
        (Filters(least_bytes=100, most_bytes=100), None),
        (Filters(least_bytes=101), Filter.SIZE),
        (Filters(most_bytes=99), Filter.SIZE),
        (Filters(most_bytes=0), Filter.SIZE),
        (Filters(after=rfc3339(10 * DAY), before=rfc3339(10 * DAY + 1)), None),
        (Filters(after=rfc3339(10 * DAY + 1)), Filter.MODIFIED),
        (Filters(before=rfc3339(10 * DAY)), Filter.MODIFIED),
        (Filters(storage_classes=frozenset({"STANDARD_IA"})), None),
        (Filters(storage_classes=frozenset({"STANDARD"})), Filter.STORAGE_CLASS),
        (Filters(exclude=("**",), most_bytes=1, storage_classes=frozenset({"GLACIER"})), Filter.EXCLUDE),
    ],
)
def test_what_is_left_out(filters: Filters, reason: Filter | None) -> None:
    assert filters.sift(Page.of([ITEM])) == ({0: reason} if reason else {})


@pytest.mark.parametrize(
    ("glob", "taken", "refused"),
    [
        ("a/*.jpg", ["a/.jpg", "a/x y.jpg"], ["a/b/c.jpg", "b/a/x.jpg", "a/x.jpeg"]),
        ("**", ["", "a", "a/b\n/c"], []),
        ("**/x", ["/x", "a/b/x"], ["x"]),
        ("a?c", ["abc", "a\U0001f680c"], ["a/c", "ac"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[!a-c]x", ["dx"], ["ax"]),
        ("[]^]", ["]", "^"], ["a"]),
        ("a.b+(c)", ["a.b+(c)"], ["aXb+(c)", "a.bb(c)"]),
        ("a[b", ["a[b"], ["ab"]),
        (r"a\d", [r"a\d"], ["a1"]),
    ],
)
def test_globs(glob: str, taken: list[str], refused: list[str]) -> None:
    pattern = re.compile(translated(glob), re.DOTALL)
    assert [key for key in taken + refused if pattern.fullmatch(key)] == taken


async def test_lister_and_verifier_leave_out_the_same_and_count_why() -> None:
    world = World(filters=Filters(exclude=("tmp/**",), most_bytes=5))
    for key, size in (("a", 1), ("tmp/b", 1), ("tmp/c", 9), ("d", 6), ("e", 5)):
        world.bucket.put(key, b"x" * size)
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2, Outcome.FILTERED: 3}
    assert (await world.stores.runs.summary(run)).filters.keys == {Filter.EXCLUDE: 2, Filter.SIZE: 1}
    assert set(world.destination.objects) == {b"a", b"e"}
    run = await world.run(VerifyMessage())
    assert await counts(world, run) == {Outcome.UNCHANGED: 2, Outcome.FILTERED: 3}
    assert (await world.stores.runs.summary(run)).filters.keys == {Filter.EXCLUDE: 2, Filter.SIZE: 1}
    run = await world.run(ListMessage(keys=(b"tmp/b",)))
    assert await counts(world, run) == {Outcome.COPIED: 1}, "who names a key means it"
