"""Large objects, copied in parts, on the whole pipeline in memory."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from awscrt import checksums
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.budget import Budget
from shared.domain.checksums import VerifiedBy, encoded
from shared.domain.counts import Outcome
from shared.domain.digests import ALGORITHMS, PartDigests
from shared.domain.errors import Changed, Forbidden, ObjectError, Transient
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage
from shared.domain.objects import SOURCE_ETAG, Attributes, DestinationObject, SourceObject
from shared.domain.reasons import Party
from shared.ledger.record import BatchRecord
from shared.ports.download import OpenDownload, Span
from shared.ports.staging import StoredPart
from shared.ports.upload_store import OpenUpload, PartNote
from shared.runs.expire_uploads import UPLOAD_LIFE_SECONDS
from tests.fakes import crc32c_of
from tests.world import LIFE, PART, Crash, World, counts

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


UNEVEN = (PART + 7, 100, 50, PART - 1000, len(body()) - 2 * PART + 843)
"""Sizes of the source's parts; the copy takes the first one, then the three that follow and the last."""


def composite_of(algorithm: str, sizes: Sequence[int]) -> Attributes:
    """What S3 says of parts of these sizes."""
    parts, whole = PartDigests(sizes, algorithm), ALGORITHMS[algorithm]()
    parts.update(body())
    whole.update(parts.digests())
    return Attributes(composite=(algorithm, f"{base64.b64encode(whole.digest()).decode()}-{len(sizes)}"))


def even(size: int) -> Sequence[int]:
    whole, rest = divmod(len(body()), size)
    return (size,) * whole + (rest,)


@pytest.mark.parametrize(
    "sizes",
    [UNEVEN, even(1_000_000), even(PART), (len(body()),), (len(body()), 0), (*UNEVEN, 0)],
    ids=["uneven", "even", "as ours", "one", "one, empty end", "uneven, empty end"],
)
@pytest.mark.parametrize("algorithm", [None, *ALGORITHMS])
@pytest.mark.parametrize("damaged", [False, True])
async def test_checksums_of_the_source_s_parts_prove_the_whole(
    algorithm: str | None, sizes: Sequence[int], damaged: bool
) -> None:
    """Whichever the algorithm, None for the multipart ETag alone, and of whatever sizes the parts are."""
    world = World(large_bytes=PART, max_attempts=1)
    world.bucket.put("large", body(), composite_of(algorithm, sizes) if algorithm else None, parts=sizes)
    if damaged:
        world.cdn.tamper[KEY] = world.direct.tamper[KEY] = body()[:-1] + b"!"
    await world.run()
    proof = VerifiedBy.S3_COMPOSITE if algorithm else VerifiedBy.MULTIPART_ETAG
    assert entry(world).outcome is (Outcome.FAILED if damaged else Outcome.COPIED)
    assert entry(world).proof == ("" if damaged else proof)
    assert entry(world).reason.startswith("corrupt" if damaged else "")
    assert clean(world)


async def test_whole_parts_of_any_sizes_are_read_once() -> None:
    world = World(large_bytes=PART)
    world.bucket.put("large", body(), parts=UNEVEN)
    spans = []
    read = world.cdn.open

    async def open_it(source: SourceObject, span: Span | None = None) -> OpenDownload:
        spans.append(span)
        return await read(source, span)

    world.cdn.open = open_it  # type: ignore[method-assign]
    await world.run()
    assert sorted(span for span in spans if span) == [(0, UNEVEN[0]), (UNEVEN[0], len(body()))]
    assert world.same()


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
        (Attributes(crc64nvme=encoded(checksums.crc64nvme(body()), 8)), 1_000_000, VerifiedBy.S3_CRC),
        (Attributes(crc32=encoded(checksums.crc32(body()), 4)), 1_000_000, VerifiedBy.S3_CRC),
        (Attributes(crc32=encoded(checksums.crc32(body()), 4), encryption="aws:kms"), 0, VerifiedBy.S3_CRC),
        (Attributes(sha256="of the whole, which no parts make"), 0, VerifiedBy.CRC32C),
    ],
)
async def test_the_whole_is_proven_from_its_parts(attributes: Attributes, parts: int, proof: VerifiedBy) -> None:
    world = world_with(attributes, parts)
    await world.run()
    assert world.same()
    assert entry(world).proof == proof
    assert entry(world).crc32c == crc32c_of(body())


