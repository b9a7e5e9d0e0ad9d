"""What a comparison calls the same, and by what; its report names all the rest."""

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.checksums import VerifiedBy
from shared.domain.counts import Outcome
from shared.domain.errors import Forbidden, KmsDenied
from shared.domain.filters import Filters
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.reasons import Party
from shared.ports.control_store import Control
from shared.ranges.publishing import Publishing
from shared.ranges.send_again import SentAgain
from shared.reporting.units import moment
from tests.world import LEASE, World, counts, filled


def in_parts(count: int = 4, **options: Any) -> World:
    """Objects whose ETags are no MD5: k/0, k/1, …"""
    world = World(**options)
    for number in range(count):
        world.bucket.put(f"k/{number}", b"of parts %d" % number, parts=2)
    return world


async def compared(world: World, message: VerifyMessage | None = None) -> tuple[str, str]:
    """Colour and sentence of a comparison's report, and the report."""
    return await reported(world, await world.run(message or VerifyMessage()))


async def reported(world: World, run: str) -> tuple[str, str]:
    await world.run(VerifyMessage(close=True))
    page = world.reports.files[f"job/{run}/report.html"][0].decode()
    found = re.search(r'<header class="(\w+)"><h1>([^<]*)', page)
    assert found is not None
    return f"{found[1]}: {found[2]}", page


def spoil(world: World, name: bytes) -> None:
    """Other bytes of the same size under the same name, with all that the copy carried."""
    copy, body = world.destination.objects[name]
    world.destination.install(name, bytes(len(body)), dict(copy.metadata), composite=True)


async def test_a_copy_of_parts_with_other_bytes_is_found_and_made_again() -> None:
    world = in_parts()
    await world.run()
    assert (await compared(world))[0] == "good: All 4 keys are the same: 4 by the CRC32C remembered from their copy."
    spoil(world, b"k/2")
    sentence, page = await compared(world)
    by = "3 by the CRC32C remembered from their copy"
    assert sentence == f"warning: 3 of 4 keys are the same ({by}); 1 of other bytes; 1 was copied again."
    assert "<td>k/2</td>" in page
    assert "checksum differs" in page
    assert world.same()
    assert (await compared(world))[0].startswith("good: All 4 keys are the same")


async def test_a_comparison_that_is_killed_has_the_spoilt_copy_made_again_all_the_same() -> None:
    for crash_at in range(0, 60, 2):
        world = in_parts()
        await world.run()
        spoil(world, b"k/2")
        world.steps.taken, world.steps.crash_at = 0, crash_at
        await world.run(VerifyMessage())
        world.clock.time += LEASE + 1
        await world.run(VerifyMessage(close=True))
        assert world.same(), crash_at


async def test_a_repair_that_waited_for_the_end_of_a_pause_is_made_all_the_same() -> None:
    """Sent again like any other batch, the copy was found to say that it is of this version, and left as it was."""
    world = in_parts()
    await world.run()
    spoil(world, b"k/2")
    run = world.send("verify", VerifyMessage())
    await world.drain(most=1, finish=False)
    world.clock.time += 2
    world.stores.control.said = Control(paused=True)
    await world.drain()
    assert not world.same(), "the batch waits"
    assert await world.admin.resume() == SentAgain(ranges=0, batches=1)
    world.clock.time += 2
    await world.drain()
    assert world.same()
    assert await counts(world, run) == {Outcome.COPIED: 1, Outcome.UNCHANGED: 3}


@pytest.mark.parametrize("reread", [False, True])
async def test_what_the_ledger_has_forgotten_is_unproven_and_read_again_if_the_job_asks(reread: bool) -> None:
    world = in_parts(reread_unproven=reread)
    await world.run()
    world.stores.ledger.documents.clear()
    writes = len(world.destination.writes)
    sentence, page = await compared(world)
    again = "; 4 were copied again" if reread else ""
    assert sentence == f"warning: 0 of 4 keys are the same; 4 unproven{again}."
    assert len(world.destination.writes) - writes == (4 if reread else 0)
    assert "REREAD_UNPROVEN" in page
    assert (await compared(world))[0].startswith("good" if reread else "warning: 0 of 4")


