"""How keys end, on the whole pipeline in memory: failures, stale edges, names, races, verdicts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest

from shared.copying import transfer_batch
from shared.copying.edge_watch import MISSES_IN_A_ROW, PROBE_SECONDS, EdgeWatch
from shared.copying.route import Cheapest
from shared.domain.archive import Restore
from shared.domain.budget import Budget
from shared.domain.checksums import Chunk, VerifiedBy
from shared.domain.counts import Outcome
from shared.domain.errors import (
    BadKeys,
    Changed,
    ClockSkew,
    Corrupt,
    Forbidden,
    Gone,
    MalformedMessage,
    ObjectError,
    Refused,
    Throttled,
    Transient,
)
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage, VerifyMessage
from shared.domain.objects import SOURCE_KEY, SOURCE_MTIME, Attributes, DestinationObject, SourceObject
from shared.domain.provenance import of_the_owner
from shared.domain.reasons import Party
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.destination import Upload
from shared.pricing.egress import Threshold
from tests.fakes import FakeBucket, FakeDestination, FakeDownload, Stored, crc32c_of
from tests.world import World, counts, filled


async def test_one_failing_key_does_not_hold_up_the_others() -> None:
    world = filled(3)
    world.cdn.faults[b"k/001"] = [Forbidden("denied")]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2, Outcome.FAILED: 1}
    failed = [
        entry
        for record, _ in world.stores.ledger.documents.values()
        for entry in record.entries
        if entry.outcome == Outcome.FAILED
    ]
    assert [entry.reason for entry in failed] == ["forbidden: denied"]
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 2, Outcome.FAILED: 1}
    assert await counts(world, await world.run(ListMessage(prefix=b"k/"))) == {Outcome.UNCHANGED: 2, Outcome.COPIED: 1}


async def test_what_passes_by_itself_is_tried_again_here_then_handed_back() -> None:
    world = filled(3)
    world.cdn.faults[b"k/001"] = [Throttled("slow down", retry_after=7.0)] + [Transient("reset")] * 4
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 3}
    assert 7.0 in world.clock.slept
    handed = [fields for _, message, fields in world.log.lines if message == "requeued"]
    assert [fields["key"] for fields in handed] == ["k/001"]


async def test_after_the_last_attempt_a_key_has_failed_with_its_reason() -> None:
    world = filled(3)
    world.cdn.faults[b"k/001"] = [Transient("reset")] * 100
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 2, Outcome.FAILED: 1}
    assert len([key for name, key in world.bucket.requests if name == "cdn" and key == b"k/001"]) == 9


async def test_a_bug_in_one_copy_is_logged_and_the_others_go_on() -> None:
    world = filled(3)
    world.cdn.faults[b"k/001"] = [ZeroDivisionError("a bug")] * 100  # type: ignore[list-item]
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2, Outcome.FAILED: 1}
    assert any(message == "unexpected error" for _, message, _ in world.log.lines)


async def test_corrupt_bytes_never_become_visible() -> None:
    world = filled(3)
    world.cdn.tamper[b"k/002"] = b"xy"
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2, Outcome.FAILED: 1}
    assert b"k/002" not in world.destination.objects


@pytest.mark.parametrize("body", [b"", b"x", b"xxxx"])
async def test_truncated_and_over_long_bodies_never_become_visible(body: bytes) -> None:
    world = filled(3)
    world.cdn.tamper[b"k/002"] = body
    await world.run()
    assert b"k/002" not in world.destination.objects


async def test_a_stale_edge_is_gone_around() -> None:
    world = filled(2)
    old = world.bucket.objects[b"k/001"]
    await world.run()
    world.bucket.put("k/001", b"today's bytes")
    world.cdn.stale[b"k/001"] = old
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1, Outcome.UNCHANGED: 1}
    assert world.same()
    assert ("direct", b"k/001") in world.bucket.requests


def at_edge(kind: type[ObjectError], status: int) -> ObjectError:
    return kind(f"cloudfront GET: HTTP {status}", party=Party.EDGE, status=status)


REFUSALS = [(Gone, 404), (Refused, 405), (Refused, 414), (Refused, 416), (Forbidden, 403), (Refused, 400)]


@pytest.mark.parametrize(("kind", "status"), REFUSALS)
async def test_what_an_edge_refuses_is_asked_of_s3(kind: type[ObjectError], status: int) -> None:
    world = filled(2)
    world.cdn.faults[b"k/001"] = [at_edge(kind, status)] * 99
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2}
    assert [way for way, key in world.bucket.requests if key == b"k/001"] == ["cdn", "head", "direct"]


@pytest.mark.parametrize(("kind", "status"), REFUSALS[:4])
async def test_what_an_edge_keeps_is_tried_again_when_it_has_forgotten(kind: type[ObjectError], status: int) -> None:
    """For ten seconds all parts and all tries get the same answer."""
    world = filled(2, direct_allowed=False)
    world.cdn.faults[b"k/001"] = [at_edge(kind, status)]
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2}
    assert [seconds for seconds in world.clock.slept if seconds >= 10]


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_failing_edge_is_gone_around_or_waited_for(allowed: bool) -> None:
    world = filled(2, direct_allowed=allowed)
    world.cdn.faults[b"k/001"] = [at_edge(Transient, 503)] * 2
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2}
    assert (("direct", b"k/001") in world.bucket.requests) is allowed
    assert bool([seconds for seconds in world.clock.slept if seconds >= 10]) is not allowed


@pytest.mark.parametrize("edge", [(Gone, 404), (Forbidden, 403)])
async def test_what_s3_itself_refuses_ends_the_key(edge: tuple[type[ObjectError], int]) -> None:
    world = filled(2)
    world.cdn.faults[b"k/001"] = [at_edge(*edge)]
    world.direct.faults[b"k/001"] = [Forbidden("direct GET: HTTP 403", party=Party.S3, status=403)]
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    (reason,) = [
        entry.reason
        for record, _ in world.stores.ledger.documents.values()
        for entry in record.entries
        if entry.key == b"k/001"
    ]
    assert reason == "forbidden: direct GET: HTTP 403"


@pytest.mark.parametrize(("kind", "status"), [(BadKeys, 403), (ClockSkew, 403), (Throttled, 503)])
async def test_what_concerns_everybody_is_not_gone_around(kind: type[ObjectError], status: int) -> None:
    world = filled(1)
    world.cdn.faults[b"k/000"] = [at_edge(kind, status)] * 99
    await world.run()
    assert {way for way, key in world.bucket.requests if key == b"k/000"} == {"cdn"}


async def test_an_edge_that_cannot_be_used_is_said_once_and_not_paid_for_twice_for_every_object() -> None:
    """Without ETags no answer of the edge can be used: after some in a row S3 is read at once, and later one read
    tries the edge again.
    """
    world = filled(40)
    none = Changed("cloudfront GET: ETag , asked for x", party=Party.EDGE, status=200)
    for number in range(40):
        world.cdn.faults[b"k/%03d" % number] = [none]
    assert await counts(world, await world.run()) == {Outcome.COPIED: 40}
    asked = [key for way, key in world.bucket.requests if way == "cdn"]
    assert len(asked) == MISSES_IN_A_ROW
    (said,) = [fields for level, message, fields in world.log.lines if message == "the CDN cannot be used"]
    assert "price" in str(said["advice"])
    world.cdn.faults.clear()
    world.clock.pass_time(PROBE_SECONDS + 1)
    await world.run(ListMessage(prefix=b"k/", force=True))
    assert len([key for way, key in world.bucket.requests if way == "cdn"]) == MISSES_IN_A_ROW + 40


async def test_a_probe_that_fails_is_one_read() -> None:
    world = World()
    watch = EdgeWatch(world.clock, world.log)
    for _ in range(MISSES_IN_A_ROW):
        assert watch.allows()
        watch.missed("no ETag")
    assert not watch.allows()
    world.clock.pass_time(PROBE_SECONDS)
    assert [watch.allows(), watch.allows()] == [True, False]
    watch.missed("no ETag")
    assert not watch.allows()
    world.clock.pass_time(PROBE_SECONDS)
    assert watch.allows()
    watch.served()
    assert [watch.allows(), watch.allows()] == [True, True]
    assert sum(message == "the CDN cannot be used" for _, message, _ in world.log.lines) == 1


async def test_a_stale_edge_fails_clearly_where_the_direct_way_is_forbidden() -> None:
    world = filled(1, direct_allowed=False)
    old = Stored(b"old", Attributes(), 1)
    world.cdn.stale[b"k/000"] = old
    run = await world.run()
    assert await counts(world, run) == {Outcome.FAILED: 1}
    reason = next(iter(world.stores.ledger.documents.values()))[0].entries[0].reason
    assert reason.startswith("stale_edge")
    assert not world.destination.objects


async def test_a_stale_edge_cannot_put_old_bytes_over_new_ones() -> None:
    """The trap: a late duplicate of an old message, and an edge that still has exactly that old version."""
    world = filled(1)
    old_listing, old = world.bucket.listed(b"k/000"), world.bucket.objects[b"k/000"]
    await world.run()
    world.bucket.put("k/000", b"new")
    await world.run()
    world.cdn.stale[b"k/000"] = old
    late = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(old_listing),), force=True)
    world.send("transfer", late)
    await world.drain()
    assert world.same()


@pytest.mark.parametrize("again", [False, True], ids=["uncovered", "written again"])
async def test_a_write_that_comes_late_cannot_bring_back_what_was_listed_and_is_gone(again: bool) -> None:
    """One instance stands still before its write, while the newest version is removed, or gets the earlier bytes again.
    Another one finds the current version at both ends; were that all, the write would still be allowed.
    """
    world = filled(1)
    await world.run()
    earlier = world.bucket.objects[b"k/000"]
    world.bucket.put("k/000", b"soon gone")
    message = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(world.bucket.listed(b"k/000")),))
    write = world.destination.write

    async def stands_still(upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        world.destination.write = write  # type: ignore[method-assign]
        world.bucket.objects[b"k/000"] = earlier
        if again:
            world.bucket.put("k/000", earlier.body)
        world.send("transfer", message)
        await world._deliver(world.inbox.popleft())
        assert world.same()
        refused.append(upload.generation != world.destination.objects[b"k/000"][0].generation)
        return await write(upload, chunks)

    refused: list[bool] = []
    world.destination.write = stands_still  # type: ignore[method-assign]
    world.send("transfer", message)
    await world.drain()
    assert refused == [True]
    assert world.same()


@pytest.mark.parametrize("named", [False, True], ids=["in one second", "the other message names what is there"])
async def test_a_late_write_that_nothing_refuses_is_on_record_so_that_a_delta_mends_it(named: bool) -> None:
    """As above, but S3 tells one second of both versions, or the other message names the version that is there: so
    nothing is written before the late write.
    """
    world = filled(1)
    await world.run()
    earlier = world.bucket.objects[b"k/000"]
    world.bucket.put("k/000", b"soon gone")
    if not named:
        world.bucket.objects[b"k/000"] = replace(world.bucket.objects[b"k/000"], modified=earlier.modified)
    late = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(world.bucket.listed(b"k/000")),))
    write = world.destination.write

    async def stands_still(upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        world.destination.write = write  # type: ignore[method-assign]
        world.bucket.objects[b"k/000"] = earlier
        there = (ObjectEntry.of(world.bucket.listed(b"k/000")),)
        world.send("transfer", TransferMessage(run="late", batch="other", objects=there) if named else late)
        await world._deliver(world.inbox.popleft())
        world.clock.pass_time(60)
        return await write(upload, chunks)

    world.destination.write = stands_still  # type: ignore[method-assign]
    world.send("transfer", late)
    await world.drain()
    assert not world.same(), "it was not refused"
    (record,) = [item for item, _ in world.stores.ledger.documents.values() if item.batch == "late"]
    ended = Outcome.COPIED if named else Outcome.UNCHANGED
    assert list(record.tally()) == [(ended, 1, len(b"soon gone"))], "counted as it ended first, and as it was listed"
    await world.run()
    assert world.same()


async def test_a_late_write_of_another_version_than_one_that_failed_is_no_failure_of_what_is_there() -> None:
    """Another delivery of the message was denied meanwhile; the record must not say so of the version that was copied."""
    world = filled(1)
    await world.run()
    world.bucket.put("k/000", b"listed")
    late = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(world.bucket.listed(b"k/000")),))
    world.bucket.put("k/000", b"there")
    write = world.destination.write

    async def stands_still(upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        world.destination.write = write  # type: ignore[method-assign]
        for way in (world.cdn, world.direct):
            way.faults[b"k/000"] = [Forbidden("denied")]
        await world._deliver(("transfer", late, "again"))
        for way in (world.cdn, world.direct):
            way.faults.clear()
        world.clock.pass_time(60)
        return await write(upload, chunks)

    world.destination.write = stands_still  # type: ignore[method-assign]
    world.send("transfer", late)
    await world.drain()
    (record,) = [item for item, _ in world.stores.ledger.documents.values() if item.batch == "late"]
    assert list(record.tally()) == [(Outcome.FAILED, 1, len(b"listed"))], "the first ending stands"
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 1}
    assert world.same()


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "its answer lost"])
async def test_what_was_written_last_is_on_record_last_whichever_batch_was_published_first(heard: bool) -> None:
    """A batch stood still before its look, while a later one was copied; then the source has the later one's version
    again, which is not what is at the destination. Who does not hear that it has written finds its own copy.
    """
    world = filled(1)
    await world.run()
    write = world.destination.write

    async def loses_its_answer(upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        world.destination.write = write  # type: ignore[method-assign]
        await write(upload, chunks)
        raise Transient("no answer")

    def batch(name: str) -> TransferMessage:
        listed = ObjectEntry.of(world.bucket.listed(b"k/000"))
        record = BatchRecord(name, name, world.clock.now(), [Entry.of(listed.source())])
        world.stores.ledger.documents[name] = record, 1
        return TransferMessage(run=name, batch=name, objects=(listed,))

    async def copied(message: TransferMessage) -> Stored:
        world.clock.pass_time(60)
        world.send("transfer", message)
        await world.drain()
        assert world.same()
        return world.bucket.objects[b"k/000"]

    world.bucket.put("k/000", b"when the early one was published")
    early = batch("early")
    world.bucket.put("k/000", b"of the later one")
    later = await copied(batch("later"))
    world.bucket.put("k/000", b"what the early one finds")
    if not heard:
        world.destination.write = loses_its_answer  # type: ignore[method-assign]
    await copied(early)
    world.bucket.objects[b"k/000"] = later
    await world.run()
    assert world.same()


async def gone_again(world: World) -> None:
    """A version is listed and gone again; what is copied already is current once more. Its batch, seen through."""
    earlier = world.bucket.objects[b"k/000"]
    world.bucket.put("k/000", b"soon gone")
    message = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(world.bucket.listed(b"k/000")),))
    world.bucket.objects[b"k/000"] = earlier
    world.send("transfer", message)
    await world.drain()


async def test_what_is_archived_and_current_once_more_is_not_read_again() -> None:
    """It cannot be, and the key would end as one that must be restored, although its copy is there."""
    world = filled(1)
    await world.run()
    world.bucket.objects[b"k/000"].restore = Restore.NEEDED
    await gone_again(world)
    assert [entry.outcome for entry in (await world.stores.ledger.get("late")).record.entries] == [Outcome.UNCHANGED]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("ours", "said"), [(True, "9" * 5000), (False, "4000000000")], ids=["no number", "of a file that others copied"]
)
async def test_a_copy_that_does_not_say_of_which_version_it_is_is_written_once_more(ours: bool, said: str) -> None:
    world = filled(1)
    await world.run()
    stored, body = world.destination.objects[b"k/000"]
    told = {**stored.metadata, SOURCE_MTIME: said} if ours else {SOURCE_MTIME: said}
    world.destination.objects[b"k/000"] = replace(stored, metadata=told), body
    await gone_again(world)
    assert world.destination.objects[b"k/000"][0].generation > stored.generation
    assert world.same()


async def test_what_was_listed_before_the_copy_s_version_is_copied_by_nobody() -> None:
    world = filled(1)
    older = TransferMessage(run="late", batch="late", objects=(ObjectEntry.of(world.bucket.listed(b"k/000")),))
    world.bucket.put("k/000", b"newer")
    await world.run()
    writes = len(world.destination.writes)
    world.send("transfer", older)
    await world.drain()
    assert world.same()
    assert len(world.destination.writes) == writes == 1


async def test_a_version_that_changed_since_the_listing_is_copied_and_the_books_still_balance() -> None:
    world = filled(2)
    world.send("list", ListMessage())
    await world._deliver(world.inbox.popleft())
    world.bucket.put("k/001", b"much longer than it was listed")
    await world.drain()
    assert world.same()
    (run,) = world.stores.runs.documents
    assert await counts(world, run) == {Outcome.COPIED: 2}


async def test_a_key_deleted_since_the_listing_has_failed_as_gone() -> None:
    world = filled(2)
    run = world.send("list", ListMessage())
    await world._deliver(world.inbox.popleft())
    del world.bucket.objects[b"k/001"]
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    reasons = [entry.reason for record, _ in world.stores.ledger.documents.values() for entry in record.entries]
    assert any(reason.startswith(Gone.reason) for reason in reasons)


async def test_unsupported_and_archived_keys_end_as_such_and_stay_so() -> None:
    world = filled(1)
    world.bucket.put("a\nb", b"1")
    world.bucket.put("cold", b"1", storage_class="GLACIER")
    expected = {Outcome.UNSUPPORTED: 1, Outcome.ARCHIVED: 1}
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1, **expected}
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 1, **expected}


async def test_zero_bytes_and_folder_markers_are_objects() -> None:
    world = World()
    world.bucket.put("empty", b"")
    world.bucket.put("folder/", b"")
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2}
    assert world.same()


async def test_the_copy_says_where_it_came_from() -> None:
    world = World()
    world.bucket.put("k", b"body", Attributes(content_type="a/b", metadata={"mine": "1"}))
    await world.run()
    written = world.destination.objects[b"k"][0]
    listed = world.bucket.listed(b"k")
    assert written.metadata == {
        "mine": "1",
        "s3gcs-bucket": "source",
        "s3gcs-job": "job",
        "s3gcs-key": "k",
        "s3gcs-etag": listed.etag,
        "goog-reserved-file-mtime": str(listed.modified),
    }


USERS = {
    "s3-key": "another",
    "s3-etag": "theirs",
    "s3-encryption": "aws:kms",
    "s3gcs-key": "a third",
    "s3gcs-user-x": "1",
    "goog-reserved-file-mtime": "7",
}


async def test_an_owner_may_use_our_names() -> None:
    """Such an object is copied, compared, replaced and recognised as any other, and nothing of its metadata is lost."""
    world = World()
    world.bucket.put("k", b"body", Attributes(metadata=USERS))
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1}
    assert of_the_owner(world.destination.objects[b"k"][0].metadata) == USERS
    assert await counts(world, await world.run(ListMessage(prefix=b"k"))) == {Outcome.UNCHANGED: 1}
    assert (await world.stores.runs.summary(await world.run(VerifyMessage()))).verdicts.keys == {"same": 1}
    world.bucket.put("k", b"other", Attributes(metadata=USERS))
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1}
    assert world.same()


async def test_what_was_copied_before_and_froze_is_replaced() -> None:
    """Copies up to now may carry an owner's s3-key: it is no sign of another key, unless that key would lie there."""
    world = World()
    world.bucket.put("k", b"new", Attributes(metadata={"s3-key": "another"}))
    world.destination.install(b"k", b"old", {"s3-etag": "0" * 32, "s3-key": "another"})
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1}
    assert world.same()