@pytest.mark.parametrize(
    "attributes",
    [Attributes(crc32c="AAAAAA=="), Attributes(crc64nvme="AAAAAAAAAAA="), Attributes(crc32="AAAAAA==")],
)
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
    assert 100 < world.steps.taken <= 130


@pytest.mark.parametrize("crash_at", range(130))
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


@pytest.mark.parametrize("after", [b"", b"small"])
async def test_what_is_not_large_any_more_is_not_fanned_out(after: bytes) -> None:
    """Nothing lies at the destination, so only S3 can say that the listed version is not the current one."""
    world = world_with()
    run = world.send("list", ListMessage())
    await until(world, 1)
    world.bucket.put("large", after)
    await world.drain()
    assert world.same()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert sum(said == "fanned out" for _, said, _ in world.log.lines) == 1
    assert clean(world)


async def test_what_shrank_between_listing_and_fan_out_is_copied_at_once() -> None:
    world = world_with()
    world.send("list", ListMessage())
    await world._deliver(world.inbox.popleft())
    world.bucket.put("large", b"")
    await world.drain()
    assert world.same()
    assert not any(said == "fanned out" for _, said, _ in world.log.lines)


async def test_force_outlives_a_lost_upload() -> None:
    """Wrong bytes that call themselves right are replaced, although the object had to be begun anew."""
    world = world_with()
    metadata = {SOURCE_ETAG: world.bucket.listed(KEY).etag}
    world.destination.install(KEY, b"!" + body()[1:], metadata, composite=True)
    run = world.send("list", ListMessage(prefix=b"large", force=True))
    await until(world, 1)
    world.staging.uploads.clear()
    await world.drain()
    assert world.destination.objects[KEY][1] == body()
    assert await counts(world, run) == {Outcome.COPIED: 1}
    assert clean(world)


async def fanned_out(world: World) -> list[TransferMessage]:
    """The messages of a large object's parts."""
    world.send("list", ListMessage(prefix=b"large"))
    for _ in range(2):
        await world._deliver(world.inbox.popleft())
        world.inbox.extend((topic, message, f"f{n}") for n, (topic, message) in enumerate(world.queue.sent))
        world.queue.sent.clear()
    parts = [message for _, message, _ in world.inbox]
    world.inbox.clear()
    assert all(isinstance(message, TransferMessage) and message.part for message in parts)
    return parts  # type: ignore[return-value]


async def test_parts_that_are_all_denied_at_once_end_their_key_once() -> None:
    """Its end is on record before its upload is dropped, so no other part misses the upload and begins it anew."""
    world = World(large_bytes=PART, max_attempts=5)
    world.bucket.put("large", bytes(12 * PART))
    parts = await fanned_out(world)

    async def denied(source: SourceObject, span: Span | None = None) -> OpenDownload:
        raise Forbidden("AccessDenied")

    async def arrives(number: int) -> None:
        await asyncio.sleep(number / 500)
        await world._deliver(("transfer", parts[number], f"p{number}"))

    commit = world.stores.ledger.commit_results

    async def slow(record: BatchRecord, version: object | None) -> None:
        await asyncio.sleep(0.01)
        await commit(record, version)

    world.cdn.open = denied  # type: ignore[method-assign]
    world.stores.ledger.commit_results = slow  # type: ignore[method-assign]
    await asyncio.gather(*map(arrives, range(len(parts))))
    await world.drain()
    assert entry(world).outcome is Outcome.FAILED
    assert sum(said == "fanned out" for _, said, _ in world.log.lines) == 1
    assert clean(world)


async def test_a_part_whose_key_has_ended_meanwhile_begins_nothing_anew() -> None:
    world = world_with()
    parts = await fanned_out(world)
    read = world.cdn.open

    async def ends(source: SourceObject, span: Span | None = None) -> OpenDownload:
        """While this part is read another message gives its key up."""
        found = await world.stores.ledger.get(parts[0].batch)
        assert found is not None
        given_up = replace(found.record.entries[0], outcome=Outcome.FAILED, reason="forbidden: no")
        await world.stores.ledger.commit_results(found.record.with_results([given_up], 1), found.version)
        world.staging.uploads.clear()
        return await read(source, span)

    world.cdn.open = ends  # type: ignore[method-assign]
    await world._deliver(("transfer", parts[0], "p0"))
    assert sum(said == "fanned out" for _, said, _ in world.log.lines) == 1
    await world._deliver(("transfer", parts[1], "p1"))
    assert not world.queue.sent
    assert clean(world)


