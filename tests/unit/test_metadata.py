"""Copies with the right bytes and other headers or metadata: a verdict of their own, found where the job asks for it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.archive import Tier
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, Gone, NoSuchBucket
from shared.domain.messages import VerifyMessage
from shared.domain.objects import SOURCE_KEY, SOURCE_MTIME, Attributes, SourceObject
from shared.domain.provenance import carries
from shared.ports.control_store import Control
from tests.unit.test_green import compared
from tests.world import World, counts

PLAIN = Attributes(content_type="text/plain", cache_control="no-cache", metadata={"colour": "red"})


async def copied(**options: Any) -> World:
    """A job that compares metadata, with k/0 to k/3 copied."""
    world = World(**{"compare_metadata": True, **options})
    for number in range(4):
        world.bucket.put(f"k/{number}", b"body %d" % number, PLAIN)
    await world.run()
    world.bucket.requests.clear()
    return world


def heads(world: World) -> list[bytes]:
    return [key for what, key in world.bucket.requests if what == "head"]


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, content_type="text/html"),
        replace(PLAIN, content_type=None),
        replace(PLAIN, content_encoding="gzip"),
        replace(PLAIN, content_language="de"),
        replace(PLAIN, content_disposition="attachment"),
        replace(PLAIN, cache_control=None),
        replace(PLAIN, metadata={"colour": "blue"}),
        replace(PLAIN, metadata={}),
    ],
)
async def test_what_was_written_again_with_other_headers_is_found_and_copied_again(other: Attributes) -> None:
    world = await copied()
    world.bucket.put("k/1", b"body 1", other)
    sentence, page = await compared(world)
    assert sentence == (
        "warning: 3 of 4 keys are the same (3 by MD5); 1 with other headers or metadata; 1 was copied again."
    )
    assert "<td>k/1</td>" in page
    assert "metadata differs" in page
    assert carries(world.destination.attributes[b"k/1"], other)
    assert set(heads(world)) == {b"k/1"}
    world.bucket.requests.clear()
    assert (await compared(world))[0] == "good: All 4 keys are the same: 4 by MD5."
    assert heads(world) == [], "nothing was written since, so nobody is asked"


async def test_what_somebody_has_changed_at_the_destination_is_found() -> None:
    world = await copied()
    copy, _ = world.destination.objects[b"k/2"]
    world.destination.change(b"k/2", replace(PLAIN, content_type="text/html", metadata=copy.metadata))
    assert "1 with other headers or metadata; 1 was copied again" in (await compared(world))[0]
    assert world.destination.attributes[b"k/2"] == PLAIN
    assert (await compared(world))[0].startswith("good")


async def test_what_was_written_again_as_it_was_is_the_same() -> None:
    world = await copied()
    writes = len(world.destination.writes)
    world.bucket.put("k/1", b"body 1", PLAIN)
    copy, _ = world.destination.objects[b"k/2"]
    world.destination.change(b"k/2", replace(PLAIN, metadata=copy.metadata))
    assert (await compared(world))[0] == "good: All 4 keys are the same: 4 by MD5."
    assert sorted(heads(world)) == [b"k/1", b"k/2"]
    assert len(world.destination.writes) == writes


@pytest.mark.parametrize(
    ("tier", "ceiling", "asked"),
    [(None, None, []), (Tier.BULK, None, ["restore Bulk 7: k/1"]), (Tier.BULK, 0, [])],
    ids=["no RESTORE_TIER", "RESTORE_TIER", "a ceiling"],
)
async def test_other_headers_alone_ask_for_a_restore_only_where_any_difference_would(
    tier: Tier | None, ceiling: int | None, asked: list[str]
) -> None:
    """A restore costs more than the copy: the setting that allows it and the run's ceilings hold here, too."""
    world = await copied(restore_tier=tier)
    world.bucket.put("k/1", b"body 1", replace(PLAIN, content_type="text/html"), storage_class="DEEP_ARCHIVE")
    world.stores.control.said = Control(most_objects=ceiling)
    world.clock.time += 10
    run = await world.run(VerifyMessage())
    if ceiling is None:
        assert (await world.stores.runs.summary(run)).verdicts.keys == {"same": 3, "metadata_differs": 1}
    assert [f"{what}: {key.decode()}" for what, key in world.bucket.requests if what.startswith("restore")] == asked
    assert world.destination.attributes[b"k/1"] == PLAIN, "it cannot be read yet"


