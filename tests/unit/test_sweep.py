"""Nothing is deleted unless everything speaks for it: a row a guard, and attempts to trick it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import BadKeys, Forbidden, NoSuchBucket, ObjectError, Retained
from shared.domain.extraneous import DeleteExtras, Evidence, refusal
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.objects import SOURCE_BUCKET, SOURCE_ETAG, SOURCE_JOB, SOURCE_KEY
from shared.verifying.delete_extraneous import DELETING_SECONDS
from tests.fakes import FakeBucket, FakeStores
from tests.world import GRACE, World, filled

FINE = Evidence(whole_job=True, finished=True, listed=100, extras=1, copies=101)
ON = DeleteExtras.ON
MADE = {SOURCE_BUCKET: "source", SOURCE_JOB: "job", SOURCE_ETAG: "e"}


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
        made = {**MADE, SOURCE_KEY: f"old/{number}"}
        world.destination.install(b"wrong/old/%d" % number, b"x", made)
    await world.run(ListMessage(keys=(b"k/000",)))
    for _ in range(3):
        await compare(world, VerifyMessage(repair=False))
    assert len(world.destination.objects) == 11


async def test_a_part_of_the_job_deletes_nothing() -> None:
    world = await world_with_an_extra()
    for _ in range(3):
        await compare(world, VerifyMessage(prefix=b"k/"))
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
    world.destination.install(b"k/003", b"other", {**MADE, SOURCE_KEY: "k/003"})
    await compare(world)
    assert kept(world)
    await compare(world)
    assert not kept(world)


async def test_an_object_that_came_back_keeps_its_copy() -> None:
    world = await world_with_an_extra()
    await compare(world)
    original = world.stores.extras.marked

    async def back(run: str, before: float) -> Any:
        async for some in original(run, before):
            world.bucket.put("k/003", b"back")
            yield some

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
    assert str(world.stores.prefixes.documents[b""]["check"]["error"]).startswith("forbidden: the listing is denied")
    shown = world.reports.files[f"job/{run}/report.html"][0].decode()
    assert "has stopped: not every key was looked at" in shown


async def test_a_mark_does_not_outlive_a_comparison_that_sees_the_object_again() -> None:
    world = await world_with_an_extra()
    body = b"xxx"
    await compare(world)
    world.bucket.put("k/003", body)
    for _ in range(3):
        await world.run()
        await compare(world)
    assert world.stores.extras.documents == {}
    del world.bucket.objects[b"k/003"]
    await compare(world)
    assert kept(world), "this comparison is the first that misses it"
    await compare(world)
    assert not kept(world)


@pytest.mark.parametrize("asked", DeleteExtras)
async def test_marks_are_dropped_whatever_the_job_asks_for_since(asked: DeleteExtras) -> None:
    world = await world_with_an_extra()
    await compare(world)
    assert len(world.stores.extras.documents) == 1
    world.bucket.put("k/003", b"back")
    after = again(world, delete_extras=asked)
    await compare(after)
    assert world.stores.extras.documents == {}


def again(world: World, **options: Any) -> World:
    """The same buckets and the same state, with other settings."""
    same = {"bucket": world.bucket, "destination": world.destination, "stores": world.stores, "clock": world.clock}
    after = World(**{**same, "delete_extras": ON, "reports": world.reports, **options})
    after._numbers = world._numbers
    return after


async def test_another_job_s_copies_in_the_same_bucket_stay_and_count_for_nothing() -> None:
    """s3://finance -> gs://lake/finance/ and s3://web -> gs://lake/."""
    small = World(mapping=KeyMapping(b"", b"finance/"), job="small", source="finance")
    small.bucket.put("ledger", b"money")
    small.bucket.put("gone", b"money")
    await small.run()
    del small.bucket.objects[b"gone"]
    big = World(destination=small.destination, delete_extras=ON, extra_share=0.1, clock=small.clock)
    for number in range(15):
        big.bucket.put(f"web/{number}", b"x%d" % number)
    await big.run()
    del big.bucket.objects[b"web/3"]
    for _ in range(3):
        await compare(big)
    assert sorted(name for name in big.destination.objects if name.startswith(b"finance/")) == [
        b"finance/gone",
        b"finance/ledger",
    ]
    assert b"web/3" not in big.destination.objects, "1 of its own 15: what is not its own does not count"


async def test_the_share_is_of_the_job_s_own_copies() -> None:
    """One of ten is more than a twentieth, whatever else lies in the bucket."""
    world = await world_with_an_extra(extra_share=0.05)
    for number in range(100):
        world.destination.install(b"other/%d" % number, b"x", {**MADE, SOURCE_JOB: "other", SOURCE_KEY: f"o/{number}"})
    for _ in range(3):
        await compare(world)
    assert kept(world)