async def test_a_part_that_comes_again_after_its_key_ended_cleans_up() -> None:
    """An invocation was killed after its move; the batch's own message found the object there and put it on record."""
    world = world_with()
    parts = await fanned_out(world)
    found = await world.stores.ledger.get(parts[0].batch)
    assert found is not None
    settled = replace(found.record.entries[0], outcome=Outcome.UNCHANGED)
    await world.stores.ledger.commit_results(found.record.with_results([settled], 1), found.version)
    assert not clean(world)
    await world._deliver(("transfer", parts[0], "p0"))
    assert clean(world)


async def test_a_late_part_of_an_ended_batch_leaves_another_batch_s_upload_alone() -> None:
    world = world_with()
    old = await fanned_out(world)
    found = await world.stores.ledger.get(old[0].batch)
    assert found is not None
    failed = replace(found.record.entries[0], outcome=Outcome.FAILED, reason="forbidden: no")
    await world.stores.ledger.commit_results(found.record.with_results([failed], 1), found.version)
    await fanned_out(world)
    await world._deliver(("transfer", old[0], "late"))
    assert world.stores.uploads.opened
    assert world.staging.uploads


@pytest.mark.parametrize("fault", [Forbidden("AccessDenied"), Transient("500")])
async def test_a_part_of_an_object_that_another_has_finished_has_not_failed(fault: ObjectError) -> None:
    """Its last try fails, for good or once more, after another run has brought the object."""
    world = world_with(max_attempts=1)
    parts = await fanned_out(world)
    read = world.cdn.open

    async def denied(source: SourceObject, span: Span | None = None) -> OpenDownload:
        if KEY not in world.destination.objects:
            world.destination.install(KEY, body(), {SOURCE_ETAG: source.etag}, composite=True)
        raise fault

    world.cdn.open = denied  # type: ignore[method-assign]
    await world._deliver(("transfer", parts[0], "p0"))
    world.cdn.open = read  # type: ignore[method-assign]
    assert entry(world).outcome is Outcome.UNCHANGED
    assert clean(world)


async def test_a_part_that_another_delivery_has_brought_is_not_missing() -> None:
    world = world_with(max_attempts=1)
    parts = await fanned_out(world)
    read, first = world.cdn.open, parts[0]

    async def overtaken(source: SourceObject, span: Span | None = None) -> OpenDownload:
        """The same message, delivered twice, is faster elsewhere."""
        world.cdn.open = read  # type: ignore[method-assign]
        await world._deliver(("transfer", first, "p0 again"))
        raise Forbidden("AccessDenied")

    world.cdn.open = overtaken  # type: ignore[method-assign]
    for number, message in enumerate(parts):
        await world._deliver(("transfer", message, f"p{number}"))
    assert entry(world).outcome is Outcome.COPIED
    assert clean(world)


async def test_a_last_look_that_fails_leaves_the_failure_as_it_was() -> None:
    world = world_with(max_attempts=1)
    parts = await fanned_out(world)

    async def away(name: bytes) -> DestinationObject | None:
        raise Transient("503")

    world.cdn.faults[KEY].append(Forbidden("AccessDenied"))
    world.destination.stat = away  # type: ignore[method-assign]
    await world._deliver(("transfer", parts[0], "p0"))
    assert (entry(world).outcome, entry(world).reason) == (Outcome.FAILED, "forbidden: AccessDenied")


async def test_an_upload_that_nobody_goes_on_with_is_forgotten() -> None:
    """Who began it was killed before its parts were published, and the source has changed since."""
    world = world_with()
    publish = world.queue.publish

    async def killed(topic: str, messages: Sequence[TransferMessage]) -> None:
        if any(message.part for message in messages):
            world.queue.publish = publish  # type: ignore[method-assign]
            world.bucket.put("large", body(2))
            raise Crash
        await publish(topic, messages)

    world.queue.publish = killed  # type: ignore[assignment, method-assign]
    await world.run()
    await world.run()
    assert world.same()
    assert [opened.published_for for opened in world.stores.uploads.opened.values()] == [""]
    world.clock.pass_time(UPLOAD_LIFE_SECONDS - 3 * LIFE)
    await world.run()
    assert len(world.stores.uploads.opened) == 1, "the staging bucket may still hold something of it"
    world.clock.pass_time(3 * LIFE)
    await world.run()
    assert not world.stores.uploads.opened