@pytest.mark.parametrize("way", ["cdn", "direct"])
async def test_checksums_that_an_edge_leaves_out_are_asked_of_s3_only_where_nothing_else_proves_a_copy(
    way: str,
) -> None:
    world = World()
    world.cdn.name = way
    world.cdn.hides_checksums = way == "cdn"
    world.bucket.put("plain", b"its ETag is its MD5")
    world.bucket.put("kms", b"body", Attributes(encryption="aws:kms", crc32c=crc32c_of(b"body")))
    world.bucket.objects[b"kms"].etag = "ab" * 16
    assert await counts(world, await world.run()) == {Outcome.COPIED: 2}
    found = [entry for record, _ in world.stores.ledger.documents.values() for entry in record.entries]
    assert {entry.key: entry.proof for entry in found} == {b"plain": VerifiedBy.MD5, b"kms": VerifiedBy.S3_CRC}
    asked = [key for what, key in world.bucket.requests if what == "head"]
    assert asked == ([b"kms"] if way == "cdn" else [])


async def test_copies_of_before_are_read_as_they_were_meant() -> None:
    world = World(mapping=KeyMapping(encode=True))
    world.bucket.put("parts", b"0123456789", parts=6)
    world.bucket.put("kms", b"body", Attributes(encryption="aws:kms"))
    world.bucket.objects[b"kms"].etag = "ab" * 16
    world.bucket.put("a\nb", b"encoded")
    world.bucket.put(".s3-names/a%0Ab", b"of its own")
    world.destination.install(b"parts", b"0123456789", {"s3-etag": world.bucket.listed(b"parts").etag}, composite=True)
    world.destination.install(b"kms", b"body", {"s3-etag": "ab" * 16, "s3-encryption": "aws:kms"})
    etag = world.bucket.listed(b"a\nb").etag
    world.destination.install(b".s3-names/a%0Ab", b"encoded", {"s3-etag": etag, "s3-key": "a%0Ab"})
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 3, Outcome.UNSUPPORTED: 1}
    assert len(world.destination.writes) == 3, "nothing is copied again"