async def test_a_job_within_another_s_prefix_loses_nothing_to_it() -> None:
    """The same source bucket, the same names: what the inner job has copied is the inner job's."""
    inner = World(job="inner", mapping=KeyMapping(b"k/", b"k/"))
    for number in range(10):
        inner.bucket.put(f"k/{number:03d}", b"x%d" % number)
    await inner.run()
    del inner.bucket.objects[b"k/003"]
    outer = again(inner, job="outer", stores=FakeStores())
    for _ in range(3):
        await compare(outer)
    assert kept(inner)


async def test_a_job_of_the_same_name_with_another_source_deletes_nothing_of_the_old_one() -> None:
    world = filled(10)
    await world.run()
    other = again(world, source="another", bucket=FakeBucket(), stores=FakeStores(), extra_share=1.0)
    other.bucket.put("k/000", b"")
    for _ in range(3):
        await compare(other)
    assert len(world.destination.objects) == 10


async def test_switching_encoding_off_keeps_what_was_encoded() -> None:
    world = World(mapping=KeyMapping(encode=True))
    world.bucket.put("bad\nname", b"precious")
    for number in range(10):
        world.bucket.put(f"k/{number:03d}", b"x%d" % number)
    await world.run()
    plain = again(world, mapping=KeyMapping())
    for _ in range(3):
        await compare(plain)
    assert b".s3-names/bad%0Aname" in world.destination.objects


async def test_another_destination_prefix_keeps_what_lies_at_the_old_names() -> None:
    world = filled(10, mapping=KeyMapping(b"", b"old/"))
    await world.run()
    moved = again(world, mapping=KeyMapping())
    await moved.run(ListMessage(prefix=b"", force=True))
    for _ in range(3):
        await compare(moved)
    assert sum(name.startswith(b"old/") for name in world.destination.objects) == 10


async def test_a_copy_that_somebody_made_of_a_copy_stays() -> None:
    """It has all the metadata of ours, and another name."""
    world = filled(10, delete_extras=ON)
    await world.run()
    copy, body = world.destination.objects[b"k/003"]
    world.destination.install(b"backup/k/003", body, dict(copy.metadata))
    del world.bucket.objects[b"k/003"]
    for _ in range(3):
        await compare(world)
    assert b"backup/k/003" in world.destination.objects
    assert not kept(world)


async def test_a_copy_that_says_nothing_of_its_job_stays() -> None:
    world = filled(10, delete_extras=ON)
    await world.run()
    world.destination.install(b"k/old", b"x", {"s3-etag": "e", "s3-key": "k/old"})
    for _ in range(3):
        await compare(world)
    assert b"k/old" in world.destination.objects


async def test_a_paused_job_deletes_nothing_and_stops_between_two_batches() -> None:
    world = filled(100, delete_extras=ON, extra_share=1.0)
    await world.run()
    for number in range(90):
        del world.bucket.objects[b"k/%03d" % number]
    await compare(world)
    await world.run(VerifyMessage())
    await world.stores.control.update(lambda said: replace(said, paused=True))
    await world.run(VerifyMessage(close=True))
    assert len(world.destination.objects) == 100
    await world.stores.control.update(lambda said: replace(said, paused=False))
    world.clock.time += GRACE + 1
    await world.run(VerifyMessage())
    delete = world.destination.delete

    async def pause(name: bytes, generation: int) -> None:
        await world.stores.control.update(lambda said: replace(said, paused=True))
        await delete(name, generation)

    world.destination.delete = pause  # type: ignore[method-assign]
    await world.run(VerifyMessage(close=True))
    assert len(world.destination.objects) == 100 - 32, "the batch that had begun"


async def test_an_object_that_comes_back_as_it_was_is_copied_again() -> None:
    world = await world_with_an_extra()
    await compare(world)
    await compare(world)
    assert not kept(world)
    world.bucket.put("k/003", b"xxx")
    await world.run()
    assert world.same()


async def test_the_ledger_forgets_a_key_before_its_copy_goes() -> None:
    """Killed anywhere in between, an object that comes back is copied."""
    for crash_at in range(0, 200):
        world = await world_with_an_extra()
        await compare(world)
        await world.run(VerifyMessage())
        world.steps.taken, world.steps.crash_at = 0, crash_at
        await world.run(VerifyMessage(close=True))
        died = world.steps.crash_at is None
        world.steps.crash_at = None
        world.bucket.put("k/003", b"xxx")
        await world.run()
        assert world.same(), crash_at
        if not died:
            return
    raise AssertionError("more steps than were tried")