@pytest.mark.parametrize(("seconds", "gone"), [(0.01, 100), (1.0, 32)])
async def test_old_uploads_keep_a_run_waiting_for_seconds_only(seconds: float, gone: int) -> None:
    world = world_with()
    uploads, at_once, most = world.stores.uploads, 0, 0
    for number in range(100):
        await uploads.open(str(number), OpenUpload(f"old-{number}", f"u{number}", PART, 0, world.clock.time))
    world.clock.time += UPLOAD_LIFE_SECONDS + 1
    expire = uploads.expire

    async def slow(number: str, read: OpenUpload) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        world.clock.pass_time(seconds)
        at_once -= 1
        return await expire(number, read)

    uploads.expire = slow  # type: ignore[method-assign]
    await world._deliver(("list", ListMessage(), "m"))
    assert world.stores.runs.documents, "the run has begun"
    assert (100 - len(uploads.opened), most) == (gone, 32)


async def test_an_object_that_is_deleted_while_it_is_copied() -> None:
    world = world_with()
    run = world.send("list", ListMessage())
    await until(world, 1)
    del world.bucket.objects[KEY]
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert entry(world).reason.startswith("gone")
    assert clean(world)


@pytest.mark.parametrize("start", [PART, PART + 7], ids=["another place", "another size"])
async def test_a_part_that_an_instance_of_before_cut_elsewhere_is_not_taken_for_one(start: int) -> None:
    """It knows nothing of parts that differ in size, and nothing else may show it: of a proof by digests none is left
    where one part has none.
    """
    sizes = (PART + 7, PART, len(body()) - 2 * PART - 7)
    world = World(large_bytes=PART)
    world.bucket.put("large", body(), parts=sizes)
    parts = await fanned_out(world)
    (opened,) = world.stores.uploads.opened.values()
    assert [opened.plan(len(body())).span(n) for n in (1, 2)] == [(0, PART + 7), (PART + 7, 2 * PART + 7)]
    wrong = body()[PART : 2 * PART] if start == PART else body()[start : 2 * PART]

    async def chunks() -> AsyncIterator[bytes]:
        yield wrong

    stored = await world.staging.put(b"", opened.upload, 2, len(wrong), chunks())
    note = PartNote(stored.etag, len(wrong), stored.crc32c, 0, b"", "edge")
    await world.stores.uploads.note(opened.upload, 2, note)
    world.inbox.extend(("transfer", part, f"p{n}") for n, part in enumerate(parts))
    await world.drain()
    assert world.same()
    assert entry(world).proof == VerifiedBy.MULTIPART_ETAG
    assert [line["reason"] for _, said, line in world.log.lines if said == "begun anew"] == ["upload_lost"]
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


@pytest.mark.parametrize("lost", ["record", "upload", "object"])
async def test_an_upload_that_vanished_costs_no_attempt(lost: str) -> None:
    world = world_with(max_attempts=1)
    parts = await fanned_out(world)
    if lost == "object":  # the staged one, after its upload was completed
        complete = world.staging.complete

        async def taken_away(name: bytes, upload: str, etags: Sequence[str]) -> None:
            world.staging.complete = complete  # type: ignore[method-assign]
            await complete(name, upload, etags)
            world.staging.staged.objects.clear()
            world.clock.pass_time(LIFE)

        world.staging.complete = taken_away  # type: ignore[method-assign]
    elif lost == "upload":
        world.clock.pass_time(LIFE)
        world.staging.uploads.clear()
    else:
        world.stores.uploads.opened.clear()
    for number, message in enumerate(parts):
        await world._deliver(("transfer", message, f"p{number}"))
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED
    assert [attempt["attempt"] for _, said, attempt in world.log.lines if said == "begun anew"] == [1]
    assert clean(world) or lost == "record", "what nobody remembers is for the bucket's own rule"