async def test_roots_on_both_sides() -> None:
    world = World(mapping=KeyMapping(b"from/", b"to/here/"))
    world.bucket.put("from/a", b"1")
    world.bucket.put("other/b", b"2")
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1}
    assert list(world.destination.objects) == [b"to/here/a"]
    assert (await world.stores.runs.summary(await world.run(VerifyMessage()))).verdicts.keys == {"same": 1}


async def test_keys_being_copied_by_another_run_are_left_to_it() -> None:
    world = filled(3)
    world.send("list", ListMessage())
    await world._deliver(world.inbox.popleft())
    waiting, world.queue.sent = world.queue.sent, []
    second = await world.run(ListMessage(prefix=b"k/"))
    assert await counts(world, second) == {Outcome.IN_FLIGHT: 3}
    world.clock.time += 3601
    third = await world.run()
    assert await counts(world, third) == {Outcome.COPIED: 3}
    world.queue.sent = waiting
    await world.drain()
    assert len(world.destination.writes) == 3


async def test_verdicts_are_counted_and_extras_are_only_reported() -> None:
    world = filled(3)
    await world.run()
    world.destination.install(b"extra", b"not ours")
    world.destination.install(b"k/001", b"y")
    run = await world.run(VerifyMessage(repair=False))
    summary = await world.stores.runs.summary(run)
    assert summary.verdicts.keys == {"same": 2, "checksum_differs": 1, "extra": 1}
    assert await counts(world, run) == {Outcome.UNCHANGED: 2, Outcome.FAILED: 1}
    assert b"extra" in world.destination.objects