async def test_a_comparison_that_repairs_nothing_counts_them_and_copies_none() -> None:
    world = await copied()
    world.bucket.put("k/1", b"body 1", replace(PLAIN, content_type="text/html"))
    writes = len(world.destination.writes)
    run = await world.run(VerifyMessage(repair=False))
    summary = await world.stores.runs.summary(run)
    assert summary.verdicts.keys == {"same": 3, "metadata_differs": 1}
    assert await counts(world, run) == {Outcome.UNCHANGED: 4}
    assert len(world.destination.writes) == writes


async def test_unless_the_job_asks_nobody_looks() -> None:
    world = await copied(compare_metadata=False)
    world.bucket.put("k/1", b"body 1", replace(PLAIN, content_type="text/html"))
    assert (await compared(world))[0].startswith("good")
    assert heads(world) == []


@pytest.mark.parametrize(
    ("refusal", "said"),
    [(Forbidden("HEAD k/1"), {"same": 2, "unproven": 1}), (Gone("k/1"), {"same": 3})],
    ids=["forbidden", "gone since"],
)
async def test_a_key_that_may_not_be_asked_for_keeps_none_of_the_others(
    refusal: Exception, said: dict[str, int]
) -> None:
    """Nobody knows of its headers then: it is no proven one."""
    world = await copied()
    inspect = world.bucket.inspect

    async def refused(key: bytes) -> tuple[SourceObject, Attributes]:
        if key == b"k/1":
            raise refusal
        return await inspect(key)

    for number in (1, 2):
        world.bucket.put(f"k/{number}", b"body %d" % number, replace(PLAIN, content_type="text/html"))
    world.bucket.inspect = refused  # type: ignore[method-assign]
    run = await world.run(VerifyMessage(repair=False))
    assert (await world.stores.runs.summary(run)).verdicts.keys == {**said, "metadata_differs": 1}
    world.bucket.put("k/2", b"body 2", PLAIN)
    sentence, _ = await compared(world)
    assert sentence.startswith("good") is isinstance(refusal, Gone), sentence


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_a_bucket_that_is_gone_is_no_key_that_is(side: str) -> None:
    """Nobody was asked for its headers, and all were called the same."""
    world = await copied()

    async def gone(key: bytes) -> Any:
        raise NoSuchBucket("no such bucket")

    world.bucket.put("k/1", b"body 1", replace(PLAIN, content_type="text/html"))
    if side == "source":
        world.bucket.inspect = gone  # type: ignore[method-assign]
    else:
        world.destination.inspect = gone  # type: ignore[method-assign, assignment]
    sentence, _ = await compared(world)
    assert sentence.startswith("bad: The run has stopped"), sentence


def test_what_is_ours_in_the_copy_is_not_held_against_it() -> None:
    ours = {"colour": "red", SOURCE_KEY: "k", SOURCE_MTIME: "7", "s3gcs-user-s3gcs-key": "theirs"}
    theirs = {"colour": "red", "s3gcs-key": "theirs"}
    assert carries(Attributes(metadata=ours), Attributes(metadata=theirs))
    assert carries(Attributes(content_type="application/octet-stream"), Attributes())
    assert not carries(Attributes(metadata={**ours, "more": ""}), Attributes(metadata=theirs))


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_what_changes_while_it_is_asked_for_is_for_the_next_comparison(side: str) -> None:
    """Else a verdict would mix one version's bytes with another's headers."""
    world = await copied()
    world.bucket.put("k/1", b"body 1", PLAIN)
    original, other = world.bucket.inspect, replace(PLAIN, content_type="text/html")

    async def inspect(key: bytes) -> tuple[SourceObject, Attributes]:
        if side == "source":
            world.bucket.put("k/1", b"newer bytes", other)
        else:
            copy, _ = world.destination.objects[key]
            world.destination.install(key, b"body 1", copy.metadata)
        return await original(key)

    world.bucket.inspect = inspect  # type: ignore[method-assign]
    run = await world.run(VerifyMessage(repair=False))
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"same": 4}
