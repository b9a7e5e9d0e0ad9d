"""Every way out of a range keeps one book: what is counted, published, in the manifest and left over agree.

Each test here showed a fault of its own once: keys counted twice behind a split, a range split at its own end, copies
counted ahead of the position, a green report after a takeover.
"""

import asyncio
import gzip
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.domain.budget import Budget
from shared.domain.copies import CopyPage
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, ObjectError, Throttled
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, VerifyMessage
from shared.ports.control_store import Control
from shared.reporting import manifest
from tests.world import World, counts, filled


async def rows(world: World, run: str) -> list[dict[str, Any]]:
    """The manifest of a run: of its files, those that its ranges were closed with."""
    found = [world.reports.files[part.name][0] for part in (await world.stores.ranges.rollup(run))[1]]
    return [json.loads(line) for body in found for line in gzip.decompress(body).decode().splitlines()]


def headline(world: World, run: str) -> str:
    page = world.reports.files[f"job/{run}/report.html"][0].decode()
    found = re.search(r'<header class="(\w+)">', page)
    assert found is not None
    return found[1]


async def agrees(world: World, run: str, keys: int, only_there: int = 0) -> dict[str, int]:
    """The verdicts of a comparison, once its counts, sums and manifest were seen to speak of the same keys."""
    summary = await world.stores.runs.summary(run)
    verdicts = summary.verdicts.keys
    assert summary.balanced, summary
    assert summary.listed_keys == keys
    assert verdicts.get("extra", 0) == only_there
    assert sum(verdicts.values()) == keys + only_there
    sums, _ = await world.stores.ranges.rollup(run)
    assert (sums.whole().s3_count, sums.whole().extra) == (keys, only_there)
    names = Counter(row.get("key") or f"copy {row['name']}" for row in await rows(world, run))
    assert (len(names), set(names.values())) == (keys + only_there, {1})
    return verdicts


async def copied(count: int, **options: object) -> World:
    world = filled(count, **options)
    world.bucket.page_size = world.destination.page_size = 5
    await world.run()
    return world


@pytest.mark.parametrize("copies_a_page", [2, 1000])
async def test_a_budget_that_ends_on_a_page_whose_last_copies_are_missing(copies_a_page: int) -> None:
    world = await copied(20)
    world.destination.page_size = copies_a_page
    for number in (3, 4):
        del world.destination.objects[b"k/%03d" % number]
    world.budgets["verify"] = 0
    assert await agrees(world, await world.run(VerifyMessage(repair=False)), 20) == {"same": 18, "missing": 2}


@pytest.mark.parametrize("page", range(1, 6))
@pytest.mark.parametrize("seconds", [0, 600])
async def test_a_throttled_destination_after_the_budget_leaves_no_key_out(page: int, seconds: int) -> None:
    """A range whose budget has ended was split once more at its own end, over the document of all the rest."""
    world = await copied(20)
    for number in range(10, 20):
        del world.destination.objects[b"k/%03d" % number]
    listing, throttled = world.destination.listing, False

    async def flaky(prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        nonlocal throttled
        asked = 0
        async for copies in listing(prefix, after):
            asked += 1
            if asked == page and not throttled:
                throttled = True
                raise Throttled("429")
            yield copies
        if not throttled:
            throttled = True
            raise Throttled("429")

    world.destination.listing = flaky  # type: ignore[method-assign]
    world.seconds_a_page = seconds
    run = await world.run(VerifyMessage())
    assert throttled
    assert await agrees(world, run, 20) == {"same": 10, "missing": 10}
    assert not world.queue.rejected
    assert world.same()


@pytest.mark.parametrize("page", range(1, 6))
async def test_copies_of_no_object_are_counted_once_however_the_range_is_handed_on(page: int) -> None:
    world = await copied(20, keys_per_message=100)
    del world.destination.objects[b"k/006"]
    for number in range(10):
        world.destination.install(b"k/007-extra-%02d" % number, b"e", {"s3-etag": "e"})
    pages = 0

    def throttle() -> None:
        nonlocal pages
        pages += 1
        if pages == page:
            raise Throttled("SlowDown")

    world.bucket.listed_page = throttle
    run = await world.run(VerifyMessage())
    assert await agrees(world, run, 20, only_there=10) == {"same": 19, "missing": 1, "extra": 10}
    assert (await world.stores.ranges.rollup(run))[0].whole().gcs_count == 29


@pytest.mark.parametrize("crash_at", range(80))
async def test_who_takes_a_comparison_over_never_calls_repaired_keys_the_same(crash_at: int) -> None:
    world = await copied(8)
    await world.run(VerifyMessage(close=True))
    del world.destination.objects[b"k/003"]
    world.steps.taken, world.steps.crash_at = 0, crash_at
    run = world.send("verify", VerifyMessage())
    await world.drain()
    for _ in range(2):
        await world.run(VerifyMessage(close=True))
        world.clock.time += 301
    verdicts = await agrees(world, run, 8)
    assert verdicts["same"] == 7
    assert verdicts.get("missing", 0) + verdicts.get("repaired", 0) == 1
    assert (await world.stores.ranges.rollup(run))[0].whole().wrong == 1
    assert headline(world, run) == "warning"


async def test_a_long_manifest_is_many_files_and_every_row_is_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "PART_BYTES", 500)
    world = await copied(60)
    run = await world.run(VerifyMessage())
    parts = (await world.stores.ranges.rollup(run))[1]
    assert len({part.name for part in parts}) == len(parts) > 5
    await agrees(world, run, 60)