@pytest.mark.parametrize("where", ["extra", "z"])
async def test_a_verifier_s_budget_ends_among_extras_too(where: str) -> None:
    world = filled(3)
    world.destination.page_size = 2
    await world.run()
    for number in range(5):
        world.destination.install(f"{where}/{number}".encode(), b"not ours")
    world.destination.install(b"k/001", b"y")
    world.budgets["verify"] = 0
    run = await world.run(VerifyMessage())
    summary = await world.stores.runs.summary(run)
    assert summary.verdicts.keys == {"extra": 5, "same": 2, "checksum_differs": 1}
    assert await counts(world, run) == {Outcome.UNCHANGED: 2, Outcome.COPIED: 1}
    assert sum(piece.run == run for piece in world.stores.ranges.documents) > 3


async def test_what_s3_says_of_a_newer_version_is_not_said_of_these_bytes() -> None:
    """An edge hides what proves them, and the object is replaced before S3 is asked for it."""
    world = World()
    kms = Attributes(encryption="aws:kms")
    world.bucket.put("k", b"old bytes", kms)
    original = world.bucket.inspect

    async def inspect(key: bytes) -> tuple[SourceObject, Attributes]:
        if world.bucket.objects[key].body == b"old bytes":
            world.bucket.put("k", b"new bytes", replace(kms, content_type="text/new"))
        return await original(key)

    world.bucket.inspect = inspect  # type: ignore[method-assign]
    assert await counts(world, await world.run()) == {Outcome.COPIED: 1}
    assert world.same()
    assert world.destination.writes == [b"k"], "the old bytes were never there under what is said of the new ones"