async def test_parts_that_nobody_came_to_publish_are_published_by_one_that_comes_again() -> None:
    """An upload is lost; the part that misses it begins it anew and is killed. The others' messages have ended."""
    world = world_with()
    first, *others = await fanned_out(world)
    for message in others:
        await world._deliver(("transfer", message, "other"))
    world.staging.uploads.clear()
    publish = world.queue.publish

    async def killed(topic: str, messages: Sequence[TransferMessage]) -> None:
        world.queue.publish = publish  # type: ignore[method-assign]
        raise Crash

    world.queue.publish = killed  # type: ignore[assignment, method-assign]
    world.inbox.append(("transfer", first, "first"))
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED
    assert sorted(world.staging.sent) == [1, 2, 2, 3, 3]
    assert clean(world)


async def test_a_part_waits_for_who_may_still_publish_the_others() -> None:
    world = world_with()
    first, *_ = await fanned_out(world)
    ((number, opened),) = world.stores.uploads.opened.items()
    world.stores.uploads.opened[number] = replace(opened, published_for="", batches=())
    await world._deliver(("transfer", first, "first"))
    assert [delivery for _, _, delivery in world.inbox] == ["first"], "not acknowledged, and nothing published"
    assert not world.queue.sent
    world.stores.uploads.opened[number] = opened
    await world.drain()
    assert world.staging.sent == [1]


async def test_a_part_whose_upload_is_given_up_while_it_is_counted_comes_again() -> None:
    """Acknowledged, nobody would carry the key if who gave the upload up were killed before it is begun anew."""
    world = world_with()
    first, *_ = await fanned_out(world)
    await world._deliver(("transfer", first, "first"))
    ((number, opened),) = world.stores.uploads.opened.items()
    count = world.stores.uploads.count

    async def closed_meanwhile(upload: str) -> int:
        world.stores.uploads.count = count  # type: ignore[method-assign]
        await world.stores.uploads.close(number, opened.upload)
        return await count(upload)

    world.stores.uploads.count = closed_meanwhile  # type: ignore[method-assign]
    await world._deliver(("transfer", first, "first again"))
    assert [delivery for _, _, delivery in world.inbox] == ["first again"]
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED


async def test_a_part_of_an_upload_that_was_begun_anew_for_another_batch_comes_again() -> None:
    """The other batch's messages bring all parts, and end its own key only."""
    world = world_with()
    mine = await fanned_out(world)
    for message in mine[:2]:
        await world._deliver(("transfer", message, "mine"))
    other = [message.model_copy(update={"batch": "other", "run": "other", "part": None}) for message in mine[:1]]
    await world._deliver(("transfer", other[0], "other"))
    ((_, theirs),) = world.queue.sent
    world.queue.sent.clear()
    assert isinstance(theirs, TransferMessage)
    assert theirs.part is not None, "the one that was missing"
    world.staging.uploads.clear()
    await world._deliver(("transfer", mine[2], "begins it anew"))
    begun = [(topic, message, f"b{number}") for number, (topic, message) in enumerate(world.queue.sent)]
    world.queue.sent.clear()
    assert {message.batch for _, message, _ in begun} == {mine[0].batch}  # type: ignore[attr-defined]
    await world._deliver(("transfer", theirs, "theirs"))
    assert [delivery for _, _, delivery in world.inbox] == ["theirs"], "not acknowledged"
    world.inbox.extend(begun)
    await world.drain()
    ended = [item for record, _ in world.stores.ledger.documents.values() for item in record.entries]
    assert [item.outcome for item in ended if item.key == KEY] == [Outcome.COPIED, Outcome.UNCHANGED]
    assert clean(world)


async def begun_for_another(world: World) -> list[TransferMessage]:
    """Messages of all parts, of which each upload is noted for another batch, whose own messages are gone."""
    mine = await fanned_out(world)
    for number, opened in world.stores.uploads.opened.items():
        world.stores.uploads.opened[number] = replace(opened, published_for="other", batches=("other",))
    return mine


async def test_an_upload_whose_other_batch_has_lost_its_messages_is_taken_up_once_its_life_is_over() -> None:
    """A queue that was purged, say: each part that comes again would find that another batch's messages bring all."""
    world = world_with()
    mine = await begun_for_another(world)
    await world._deliver(("transfer", mine[0], "mine"))
    assert [delivery for _, _, delivery in world.inbox] == ["mine"], "not acknowledged while the others may come"
    world.clock.pass_time(LIFE)
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED
    assert sorted(world.staging.sent) == [1, 2, 3]
    assert clean(world)


