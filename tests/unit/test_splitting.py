"""The key space is cut anywhere, and still every key lies in exactly one piece."""

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.counts import Outcome
from shared.domain.keys import Key
from shared.domain.messages import ListMessage
from shared.domain.splitting import beyond, edges, inside, key_ranges, spread
from shared.ranges.split_range import MOST_PARTS, pages_before_split
from tests.fakes import FakeBucket
from tests.world import Steps, World, counts

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
keys_like = st.one_of(
    texts.filter(bool),
    st.integers(0, 999).map("flat/{:04d}".format),
    st.integers(0, 99).map("p".__mul__),
    st.tuples(st.sampled_from(["a/", "b/c/", "\U0010ffff", "é", "a"]), texts).map("".join),
    texts.map(("long/" + "x" * 300).__add__),
)


@given(texts, texts)
def test_what_lies_beyond_a_stem_is_the_least_text_that_does_not_begin_with_it(stem: str, other: str) -> None:
    fence = beyond(stem)
    if fence is None:
        assert other.startswith(stem) or other < stem
    else:
        assert fence > stem + other
        assert other < fence or not other.startswith(stem)
        assert other >= fence or other < stem or other.startswith(stem)


keys_drawn = texts.map(str.encode)


@given(st.sets(keys_drawn, min_size=2, max_size=40), st.booleans(), st.data())
def test_the_edges_of_ranges_tell_whether_one_is_missing(
    points: set[Key], to_the_end: bool, data: st.DataObject
) -> None:
    first, *between = sorted(points)
    until = None if to_the_end else between.pop()
    ranges = key_ranges(first, between, until)
    assert sum(edges(after, end) for after, end in ranges) == edges(first, until)
    there = data.draw(st.sets(st.sampled_from(ranges), max_size=len(ranges) - 1))
    assert sum(edges(after, end) for after, end in there) != edges(first, until)


@given(st.lists(keys_drawn, max_size=10), keys_drawn, st.none() | keys_drawn, st.lists(keys_drawn, max_size=30))
def test_every_key_lies_in_one_piece(drawn: list[Key], cursor: Key, until: Key | None, keys: list[Key]) -> None:
    fences = inside(drawn, cursor, until)
    cut = key_ranges(cursor, fences, until)
    for key in keys:
        within = key > cursor and (until is None or key <= until)
        assert sum(after < key and (end is None or key <= end) for after, end in cut) == within
    assert all(one < other for one, other in pairwise(fences))


def test_fences_are_spread_evenly() -> None:
    assert spread(range(9), 2) == [3, 6]
    assert spread([1, 2], 5) == [1, 2]


async def listed(world: World, message: ListMessage | None = None) -> int:
    """How many keys a run lists whose every key is listed once, and copied once."""
    run = await world.run(message)
    outcomes = await counts(world, run)
    assert set(outcomes) <= {Outcome.COPIED}
    assert world.same()
    assert len(world.destination.writes) == len(world.bucket.objects)
    return sum(outcomes.values())


def world_of(keys: set[str], steps: Steps | None = None, page_size: int = 1) -> World:
    world = World(steps=steps or Steps(), bucket=FakeBucket(page_size=page_size))
    for key in keys:
        world.bucket.put(key, b"")
    return world


@settings(max_examples=150, deadline=None)
@given(st.sets(keys_like, max_size=60), st.randoms(use_true_random=False))
def test_no_key_is_listed_twice_or_skipped(keys: set[str], chance: random.Random) -> None:
    asyncio.run(_no_key_is_listed_twice_or_skipped(keys, chance))


async def _no_key_is_listed_twice_or_skipped(keys: set[str], chance: random.Random) -> None:
    keys = {key for key in keys if key not in ("", ".", "..") and not {"\r", "\n"} & set(key)}
    world = world_of(keys)
    world.send("list", ListMessage(), times=2)
    await world.drain(chance.randrange)
    outcomes = await counts(world, "list-m0")
    assert sum(outcomes.values()) == len(keys)
    assert set(outcomes) <= {Outcome.COPIED}
    assert world.same()
    assert len(world.destination.writes) == len(keys)