async def test_a_lost_race_looks_again() -> None:
    """Two instances copy one new version: the slower one's condition fails, and it finds the work done."""
    world = filled(1)
    original = world.destination.write
    first = True

    async def write(upload, chunks):  # type: ignore[no-untyped-def]
        nonlocal first
        if first:
            first = False
            world.destination.install(upload.name, world.bucket.objects[b"k/000"].body, upload.metadata)
        return await original(upload, chunks)

    world.destination.write = write  # type: ignore[method-assign]
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 1}
    assert len(world.destination.writes) == 1


@pytest.mark.parametrize(
    "message", [ListMessage(prefix=b"other/"), ListMessage(keys=(b"other/x",)), VerifyMessage(prefix=b"x")]
)
async def test_what_lies_outside_the_root_is_malformed(message: ListMessage | VerifyMessage) -> None:

    world = World(mapping=KeyMapping(b"from/", b""))
    handler: Callable[..., object] = world.handlers["verify" if isinstance(message, VerifyMessage) else "list"]
    with pytest.raises(MalformedMessage, match="outside the job's root"):
        await handler(message, "run-1", Budget(0, 10))  # type: ignore[misc]
    assert not world.stores.runs.documents


def test_corrupt_is_worth_another_try() -> None:
    assert Corrupt("x").retryable