async def test_encoded_copies_have_name_sums_and_manifest_row() -> None:
    world = World(mapping=KeyMapping(encode=True))
    world.bucket.put("bad\nname", b"x")
    world.bucket.put("good", b"yy")
    await world.run()
    run = await world.run(VerifyMessage())
    assert await agrees(world, run, 2) == {"same": 2}
    told = {row["key"]: (row["verdict"], row["name"], row["copy_size"], row["proof"]) for row in await rows(world, run)}
    assert told == {"bad\nname": ("same", ".s3-names/bad%0Aname", 1, "md5"), "good": ("same", "good", 2, "md5")}
    sums, _ = await world.stores.ranges.rollup(run)
    assert (sums.whole().gcs_count, sums.whole().gcs_bytes, sums.whole().wrong) == (2, 3, 0)
    assert dict(sums.proofs) == {"md5": 2}


@pytest.mark.parametrize("slow", ["stat", "head"])
async def test_names_that_must_be_asked_for_one_by_one_are_asked_within_the_budget(slow: str) -> None:
    world = World(mapping=KeyMapping(encode=True), keys_per_message=1000)
    for number in range(1500):
        world.bucket.put(f"cr/{number:05d}\r", b"x")
    await world.run()
    under_way, most = 0, 0

    def slowly(call: Any) -> Any:
        async def ask(argument: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            world.clock.time += 1.0 * (len(argument) if isinstance(argument, list) else 1)
            under_way -= 1
            return await call(argument)

        return ask

    if slow == "stat":
        world.destination.stat_many = slowly(world.destination.stat_many)  # type: ignore[method-assign]
        world.destination.stat = slowly(world.destination.stat)  # type: ignore[method-assign]
    else:
        world.bucket.head = slowly(world.bucket.head)  # type: ignore[method-assign]
    started = world.clock.monotonic()
    await world.handlers["verify"](VerifyMessage(), "verify-1", Budget(started, 300.0))
    assert world.clock.monotonic() - started < 300 + 256 + 1, "the budget, and what was begun within it"
    assert slow == "stat" or most > 1, "not one after the other"
    world.budgets["verify"] = 300.0
    await world.drain()
    assert await agrees(world, "verify-1", 1500) == {"same": 1500}


async def test_a_subfolder_s_comparison_leaves_its_parent_s_document_alone() -> None:
    world = World()
    for key in ("a/1", "a/2", "a/deep/er/1", "top.txt", "tops/1"):
        world.bucket.put(key, b"x")
    await world.run()
    await world.run(VerifyMessage())
    await world.run(VerifyMessage(close=True))
    before = {prefix: dict(world.stores.prefixes.documents[prefix]) for prefix in (b"", b"a/")}
    assert (before[b""]["s3_count"], before[b"a/"]["s3_count"]) == (5, 3)
    await world.run(VerifyMessage(prefix=b"a/deep/"))
    await world.run(VerifyMessage(prefix=b"top"))
    await world.run(VerifyMessage(close=True))
    assert {prefix: world.stores.prefixes.documents[prefix] for prefix in (b"", b"a/")} == before
    assert (
        world.stores.prefixes.documents[b"a/deep/"]["s3_count"],
        world.stores.prefixes.documents[b"top"]["s3_count"],
    ) == (1, 2)
    assert world.stores.prefixes.documents[b"tops/"]["s3_count"] == 1


@pytest.mark.parametrize("failure", [Forbidden("ListBucket"), Throttled("SlowDown")])
@pytest.mark.parametrize("page", [2, 3, 4])
@pytest.mark.parametrize("keys_per_message", [2, 3, 100])
async def test_counts_balance_when_a_later_page_is_refused(
    failure: ObjectError, page: int, keys_per_message: int
) -> None:
    """Of a page that was published in part, the part that was published is counted."""
    world = filled(20, keys_per_message=keys_per_message)
    world.bucket.page_size = 5
    pages = 0

    def refuse() -> None:
        nonlocal pages
        pages += 1
        if pages == page:
            raise failure

    world.bucket.listed_page = refuse
    run = await world.run(ListMessage())
    expected = 20 if isinstance(failure, Throttled) else (page - 1) * 5 // keys_per_message * keys_per_message
    assert await counts(world, run) == ({Outcome.COPIED: expected} if expected else {})


@pytest.mark.parametrize("page", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [0, 1, 2, 3])
async def test_a_pause_at_any_page_of_a_comparison_and_what_was_left_goes_on(page: int, after: int) -> None:
    world = await copied(20, keys_per_message=after + 1)
    for number in (2, 6, 7, 13):
        del world.destination.objects[b"k/%03d" % number]
    world.destination.install(b"k/005-extra", b"e")
    pages = 0

    def pause() -> None:
        nonlocal pages
        pages += 1
        world.clock.pass_time(2)
        if pages == page:
            world.stores.control.said = Control(paused=True)

    world.bucket.listed_page = pause
    run = await world.run(VerifyMessage())
    for _ in range(3):
        world.clock.time += 100
        await world.admin.resume()
        await world.drain()
    assert await agrees(world, run, 20, only_there=1) == {"same": 16, "missing": 4, "extra": 1}
    assert await counts(world, run) == {Outcome.UNCHANGED: 16, Outcome.COPIED: 4}
