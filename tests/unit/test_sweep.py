"""Nothing is deleted unless everything speaks for it: a row a guard, and attempts to trick it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import Forbidden
from shared.domain.extraneous import DeleteExtras, Evidence, refusal
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, VerifyMessage
from tests.world import GRACE, World, filled

FINE = Evidence(whole_job=True, finished=True, listed=100, extras=1, copies=101)
ON = DeleteExtras.ON


@pytest.mark.parametrize(
    ("asked", "change", "why"),
    [
        (ON, {}, None),
        (DeleteExtras.DRY_RUN, {}, None),
        (DeleteExtras.OFF, {}, "the job does not ask"),
        (ON, {"finished": False}, "the comparison did not come to its end"),
        (ON, {"whole_job": False}, "only a part"),
        (ON, {"listed": 0}, "the source listed nothing"),
        (ON, {"extras": 2}, "2 of 101 copies belong to nobody"),
    ],
)
def test_the_guards(asked: DeleteExtras, change: dict[str, Any], why: str | None) -> None:
    found = refusal(asked, replace(FINE, **change), share=0.01)
    assert (found is None) if why is None else (found is not None and found.startswith(why))


async def world_with_an_extra(asked: DeleteExtras = ON, **options: Any) -> World:
    """Ten objects are copied, then one is deleted at the source: its copy belongs to nobody."""
    world = filled(10, delete_extras=asked, **options)
    await world.run()
    del world.bucket.objects[b"k/003"]
    return world


async def compare(world: World, message: VerifyMessage | None = None) -> None:
    """A comparison and its end, then a day."""
    await world.run(message or VerifyMessage())
    await world.run(VerifyMessage(close=True))
    world.clock.time += GRACE + 1


def kept(world: World) -> bool:
    return b"k/003" in world.destination.objects


async def test_an_extra_goes_after_two_comparisons_and_the_grace_between_them() -> None:
    world = await world_with_an_extra()
    await compare(world)
    assert kept(world), "seen for the first time"
    await compare(world)
    assert not kept(world)
    assert len(world.destination.objects) == 9
    assert world.stores.extras.documents == {}


async def test_within_the_grace_nothing_goes() -> None:
    world = await world_with_an_extra()
    await compare(world)
    world.clock.time -= GRACE / 2
    await compare(world)
    assert kept(world)


@pytest.mark.parametrize("asked", [DeleteExtras.OFF, DeleteExtras.DRY_RUN])
async def test_without_being_asked_nothing_goes(asked: DeleteExtras) -> None:
    world = await world_with_an_extra(asked)
    for _ in range(3):
        await compare(world)
    assert kept(world)
    told = [fields for _, text, fields in world.log.lines if text == "would be deleted"]
    assert bool(told) is (asked is DeleteExtras.DRY_RUN)
    assert bool(world.stores.extras.documents) is (asked is DeleteExtras.DRY_RUN), "off: nothing is even remembered"


async def test_a_listing_that_is_cut_short_deletes_nothing() -> None:
    """The source says that there is no more, though there is."""
    world = filled(10, delete_extras=ON)
    await world.run()
    hidden = {key: world.bucket.objects[key] for key in (b"k/008", b"k/009")}
    original = world.bucket.pages

    async def short(prefix: bytes, after: bytes) -> Any:
        async for page in original(prefix, after):
            yield page.until(b"k/007")
            return

    world.bucket.pages = short  # type: ignore[method-assign]
    for _ in range(3):
        await compare(world)
    assert set(hidden) <= set(world.destination.objects), "S3, asked for just these keys, has them"


async def test_a_source_that_may_not_be_listed_deletes_nothing() -> None:
    world = await world_with_an_extra()
    await compare(world)

    def refuse() -> None:
        raise Forbidden("ListBucket")

    world.bucket.listed_page = refuse
    await compare(world)
    world.bucket.objects.clear()
    world.bucket.listed_page = lambda: None
    await compare(world)
    assert len(world.destination.objects) == 10, "and an empty listing deletes nothing either"


async def test_a_wrong_prefix_map_deletes_nothing() -> None:
    """Everything is missing and everything is extra: far more than the share."""
    world = filled(10, delete_extras=ON, mapping=KeyMapping(b"", b"wrong/"))
    for number in range(10):
        world.destination.install(b"wrong/old/%d" % number, b"x", {"s3-etag": "e"})
    await world.run(ListMessage(keys=("k/000",)))
    for _ in range(3):
        await compare(world, VerifyMessage(repair=False))
    assert len(world.destination.objects) == 11


async def test_a_part_of_the_job_deletes_nothing() -> None:
    world = await world_with_an_extra()
    for _ in range(3):
        await compare(world, VerifyMessage(prefix="k/"))
    assert kept(world)


async def test_what_somebody_else_put_there_stays() -> None:
    world = filled(10, delete_extras=ON)
    await world.run()
    world.destination.install(b"k/notes.txt", b"mine")
    for _ in range(3):
        await compare(world)
    assert b"k/notes.txt" in world.destination.objects


async def test_a_copy_that_was_made_since_begins_its_grace_anew() -> None:
    world = await world_with_an_extra()
    await compare(world)
    world.destination.install(b"k/003", b"other", {"s3-etag": "e"})
    await compare(world)
    assert kept(world)
    await compare(world)
    assert not kept(world)


async def test_an_object_that_came_back_keeps_its_copy() -> None:
    world = await world_with_an_extra()
    await compare(world)
    original = world.stores.extras.marked

    async def back(run: str, before: float) -> Any:
        async for extra in original(run, before):
            world.bucket.put("k/003", b"back")
            yield extra

    world.stores.extras.marked = back  # type: ignore[method-assign]
    await compare(world)
    assert kept(world)


@pytest.mark.parametrize("side", ["source", "destination"])
async def test_a_side_that_cannot_be_read_gets_no_verdict_no_repair_and_no_deletion(side: str) -> None:
    world = await world_with_an_extra()
    await compare(world)
    world.destination.install(b"k/001", b"rotten")
    writes = len(world.destination.writes)

    async def refuse(prefix: bytes, after: bytes) -> Any:
        raise Forbidden("the listing is denied")
        yield

    if side == "source":
        world.bucket.pages = refuse  # type: ignore[method-assign]
    else:
        world.destination.listing = refuse  # type: ignore[method-assign]
        world.handlers["verify"].destination.listing = refuse
    run = await world.run(VerifyMessage())
    await world.run(VerifyMessage(close=True))
    summary = await world.stores.runs.summary(run)
    assert (summary.verdicts.keys, summary.listed_keys, summary.stopped_ranges) == ({}, 0, 1)
    assert world.stores.runs.documents[run].state == "stopped"
    assert len(world.destination.writes) == writes
    assert kept(world)
    assert str(world.stores.prefixes.documents[""]["check"]["error"]).startswith("forbidden: the listing is denied")
    shown = world.reports.files[f"job/{run}/report.html"][0].decode()
    assert "has stopped: not every key was looked at" in shown