async def test_a_copy_that_outlasts_an_invocation_is_stopped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 6: no invocation outlives its budget, however large the object."""
    monkeypatch.setattr(transfer_batch, "GRACE_SECONDS", 0.02)
    monkeypatch.setattr(transfer_batch, "delay_seconds", lambda *_: 0.0)
    world = filled(2, budget_seconds=0.02)

    async def for_ever(upload, chunks):  # type: ignore[no-untyped-def]
        if upload.name == b"k/001":
            await asyncio.sleep(60)
        return await FakeDestination.write(world.destination, upload, chunks)

    world.destination.write = for_ever  # type: ignore[method-assign]
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.FAILED: 1}
    reasons = [entry.reason for record, _ in world.stores.ledger.documents.values() for entry in record.entries]
    assert any("outlasts an invocation" in reason for reason in reasons)


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "no answer in time"])
async def test_a_write_whose_answer_never_came_before_the_end_is_looked_for(
    seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last attempt is cancelled while it waits for an answer to what has been done already."""
    for name, seconds in (("GRACE_SECONDS", 0.02), ("LAST_LOOK_SECONDS", 0.05)):
        monkeypatch.setattr(transfer_batch, name, seconds)
    world = filled(1, budget_seconds=0.02, max_attempts=1)
    stat = world.destination.stat

    async def without_an_answer(upload, chunks):  # type: ignore[no-untyped-def]
        await FakeDestination.write(world.destination, upload, chunks)
        await asyncio.sleep(60)

    async def look(name: bytes) -> DestinationObject | None:
        if not seen:
            await asyncio.sleep(60)
        return await stat(name)

    world.destination.write = without_an_answer  # type: ignore[method-assign]
    world.destination.stat = look  # type: ignore[method-assign]
    run = await asyncio.wait_for(world.run(), 5)
    assert world.same()
    assert await counts(world, run) == {Outcome.UNCHANGED if seen else Outcome.FAILED: 1}


