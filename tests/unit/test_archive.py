"""Archived objects: told, priced, restored if the job wants it, copied once they can be read, and never asked twice."""

from typing import Any

import pytest

from shared.domain.archive import Restore, Tier, read_header
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, NoSuchBucket
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.page import Page
from shared.ports.control_store import Control
from tests.fakes import FakeBucket
from tests.world import World, counts, filled


def cold(**options: object) -> World:
    """k/000 to k/003, the last two archived."""
    world = filled(2, **options)
    world.bucket.put("k/002", b"ice", storage_class="GLACIER")
    world.bucket.put("k/003", b"older ice", storage_class="DEEP_ARCHIVE")
    return world


def asked(world: World) -> list[bytes]:
    return [key for what, key in world.bucket.requests if what.startswith("restore")]


def thaw(world: World) -> None:
    for stored in world.bucket.objects.values():
        stored.restore = Restore.DONE if stored.restore else None


@pytest.mark.parametrize(
    ("header", "restore"),
    [
        ("", Restore.NEEDED),
        ('ongoing-request="true"', Restore.UNDER_WAY),
        ('ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"', Restore.DONE),
    ],
)
def test_the_header(header: str, restore: Restore) -> None:
    assert read_header(header) is restore


async def test_the_lister_publishes_nothing_that_cannot_be_read_and_all_that_can_again() -> None:
    world = cold()
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2, Outcome.ARCHIVED: 2}
    assert ("cdn", b"k/002") not in world.bucket.requests
    thaw(world)
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2, Outcome.UNCHANGED: 2}
    assert world.same()
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 4}


async def test_force_and_names_do_not_help_what_cannot_be_read() -> None:
    world = cold()
    message = ListMessage(keys=(b"k/001", b"k/002"))
    assert await counts(world, await world.run(message)) == {Outcome.COPIED: 1, Outcome.ARCHIVED: 1}
    forced = ListMessage(prefix=b"k/", force=True)
    assert await counts(world, await world.run(forced)) == {Outcome.COPIED: 2, Outcome.ARCHIVED: 2}


async def test_a_comparison_tells_and_asks_for_nothing_unless_the_job_wants_it() -> None:
    world = cold()
    await world.run()
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"same": 2, "archived": 2}
    sums, _ = await world.stores.ranges.rollup(run)
    assert sums.archived == {"GLACIER": (1, 3), "DEEP_ARCHIVE": (1, 9)}
    assert asked(world) == []


async def test_what_was_asked_for_once_is_copied_once_it_is_restored() -> None:
    world = cold(restore_tier=Tier.BULK)
    await world.run()
    run = await world.run(VerifyMessage())
    assert asked(world) == [b"k/002", b"k/003"]
    assert (await world.stores.ranges.rollup(run))[0].archived == {
        "GLACIER, being restored": (1, 3),
        "DEEP_ARCHIVE, being restored": (1, 9),
    }
    await world.run(VerifyMessage())
    assert len(asked(world)) == 2, "asked for again while it is under way"
    thaw(world)
    repaired = await world.run(VerifyMessage())
    assert await counts(world, repaired) == {Outcome.COPIED: 2, Outcome.UNCHANGED: 2}
    assert world.same()


async def test_what_cannot_be_copied_anyway_is_not_restored() -> None:
    world = World(restore_tier=Tier.BULK)
    world.bucket.put("a\nb", b"ice", storage_class="GLACIER")
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"unsupported": 1}
    assert asked(world) == []


async def test_an_old_copy_of_what_is_archived_by_now_is_restored_and_replaced() -> None:
    world = cold(restore_tier=Tier.BULK)
    world.destination.install(b"k/002", b"older than the ice")
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys["size_differs"] == 1
    assert b"k/002" in asked(world)
    thaw(world)
    await world.run(VerifyMessage())
    assert world.same()


async def test_a_comparison_that_is_not_to_repair_asks_for_nothing() -> None:
    world = cold(restore_tier=Tier.BULK)
    await world.run(VerifyMessage(repair=False))
    assert asked(world) == []


async def test_restores_count_against_the_ceilings() -> None:
    world = cold(restore_tier=Tier.STANDARD)
    await world.run()
    await world.stores.control.update(lambda _: Control(most_objects=1))
    world.clock.time += 10
    run = await world.run(VerifyMessage())
    assert asked(world) == []
    assert any(message == "no more restores are asked for" for _, message, _ in world.log.lines)
    assert (await world.stores.runs.summary(run)).finished


async def test_a_refused_restore_is_told_once_and_the_comparison_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise Forbidden("no s3:RestoreObject")

    world = cold(restore_tier=Tier.BULK)
    monkeypatch.setattr(FakeBucket, "restore", refuse)
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"missing": 2, "archived": 2}
    assert [fields["key"] for _, message, fields in world.log.lines if message == "no restore"] == ["k/002", "k/003"]


async def test_a_class_that_archives_in_silence_is_looked_at_once_its_copy_has_failed_for_that() -> None:
    """Its listing shows it as any other object; a HEAD does not."""
    world = filled(1, restore_tier=Tier.BULK)
    world.bucket.put("k/001", b"quiet", storage_class="INTELLIGENT_TIERING")
    stored = world.bucket.objects[b"k/001"]
    world.bucket.archived_in_silence.add(b"k/001")
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1, Outcome.ARCHIVED: 1}
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 1, Outcome.ARCHIVED: 1}
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"same": 1, "archived": 1}
    assert asked(world) == [b"k/001"]
    world.bucket.archived_in_silence.clear()
    stored.restore = None
    assert await counts(world, await world.run(VerifyMessage())) == {Outcome.COPIED: 1, Outcome.UNCHANGED: 1}


async def test_a_bucket_that_is_gone_is_not_taken_for_an_object_that_is() -> None:
    """What is asked of an object that may be archived was taken to be as it was listed."""
    world = filled(1)
    world.bucket.put("k/001", b"quiet", storage_class="INTELLIGENT_TIERING")
    world.bucket.archived_in_silence.add(b"k/001")
    await world.run()

    async def gone(key: bytes) -> Any:
        raise NoSuchBucket("no such bucket")

    world.bucket.head = gone  # type: ignore[method-assign]
    run = await world.run(VerifyMessage())
    summary = await world.stores.runs.summary(run)
    assert (summary.stopped_ranges, summary.verdicts.keys) == (1, {"same": 1})


def test_a_page_keeps_what_was_said_of_restores_when_it_is_cut() -> None:
    world = cold()
    page = Page.of([world.bucket.listed(key) for key in sorted(world.bucket.objects)])
    assert [page.archived(index) for index in range(4)] == [False, False, True, True]
    assert page.part(2, 4).restore(1) is Restore.NEEDED
    assert page.part(1, 3)[1].archived
