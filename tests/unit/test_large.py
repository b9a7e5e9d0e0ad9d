"""Large objects, copied in parts, on the whole pipeline in memory."""

import random
from dataclasses import replace
from functools import cache

import pytest
from awscrt import checksums
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.checksums import VerifiedBy, encoded
from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage
from shared.domain.objects import Attributes
from tests.fakes import crc32c_of
from tests.world import PART, World, counts

KEY = b"large"


@cache
def body(seed: int = 1, size: int = 2 * PART + 12345) -> bytes:
    return random.Random(seed).randbytes(size)


def world_with(attributes: Attributes | None = None, parts: int = 0, **options: object) -> World:
    world = World(large_bytes=PART, **options)  # type: ignore[arg-type]
    world.bucket.put("large", body(), attributes, parts=parts)
    world.bucket.put("small", b"small")
    return world


def clean(world: World) -> bool:
    """Nothing is left of a copy that has ended."""
    noted = any(world.stores.uploads.noted.values())
    return not (world.staging.uploads or world.staging.staged.objects or world.stores.uploads.opened or noted)


async def until(world: World, parts: int) -> None:
    """Deliver until this many parts were sent."""
    while len(world.staging.sent) < parts:
        while world.queue.sent:
            topic, message = world.queue.sent.pop(0)
            world.inbox.append((topic, message, f"u{len(world.inbox)}"))
        await world._deliver(world.inbox.popleft())


def entry(world: World, key: bytes = KEY):  # type: ignore[no-untyped-def]
    return next(
        item for record, _ in world.stores.ledger.documents.values() for item in record.entries if item.key == key
    )


async def test_uneven_parts_prove_nothing_and_cost_nothing_twice() -> None:
    world = World(large_bytes=PART)
    third = len(body()) // 3
    world.bucket.put("large", body(), parts=(third + 9, third - 9, len(body()) - 2 * third))
    await world.run()
    assert (entry(world).outcome, entry(world).proof) == (Outcome.COPIED, VerifiedBy.CRC32C)
    assert sorted(world.staging.sent) == [1, 2, 3]


async def test_an_archive_that_no_listing_tells_of_is_not_fanned_out() -> None:
    world = world_with()
    world.bucket.archived_in_silence.add(KEY)
    await world.run()
    assert entry(world).outcome is Outcome.ARCHIVED
    assert next(world.staging.numbers) == 0, "no upload was ever begun"


async def test_an_object_goes_in_parts_and_appears_at_once() -> None:
    world = world_with()
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert world.same()
    assert sorted(world.staging.sent) == [1, 2, 3]
    assert world.destination.writes.count(KEY) == 1
    assert clean(world)
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 2}


@pytest.mark.parametrize(
    ("attributes", "parts", "proof"),
    [
        (Attributes(), 0, VerifiedBy.CRC32C),
        (Attributes(), 1_000_000, VerifiedBy.MULTIPART_ETAG),
        (Attributes(), 3 * PART, VerifiedBy.MULTIPART_ETAG),
        (Attributes(crc32c=crc32c_of(body())), 1_000_000, VerifiedBy.S3_CRC),
        (Attributes(crc64nvme=encoded(checksums.crc64nvme(body()), 8)), 0, VerifiedBy.S3_CRC),
    ],
)
async def test_the_whole_is_proven_from_its_parts(attributes: Attributes, parts: int, proof: VerifiedBy) -> None:
    world = world_with(attributes, parts)
    await world.run()
    assert world.same()
    assert entry(world).proof == proof
    assert entry(world).crc32c == crc32c_of(body())


@pytest.mark.parametrize("attributes", [Attributes(crc32c="AAAAAA=="), Attributes(crc64nvme="AAAAAAAAAAA=")])
async def test_what_is_not_proven_never_becomes_visible(attributes: Attributes) -> None:
    world = world_with(attributes)
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert KEY not in world.destination.objects
    assert entry(world).reason.startswith("corrupt")
    assert clean(world)


async def test_damage_on_the_way_is_seen_by_the_etag_of_the_parts() -> None:
    world = world_with(parts=1_000_000)
    world.cdn.tamper[KEY] = b"!" + body()[1:]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert KEY not in world.destination.objects


async def test_the_crash_test_reaches_every_step() -> None:
    world = world_with()
    await world.run()
    assert 100 < world.steps.taken <= 114


@pytest.mark.parametrize("crash_at", range(114))
async def test_killed_at_any_step_the_end_is_the_same(crash_at: int) -> None:
    world = world_with()
    world.steps.crash_at = crash_at
    run = await world.run()
    assert world.same()
    summary = await world.stores.runs.summary(run)
    assert summary.balanced
    assert summary.outcomes.total_keys == 2
    assert world.destination.writes.count(KEY) == 1
    assert not world.staging.staged.objects


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.booleans(), st.booleans())
async def test_duplicates_out_of_order_with_losses_in_between(
    chance: random.Random, times: int, replaced: bool, forgotten: bool
) -> None:
    world = world_with()
    world.send("list", ListMessage(), times=times)
    await until(world, chance.randrange(1, 3))
    world.inbox.extend(list(world.inbox))
    if replaced:
        world.bucket.put("large", body(2))
    if forgotten:
        world.stores.uploads.opened.clear()
        world.stores.uploads.noted.clear()
    await world.drain(chance.randrange)
    assert world.same()
    assert not world.staging.staged.objects