AWKWARD_REFUSED = ["a\nb", "c\rd", ".well-known/acme-challenge/x"]


async def test_refused_names_are_encoded_where_the_job_asks_and_read_back() -> None:
    world = World(mapping=KeyMapping(encode=True))
    for key in [*AWKWARD_REFUSED, "plain", ".s3-names/of-its-own"]:
        world.bucket.put(key, key.encode())
    run = await world.run()
    assert await counts(world, run) == {Outcome.COPIED: 5}
    names = set(world.destination.objects)
    assert names == {
        b".s3-names/a%0Ab",
        b".s3-names/c%0Dd",
        b".s3-names/.well-known%2Facme-challenge%2Fx",
        b"plain",
        b".s3-names/of-its-own",
    }
    for key in AWKWARD_REFUSED:
        name = world.mapping.place(key.encode()).name
        assert name is not None
        copy, body = world.destination.objects[name]
        assert (body, unquote(copy.metadata[SOURCE_KEY])) == (key.encode(), key)
        assert world.mapping.original(name) == key.encode()
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 5}
    check = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(check)).verdicts.keys == {"same": 5}


async def test_two_keys_never_take_turns_at_one_name() -> None:
    world = World(mapping=KeyMapping(encode=True))
    world.bucket.put("a\nb", b"encoded")
    world.bucket.put(".s3-names/a%0Ab", b"of its own")
    first = await counts(world, await world.run())
    assert first == {Outcome.COPIED: 1, Outcome.UNSUPPORTED: 1}
    (held,) = world.destination.objects.values()
    assert await counts(world, await world.run(ListMessage(prefix=b"a", force=True))) is not None
    assert next(iter(world.destination.objects.values()))[1] == held[1], "whoever came first stays"


async def test_the_old_route_is_on_record_where_the_name_is_new() -> None:
    world = World(mapping=KeyMapping(b"images/", b"avatar/"))
    world.bucket.put("images/1 é.jpg", b"1")
    await world.run()
    (copy, _) = world.destination.objects["avatar/1 é.jpg".encode()]
    assert unquote(copy.metadata[SOURCE_KEY]) == "images/1 é.jpg"