async def test_parts_that_find_at_once_that_nobody_brings_the_others_publish_them_once() -> None:
    world = world_with()
    mine = await begun_for_another(world)
    world.clock.pass_time(LIFE)
    publish = world.queue.publish

    async def slowly(topic: str, messages: Sequence[TransferMessage]) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await publish(topic, messages)

    world.queue.publish = slowly  # type: ignore[assignment, method-assign]
    await asyncio.gather(*(world._deliver(("transfer", message, f"p{message.part}")) for message in mine[:2]))
    published = [message.part.number for _, message in world.queue.sent if isinstance(message, TransferMessage)]  # type: ignore[union-attr]
    assert sorted(published) == sorted(set(published)), "each by one of them"
    assert 3 in published
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED
    assert clean(world)


async def test_a_part_that_the_upload_begun_anew_does_not_have_is_not_missed() -> None:
    """PART_BYTES was raised between; then the upload vanished."""
    world = World(large_bytes=PART, max_attempts=1)
    world.bucket.put("large", bytes(6 * PART))
    parts = await fanned_out(world)
    object.__setattr__(world.handlers["transfer"].try_key.large, "part_bytes", 3 * PART)
    world.stores.uploads.opened.clear()
    for number, message in enumerate(parts):
        await world._deliver(("transfer", message, f"p{number}"))
    await world.drain()
    assert entry(world).outcome is Outcome.COPIED
    assert sorted(set(world.staging.sent)) == [1, 2]
    assert not any(severity == "ERROR" for severity, _, _ in world.log.lines)


async def test_uploads_that_vanish_at_once_are_not_begun_for_ever() -> None:
    world = world_with(max_attempts=3)
    put = world.staging.put

    async def vanishes(*given: Any) -> StoredPart:
        world.staging.uploads.clear()
        return await put(*given)

    world.staging.put = vanishes  # type: ignore[assignment, method-assign]
    await world.run()
    assert entry(world).reason.startswith("upload_lost")
    assert {attempt["attempt"] for _, said, attempt in world.log.lines if said == "begun anew"} == {1, 2}


@pytest.mark.parametrize("at_once", [1, 6])
async def test_an_object_none_of_whose_parts_can_be_had_is_begun_anew_once_an_attempt(at_once: int) -> None:
    """A server that answers no range, or an edge that is stale: each part finds so, many at a time."""
    world = World(large_bytes=PART, max_attempts=4)
    world.bucket.put("large", body(size=5 * PART + 1))
    run, delivered = world.send("list", ListMessage(scheduled=True)), 0

    async def refused(source: SourceObject, span: Span | None = None) -> OpenDownload:
        await asyncio.sleep(0.001)
        raise Changed("answered with everything, asked for a range", party=Party.EDGE)

    world.cdn.open = world.direct.open = refused  # type: ignore[method-assign]
    while world.inbox or world.queue.sent:
        world.inbox.extend((topic, message, f"s{next(world._numbers)}") for topic, message in world.queue.sent)
        world.queue.sent.clear()
        together = [world.inbox.popleft() for _ in range(min(at_once, len(world.inbox)))]
        await asyncio.gather(*map(world._deliver, together))
        delivered += len(together)
        assert delivered < 200
    assert await counts(world, run) == {Outcome.FAILED: 1}
    assert sum(said == "fanned out" for _, said, _ in world.log.lines) == 4
    assert len([attempt for _, said, attempt in world.log.lines if said == "begun anew"]) == 3
    assert clean(world)


async def test_parts_that_arrive_before_their_attempt_is_noted_are_not_taken_for_stale() -> None:
    """Sent again long after, a batch has the attempt that its record has; its upload had been begun anew since."""
    world = world_with()
    parts = await fanned_out(world)
    (batch,) = {part.batch for part in parts}
    uploads, publish = world.stores.uploads, world.queue.publish
    uploads.opened = {number: replace(opened, attempt=3) for number, opened in uploads.opened.items()}
    world.clock.time += LIFE + 1

    async def at_once(topic: str, messages: Sequence[TransferMessage]) -> None:
        """They are delivered while whoever publishes them has not gone on."""
        for message in messages:
            if message.part is None:
                await publish(topic, [message])
            else:
                await world.handlers["transfer"](message, "", Budget(world.clock.monotonic(), 540))

    world.queue.publish = at_once  # type: ignore[method-assign, assignment]
    again = parts[0].model_copy(update={"part": None, "attempt": 1})
    await world.handlers["transfer"](again, "", Budget(world.clock.monotonic(), 540))
    assert entry(world).outcome is Outcome.COPIED, batch


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