async def test_a_version_that_is_replaced_while_it_is_copied() -> None:
    world = world_with()
    world.send("list", ListMessage())
    await until(world, 2)
    world.bucket.put("large", body(2, 3 * PART + 1))
    await world.drain()
    assert world.same()
    (run,) = world.stores.runs.documents
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert clean(world)


async def test_a_small_version_comes_while_the_large_one_is_copied() -> None:
    world = world_with()
    world.send("list", ListMessage())
    await until(world, 1)
    world.bucket.put("large", b"")
    await world.drain()
    assert world.same()
    assert clean(world)


async def test_an_object_that_is_deleted_while_it_is_copied() -> None:
    world = world_with()
    run = world.send("list", ListMessage())
    await until(world, 1)
    del world.bucket.objects[KEY]
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert entry(world).reason.startswith("gone")
    assert clean(world)


async def test_an_upload_that_somebody_aborted_is_begun_anew() -> None:
    world = world_with()
    run = world.send("list", ListMessage())
    await until(world, 1)
    world.staging.uploads.clear()
    await world.drain()
    assert world.same()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert clean(world)


async def test_a_late_note_is_not_taken_for_a_part_of_an_upload_that_was_begun_anew() -> None:
    world = world_with()
    run = world.send("list", ListMessage())
    await until(world, 1)
    (old,) = world.stores.uploads.opened.values()
    note = world.stores.uploads.noted[old.upload].popitem()[1]
    world.staging.uploads.clear()
    await until(world, 2)
    for part in (1, 2, 3):
        await world.stores.uploads.note(old.upload, part, note)
    await world.drain()
    assert world.same()
    assert await counts(world, run) == {Outcome.COPIED: 2}


async def test_a_writer_who_comes_between_is_not_overwritten_blindly() -> None:
    """Law 3 where a completion takes no precondition: the move does."""
    world = world_with()
    move = world.staging.move
    intruded = False

    async def intrude(staged, upload, token=""):  # type: ignore[no-untyped-def]
        nonlocal intruded
        if not intruded:
            intruded = True
            world.destination.install(KEY, body(), upload.metadata)
        return await move(staged, upload, token)

    world.staging.move = intrude  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.UNCHANGED: 1}
    assert world.same()
    assert clean(world)


async def test_a_move_that_outlasts_an_invocation_goes_on_where_it_was() -> None:
    world = world_with(storage_classes={"STANDARD_IA": "NEARLINE"}, budgets={"transfer": 0.001})
    world.bucket.objects[KEY] = replace(world.bucket.objects[KEY], storage_class="STANDARD_IA")
    world.staging.calls_a_move = 7
    seen: list[str] = []
    move = world.staging.move

    async def slow(staged, upload, token=""):  # type: ignore[no-untyped-def]
        seen.append(token)
        world.clock.pass_time(1)
        return await move(staged, upload, token)

    world.staging.move = slow  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert seen == ["", "2", "3", "4", "5", "6", "7"]
    assert sorted(world.staging.sent) == [1, 2, 3], "no part is sent again"
    assert world.destination.classes[KEY] == "NEARLINE"
    assert clean(world)


async def test_the_class_of_an_object_in_parts_is_told_once() -> None:
    world = world_with()
    world.bucket.objects[KEY] = replace(world.bucket.objects[KEY], storage_class="STANDARD_IA")
    move = world.staging.move

    async def slow(staged, upload, token=""):  # type: ignore[no-untyped-def]
        world.clock.pass_time(60)  # until the next heartbeat
        return await move(staged, upload, token)

    world.staging.move = slow  # type: ignore[method-assign]
    size = len(world.bucket.objects[KEY].body)
    assert (await world.stores.runs.progress(await world.run())).classes == {"STANDARD_IA": (1, size)}


async def test_two_runs_that_carry_one_object_both_balance() -> None:
    world = world_with()
    first = world.send("list", ListMessage())
    await until(world, 1)
    second = world.send("list", ListMessage(prefix="la", force=True))
    await world.drain(lambda length: length - 1)
    assert world.same()
    for run in (first, second):
        summary = await world.stores.runs.summary(run)
        assert summary.balanced, summary
    assert clean(world)


async def test_a_part_that_fails_for_good_takes_its_object_along_and_no_other() -> None:
    world = world_with(max_attempts=2)

    async def refuse(*_: object) -> None:
        raise ConnectionError("no")

    world.staging.put = refuse  # type: ignore[assignment, method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert clean(world)


async def test_what_is_larger_than_cloud_storage_holds_is_unsupported() -> None:
    world = World()
    world.bucket.put("huge", b"")
    listed = world.bucket.listed

    def huge(key: bytes):  # type: ignore[no-untyped-def]
        return replace(listed(key), size=6 * 2**40)

    world.bucket.listed = huge  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.UNSUPPORTED: 1}
    assert "5497558138880" in entry(world, b"huge").reason