FLAT = {f"flat/{number:05d}" for number in range(300)}
COMMON = {"x" * 900 + f"{number:03d}" for number in range(200)}
NESTED = {"a" * number for number in range(1, 120)}
FOLDERS = {f"t{tenant}/{year}/{n}" for tenant in range(12) for year in range(4) for n in range(4)}
UNICODE = {f"{char}{n}" for char in "aé\U0001f680\uffff\U0010ffff퟿" for n in range(30)}


@pytest.mark.parametrize(
    "keys", [FLAT, COMMON, NESTED, FOLDERS, UNICODE], ids=["flat", "common", "nested", "folders", "unicode"]
)
async def test_long_ranges_are_cut_and_nothing_is_lost(keys: set[str]) -> None:
    world = world_of(keys)
    assert await listed(world) == len(keys)
    assert sum(piece.run == "list-m0" for piece in world.stores.ranges.documents) > (1 if keys is NESTED else 4) - (
        keys is NESTED
    )


async def test_folders_are_found_by_their_delimiter() -> None:
    world = world_of(FOLDERS)
    await world.run()
    assert ("children", b"") in world.bucket.requests
    assert any(held.cursor == b"t7/" for held in world.stores.ranges.documents)


async def test_pieces_grow_so_that_cutting_ends() -> None:
    assert [pages_before_split(depth) for depth in range(4)] == [8, 32, 128, 512]
    world = world_of({f"flat/{number:05d}" for number in range(2000)})
    await world.run()
    assert len(world.stores.ranges.documents) < 150
    assert len([item for item in world.bucket.requests if item[0] == "first_after"]) < 1200


async def test_a_second_run_is_cut_where_the_memory_says() -> None:
    world = world_of(FLAT, page_size=2)
    world.range_keys = 20
    world.__post_init__()
    await world.run()
    world.bucket.requests.clear()
    for piece in list(world.stores.ranges.documents):
        del world.stores.ranges.documents[piece]
    run = await world.run()
    assert await counts(world, run) == {Outcome.UNCHANGED: 300}
    assert 5 < len(world.stores.ranges.documents) <= MOST_PARTS
    assert not [item for item in world.bucket.requests if item[0] != "list"], "the source was not asked where to cut"


@pytest.mark.parametrize("crash_at", range(0, 400, 3))
async def test_killed_while_cutting_the_end_is_the_same(crash_at: int) -> None:
    world = world_of({f"k/{number:03d}" for number in range(40)}, Steps(crash_at))
    run = world.send("list", ListMessage())
    await world.drain()
    outcomes = await counts(world, run)
    assert sum(outcomes.values()) == 40
    assert set(outcomes) <= {Outcome.COPIED, Outcome.UNCHANGED}, "unchanged: copied before it died, and not yet told"
    assert world.same()
    assert len(world.destination.writes) == 40


@pytest.mark.parametrize("seed", range(20))
async def test_killed_again_and_again_with_budgets_that_end(seed: int) -> None:
    """Crashes, budgets, duplicates, any order: every key is listed in one range, and copied once."""
    chance = random.Random(seed)
    world = world_of(FLAT if seed % 2 else FOLDERS, page_size=1 + seed % 3)
    world.seconds_a_page, world.budgets["list"] = 1.0, 7.0
    world.send("list", ListMessage(), times=2)
    for _ in range(12):
        world.steps.crash_at = world.steps.taken + chance.randrange(120)
        await world.drain(chance.randrange, most=60, finish=False)
    world.steps.crash_at = None
    await world.drain(chance.randrange, most=100_000)
    assert sum((await counts(world, "list-m0")).values()) == len(world.bucket.objects)
    assert len(world.destination.writes) == len(world.bucket.objects)


@pytest.mark.parametrize("seed", range(10))
async def test_keys_come_and_go_while_they_are_listed(seed: int) -> None:
    """Those that were there all the time are copied; none is counted twice."""
    chance = random.Random(seed)
    world = world_of(FLAT, page_size=3)
    stays = {f"flat/{number:05d}" for number in range(0, 300, 3)}

    def change() -> None:
        number = chance.randrange(300)
        key = f"flat/{number:05d}"
        if chance.random() < 0.5:
            world.bucket.put(f"{key}.{chance.randrange(9)}", b"new")
        elif key not in stays:
            world.bucket.objects.pop(key.encode(), None)

    world.bucket.listed_page = change
    run = await world.run()
    await counts(world, run)
    assert {key.encode() for key in stays} <= set(world.destination.objects)
    assert len(world.destination.writes) == len(set(world.destination.writes))