async def test_keys_to_be_copied_though_their_copies_carry_the_etag_are_held_until_they_are_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of a whole invocation were: a million, eight times side by side, in an instance of a gibibyte."""
    world, most, send = filled(60, reread_unproven=True), 0, Publishing._send
    await world.run()
    world.stores.ledger.documents.clear()
    for key, (copy, body) in [*world.destination.objects.items()]:
        world.destination.install(key, body, copy.metadata, composite=True)
    world.bucket.page_size = 10

    async def watched(out: Publishing, batches: Sequence[tuple[SourceObject, ...]]) -> None:
        nonlocal most
        await send(out, batches)
        most = max(most, len(out.repairs or ()))

    monkeypatch.setattr(Publishing, "_send", watched)
    run = await world.run(VerifyMessage())
    assert await counts(world, run) == {Outcome.COPIED: 60}
    assert most <= world.keys_per_message, "of the batch that is not full yet"


@pytest.mark.parametrize("reread", [False, True])
async def test_copies_under_a_key_at_kms_are_proven_and_not_made_again(reread: bool) -> None:
    """Their listing shows no checksums: each comparison made the whole bucket anew.
    https://cloud.google.com/storage/docs/encryption/customer-managed-keys#restrictions
    """
    world = in_parts(reread_unproven=reread)
    world.bucket.put("k/whole", b"of one part")
    world.destination.kms = True
    await world.run()
    writes = len(world.destination.writes)
    world.destination.stats.clear()
    green = "good: All 5 keys are the same: 1 by MD5, 4 by the CRC32C remembered from their copy."
    assert (await compared(world))[0] == green
    assert sorted(world.destination.stats) == [b"k/0", b"k/1", b"k/2", b"k/3", b"k/whole"]
    assert len(world.destination.writes) == writes
    spoil(world, b"k/2")
    spoil(world, b"k/whole")
    assert (await compared(world))[0].startswith("warning: 3 of 5 keys are the same")
    assert world.same()
    assert (await compared(world))[0] == green


async def test_a_copy_whose_key_may_not_be_used_keeps_no_other_from_its_verdict() -> None:
    """One version of the bucket's key is disabled, or destroyed: the range stopped at it."""
    world = in_parts()
    world.destination.kms = True
    await world.run()
    stat = world.destination.stat

    async def refused(name: bytes) -> DestinationObject | None:
        if name == b"k/2" and len(world.destination.writes) == 4:
            raise KmsDenied("HTTP 400 cloudKmsDisabledKey", party=Party.DESTINATION, status=400)
        return await stat(name)

    world.destination.stat = refused  # type: ignore[method-assign]
    assert (await compared(world))[0].startswith("warning: 3 of 4 keys are the same")
    assert (await compared(world))[0].startswith("good: All 4 keys are the same")


async def test_a_look_that_found_a_copy_of_its_size_does_not_outweigh_a_proof() -> None:
    world = in_parts()
    await world.run()
    await world.run(ListMessage(keys=(b"k/1",)))
    records = [record for record, _ in world.stores.ledger.documents.values()]
    assert VerifiedBy.SIZE in {entry.proof for record in records for entry in record.entries}
    assert (await compared(world))[0].startswith("good: All 4 keys")
    spoil(world, b"k/1")
    assert "1 of other bytes" in (await compared(world))[0]


async def test_a_proof_of_the_size_alone_is_none() -> None:
    world = in_parts()
    await world.run()
    documents = world.stores.ledger.documents
    for batch, (record, version) in documents.items():
        entries = tuple(replace(entry, proof=VerifiedBy.SIZE) for entry in record.entries)
        documents[batch] = replace(record, entries=entries), version
    assert (await compared(world))[0] == "warning: 0 of 4 keys are the same; 4 unproven."


async def test_archived_objects_are_not_green() -> None:
    world = World()
    for number in range(5):
        world.bucket.put(f"k/{number}", b"x", storage_class="GLACIER")
    assert (await compared(world))[0] == "warning: 0 of 5 keys are the same; 5 archived."


async def test_what_is_in_flight_is_not_green() -> None:
    world = filled(8)
    world.send("list", ListMessage())
    await world.drain(most=1, finish=False)
    world.inbox.clear()
    world.queue.sent.clear()
    assert (await compared(world))[0] == "warning: 0 of 8 keys are the same; 8 in flight."