async def test_storage_classes_are_mapped_and_the_others_left_to_the_bucket() -> None:
    world = World(storage_classes={"STANDARD_IA": "NEARLINE"})
    world.bucket.put("cool", b"1", storage_class="STANDARD_IA")
    world.bucket.put("warm", b"2")
    await world.run()
    assert world.destination.classes == {b"cool": "NEARLINE", b"warm": None}


async def test_what_classes_and_kms_ask_for_is_told_to_the_run() -> None:
    world = World()
    world.bucket.put("cool", b"12", storage_class="STANDARD_IA", attributes=Attributes(encryption="aws:kms"))
    world.bucket.put("cooler", b"345", storage_class="GLACIER_IR")
    world.bucket.put("coolest", b"6789", storage_class="STANDARD_IA")
    world.bucket.put("spared", b"0", attributes=Attributes(encryption="aws:kms", bucket_key=True))
    world.bucket.put("warm", b"1", attributes=Attributes(encryption="AES256"))
    progress = await world.stores.runs.progress(await world.run())
    assert progress.classes == {"STANDARD_IA": (2, 6), "GLACIER_IR": (1, 3)}
    assert progress.kms == 1


async def test_a_multipart_etag_proves_a_copy_at_the_price_of_one_head() -> None:
    world = World()
    world.bucket.put("parts", b"0123456789" * 100, parts=300)
    world.bucket.put("plain", b"0123456789")
    await world.run()
    proofs = {
        entry.key: entry.proof for record, _ in world.stores.ledger.documents.values() for entry in record.entries
    }
    assert proofs == {b"parts": VerifiedBy.MULTIPART_ETAG, b"plain": VerifiedBy.MD5}
    assert [key for name, key in world.bucket.requests if name == "part_sizes"] == [b"parts"]


@pytest.mark.parametrize(
    ("sizes", "reads"),
    [((10, 9, 8), 1), ((10, 9, 11, 10), 2), ((3, 3, 5), 1)],
    ids=["uneven", "even at its ends", "long last"],
)
async def test_parts_of_any_sizes_prove_a_copy(sizes: tuple[int, ...], reads: int) -> None:
    """What looks even by its first and last part, and is not, costs one more read and not one each attempt."""
    world = World()
    world.bucket.put("parts", bytes(range(sum(sizes))), parts=sizes)
    await world.run()
    (entry,) = [entry for record, _ in world.stores.ledger.documents.values() for entry in record.entries]
    assert (entry.outcome, entry.proof) == (Outcome.COPIED, VerifiedBy.MULTIPART_ETAG)
    assert [key for name, key in world.bucket.requests if name in ("cdn", "direct")] == [b"parts"] * reads


async def test_an_edge_that_hides_the_encryption_is_not_taken_at_its_word() -> None:
    """The ETag of an object under SSE-KMS looks like an MD5 and is none: S3 itself says so."""
    world = World()
    world.bucket.put("k", b"body", Attributes(encryption="aws:kms"))
    world.bucket.objects[b"k"].etag = "ab" * 16
    world.cdn.hides_encryption = True
    await world.run()
    (entry,) = [entry for record, _ in world.stores.ledger.documents.values() for entry in record.entries]
    assert (entry.outcome, entry.proof) == (Outcome.COPIED, VerifiedBy.CRC32C)
    assert [key for name, key in world.bucket.requests if name == "cdn"] == [b"k", b"k"]


async def test_damage_that_only_the_multipart_etag_shows_never_becomes_visible() -> None:
    world = World()
    world.bucket.put("parts", b"0123456789" * 100, parts=300)
    world.cdn.tamper[b"parts"] = b"!" + b"0123456789" * 100
    world.cdn.tamper[b"parts"] = world.cdn.tamper[b"parts"][:1000]
    assert await counts(world, await world.run()) == {Outcome.FAILED: 1}
    assert not world.destination.objects


async def test_the_cheapest_way_is_chosen_object_by_object() -> None:
    bucket = FakeBucket()
    cdn, direct = FakeDownload(bucket, "cdn"), FakeDownload(bucket, "direct")
    cheapest = Cheapest(cdn, direct, Threshold(200_000))
    for key, size in (("small", 199_000), ("large", 201_000)):
        bucket.put(key, bytes(size))
        await cheapest.open(bucket.listed(key.encode()))
    await cheapest.open(bucket.listed(b"large"), (0, 100))
    assert bucket.requests == [("direct", b"small"), ("cdn", b"large"), ("direct", b"large")]