async def test_a_copy_under_a_hold_keeps_nothing_else_from_going() -> None:
    world = filled(100, delete_extras=ON, extra_share=1.0)
    await world.run()
    for number in range(70):
        del world.bucket.objects[b"k/%03d" % number]
    delete = world.destination.delete

    async def held(name: bytes, generation: int) -> None:
        if name == b"k/000":
            raise Retained("a hold")
        await delete(name, generation)

    world.destination.delete = held  # type: ignore[method-assign]
    await compare(world)
    await compare(world)
    assert [name for name in sorted(world.destination.objects) if name < b"k/070"] == [b"k/000"]
    assert [*world.stores.extras.documents] == [b"k/000"], "it is tried again"


@pytest.mark.parametrize(("side", "fault"), [("source", NoSuchBucket), ("source", Forbidden), ("destination", BadKeys)])
async def test_a_side_that_answers_nobody_deletes_nothing(side: str, fault: type[ObjectError]) -> None:
    """That the bucket is gone is not an answer about its key, and a comparison ends without."""
    world = await world_with_an_extra()
    await compare(world)

    async def refuse(*_: object) -> Any:
        raise fault("for everybody")

    if side == "source":
        world.bucket.head = refuse  # type: ignore[method-assign, assignment]
    else:
        world.destination.delete = refuse  # type: ignore[method-assign, assignment]
    run = await world.run(VerifyMessage())
    await world.run(VerifyMessage(close=True))
    assert kept(world)
    assert [*world.stores.extras.documents] == [b"k/003"], "it is tried again"
    assert world.stores.runs.documents[run].state == "finished"
    said = {"no deletion", "a destination-only object is kept"}
    assert [(text, fields["reason"]) for _, text, fields in world.log.lines if text in said] != []


async def test_a_copy_that_is_written_between_the_last_look_and_the_deletion_stays() -> None:
    world = await world_with_an_extra()
    await compare(world)
    delete = world.destination.delete

    async def overtaken(name: bytes, generation: int) -> None:
        world.destination.install(name, b"new", {**MADE, SOURCE_KEY: "k/003"})
        await delete(name, generation)

    world.destination.delete = overtaken  # type: ignore[method-assign]
    await compare(world)
    assert world.destination.objects[b"k/003"][1] == b"new"
    told = [fields for _, text, fields in world.log.lines if text == "destination-only objects"]
    assert (told[-1]["found"], told[-1]["deleted"]) == (1, 0)


async def test_deleting_ends_in_time_and_goes_on_with_the_next_comparison() -> None:
    world = filled(100, delete_extras=ON, extra_share=1.0)
    await world.run()
    for number in range(70):
        del world.bucket.objects[b"k/%03d" % number]
    await compare(world)
    delete = world.destination.delete

    async def slow(name: bytes, generation: int) -> None:
        world.clock.time += DELETING_SECONDS
        await delete(name, generation)

    world.destination.delete = slow  # type: ignore[method-assign]
    for left in (70 - 32, 70 - 64, 0):
        await compare(world)
        assert len(world.destination.objects) - 30 == left


async def test_marks_that_are_too_young_take_no_longer_than_deletions_may() -> None:
    """Millions of copies that were found for the first time: all of their marks were read before a run's end was
    written down, so the invocation was cut off, and the next one began with the first mark again.
    """
    world = await world_with_an_extra()
    portions = 0

    async def young(run: str, before: float) -> Any:
        nonlocal portions
        for portions in range(1, 100_000):  # noqa: B007
            world.clock.time += 1
            yield []

    world.stores.extras.marked = young  # type: ignore[method-assign]
    await compare(world)
    assert portions <= DELETING_SECONDS + 1
    assert [run.state for run in world.stores.runs.documents.values()] == ["finished"] * 2


async def test_an_object_that_comes_back_while_its_copy_is_deleted_is_copied_again() -> None:
    """S3 had none when it was asked; then it came back as it was, a listing published it, and the transfer found its
    copy still there, and said so: the ledger knew it as copied, and no listing would have copied it again.
    """
    world = filled(10, delete_extras=ON)
    await world.run()
    gone = world.bucket.objects.pop(b"k/003")
    await compare(world)
    delete = world.destination.delete

    async def late(name: bytes, generation: int) -> None:
        world.bucket.objects[b"k/003"] = gone
        world.clock.time += 1
        await world.run(ListMessage(prefix=b"k/003"))
        world.clock.time += 1
        await delete(name, generation)

    world.destination.delete = late  # type: ignore[method-assign]
    await compare(world)
    assert not kept(world)
    await world.run()
    assert kept(world)