def moves_take(world: World, seconds: float, worn_out: str | None = None) -> list[str]:
    """Each call of a move lasts so long; the tokens that are shown. worn_out: one that has run out when it is shown for
    the first time.
    """
    seen, move = list[str](), world.staging.move

    async def slow(staged, upload, token=""):  # type: ignore[no-untyped-def]
        if token == worn_out and token not in seen:
            world.staging.good_tokens.clear()
        seen.append(token)
        world.clock.pass_time(seconds)
        return await move(staged, upload, token)

    world.staging.move = slow  # type: ignore[method-assign]
    return seen


async def test_a_move_that_outlasts_an_invocation_goes_on_where_it_was() -> None:
    world = world_with(storage_classes={"STANDARD_IA": "NEARLINE"}, budgets={"transfer": 0.001})
    world.bucket.objects[KEY] = replace(world.bucket.objects[KEY], storage_class="STANDARD_IA")
    world.staging.calls_a_move = 7
    seen = moves_take(world, 1)
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert seen == ["", "2", "3", "4", "5", "6", "7"]
    assert sorted(world.staging.sent) == [1, 2, 3], "no part is sent again"
    assert world.destination.classes[KEY] == "NEARLINE"
    assert clean(world)


async def test_a_move_whose_token_has_run_out_is_begun_anew() -> None:
    """It is good for a week: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite"""
    world = world_with(budgets={"transfer": 2.0})
    world.staging.calls_a_move = 3
    seen = moves_take(world, 3, worn_out="2")
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert seen == ["", "2", "", "2", "3"]
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
    second = world.send("list", ListMessage(prefix=b"la", force=True))
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


async def test_a_whole_that_its_parts_do_not_make_never_becomes_visible() -> None:
    """Every part arrived as it was read, and what was put together of them is something else."""
    world = world_with()
    complete = world.staging.complete

    async def damaged(name: bytes, upload: str, etags: Sequence[str]) -> None:
        await complete(name, upload, etags)
        world.staging.staged.install(name, body(3), composite=True)

    world.staging.complete = damaged  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    assert KEY not in world.destination.objects
    assert entry(world).reason.startswith("corrupt")
    assert clean(world)


@pytest.mark.parametrize("lost", ["version", "upload"])
async def test_what_changes_once_every_part_is_there_is_begun_anew(lost: str) -> None:
    """Between the last part and the look that goes before putting them together."""
    world = world_with()
    original, looks = world.bucket.inspect, 0

    async def inspect(key: bytes) -> tuple[SourceObject, Attributes]:
        nonlocal looks
        looks += key == KEY
        if looks == 2:  # the first one begins the upload
            looks += 1
            if lost == "version":
                world.bucket.put("large", body(2))
            else:
                world.stores.uploads.opened.clear()
                world.stores.uploads.noted.clear()
        return await original(key)

    world.bucket.inspect = inspect  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2}
    assert world.same()
    forgotten = lost == "upload"
    assert len(world.staging.uploads) == forgotten, "the staging bucket's lifecycle rule aborts what nobody knows of"
    assert forgotten or clean(world)


async def test_two_that_begin_at_once_leave_one_upload() -> None:
    world = world_with()
    begin = world.staging.begin
    second: list[asyncio.Task[None]] = []

    async def slow(name: bytes) -> str:
        await asyncio.sleep(0)
        return await begin(name)

    world.staging.begin = slow  # type: ignore[method-assign]
    entries = (ObjectEntry.of(world.bucket.listed(KEY)),)
    budget = Budget(world.clock.monotonic(), 540.0)
    for batch in ("one", "two"):
        message = TransferMessage(run="r", batch=batch, objects=entries)
        second.append(asyncio.create_task(world.handlers["transfer"](message, "", budget)))
    await asyncio.gather(*second)
    assert next(world.staging.numbers) == 2, "both have begun one"
    assert len(world.staging.uploads) == 1
    await world.drain()
    assert world.destination.objects[KEY][1] == body()
    assert clean(world)