async def test_what_is_filtered_is_not_green() -> None:
    world = filled(8, filters=Filters(exclude=("k/*",)))
    assert (await compared(world))[0] == "warning: 0 of 8 keys are the same; 8 filtered."


async def test_remembered_failures_are_named_with_what_to_do() -> None:
    world = filled(3)
    world.cdn.faults[b"k/001"] = [Forbidden("policy")] * 9
    await reported(world, await world.run())
    for run in (await world.run(), await world.run(VerifyMessage(repair=False))):
        sentence, page = await reported(world, run)
        assert sentence.startswith("bad: 1 of 3 keys is not at the destination")
        assert "<td>k/001</td>" in page
    assert "forbidden" in (await reported(world, await world.run()))[1]


async def test_a_bucket_that_refuses_the_manifest_does_not_keep_a_comparison_from_ending() -> None:
    world = filled(8)
    await world.run()
    del world.destination.objects[b"k/003"]
    put = world.reports.put

    async def refuse(name: str, body: bytes, content_type: str) -> None:
        raise Forbidden("the bucket for reports")

    world.reports.put = refuse  # type: ignore[method-assign]
    run = await world.run(VerifyMessage())
    assert not await world.stores.ranges.is_open(run)
    assert world.same()
    world.reports.put = put  # type: ignore[method-assign]
    _, page = await reported(world, run)
    assert "8 rows could not be written" in page


async def test_a_report_that_could_not_be_written_is_written_later() -> None:
    world = filled(8)
    run = await world.run()
    put = world.reports.put

    async def refuse(name: str, body: bytes, content_type: str) -> None:
        raise Forbidden("the bucket for reports")

    world.reports.put = refuse  # type: ignore[method-assign]
    await world.run(VerifyMessage(close=True))
    assert await world.stores.runs.running() == []
    ended_at = world.clock.time
    for _ in range(2):
        world.clock.time += 86_400
        await world.run(VerifyMessage(close=True))
    assert f"job/{run}/report.html" not in world.reports.files
    world.reports.put = put  # type: ignore[method-assign]
    sentence, page = await reported(world, run)
    assert sentence == "good: All 8 keys are settled; 8 were copied."
    assert moment(ended_at) in page
    assert await world.stores.runs.unreported() == []


async def test_the_first_thousand_keys_that_disagree_are_on_the_page_and_all_in_the_manifest() -> None:
    """Over ranges of which each names its own, and before what only waits or belongs to no object."""
    world = filled(1300, keys_per_message=100, repair_passes=1)
    world.bucket.page_size = world.destination.page_size = 100
    await world.run()
    world.destination.install(b"a/extra", b"nobody's")
    for number in range(1200):
        spoil(world, b"k/%03d" % number)
    run = await world.run(VerifyMessage(repair=False))
    assert len(world.stores.ranges.of(run)) > 1
    sentence, page = await reported(world, run)
    assert "1,199 of other bytes" in sentence or "1,199 unproven" in sentence, "of the first key there are no bytes"
    named = re.findall(r"<td>(k/\d+|a/extra)</td>", page)
    assert named == sorted(named)[:1000]
    assert len(named) == 1000
    assert "a/extra" not in named
    rows = [
        json.loads(line)
        for name, (body, _) in world.reports.files.items()
        if name.endswith(".ndjson.gz")
        for line in gzip.decompress(body).splitlines()
    ]
    disagree = [row for row in rows if row["verdict"] not in ("same", "extra")]
    assert (len(rows), len(disagree)) == (1301, 1199)


async def test_a_copy_that_shows_no_checksum_is_unproven_and_made_again() -> None:
    """Somebody has put it under a key of his own: it says that it is ours, and nobody here can read it."""
    world = filled(3)
    await world.run()
    copy, body = world.destination.objects[b"k/001"]
    world.destination.objects[b"k/001"] = replace(copy, crc32c="", md5=None), body
    assert "2 of 3 keys are the same (2 by MD5); 1 unproven; 1 was copied again" in (await compared(world))[0]
    assert (await compared(world))[0].startswith("good")
