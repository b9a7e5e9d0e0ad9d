"""A job whose buckets or names are changed looks at everything afresh, and says so; nothing of the old is believed."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.counts import Outcome
from shared.domain.keys import KeyMapping
from shared.domain.messages import ListMessage, VerifyMessage
from shared.runs.own_ledger import Identity, OwnLedger
from tests.fakes import FakeBucket, FakeDestination
from tests.world import World, counts, filled

CHANGED = "the job's buckets or names have changed: every key is looked at afresh"


def again(world: World, **options: Any) -> World:
    """The same state and, unless said, the same buckets, with other settings."""
    same = {"bucket": world.bucket, "destination": world.destination, "stores": world.stores, "clock": world.clock}
    after = World(**{**same, **options})
    after._numbers = world._numbers
    return after


def told(world: World) -> int:
    return sum(text == CHANGED for _, text, _ in world.log.lines)


async def test_another_destination_prefix_is_filled_and_said() -> None:
    world = filled(8)
    await world.run()
    assert told(world) == 0
    moved = again(world, mapping=KeyMapping(b"", b"new/"))
    assert await counts(moved, await moved.run()) == {Outcome.COPIED: 8}
    assert sum(name.startswith(b"new/") for name in world.destination.objects) == 8
    assert told(moved) == 1
    assert await counts(moved, await moved.run()) == {Outcome.UNCHANGED: 8}, "its own records are believed"


async def test_another_bucket_on_either_side_is_looked_at_afresh() -> None:
    world = filled(8)
    await world.run()
    elsewhere = again(world, destination=FakeDestination(), target="elsewhere")
    assert await counts(elsewhere, await elsewhere.run()) == {Outcome.COPIED: 8}
    source = FakeBucket()
    for number in range(8):
        source.put(f"k/{number:03d}", b"x" * number)
    source.put("k/new", b"new")
    other = again(world, bucket=source, source="another")
    assert await counts(other, await other.run()) == {Outcome.UNCHANGED: 8, Outcome.COPIED: 1}, "seen, not believed"


async def test_who_changes_back_finds_what_was_known() -> None:
    world = filled(8)
    await world.run()
    moved = again(world, mapping=KeyMapping(b"", b"new/"))
    await moved.run()
    back = again(world)
    world.destination.writes.clear()
    assert await counts(back, await back.run()) == {Outcome.UNCHANGED: 8}
    assert (told(back), world.destination.writes) == (1, [])


async def test_records_that_do_not_say_belong_to_the_first_identity() -> None:
    world = filled(8)
    await world.run()
    documents = world.stores.ledger.documents
    for batch, (record, version) in documents.items():
        documents[batch] = replace(record, identity=""), version
    assert await counts(world, await world.run()) == {Outcome.UNCHANGED: 8}
    moved = again(world, mapping=KeyMapping(b"", b"new/"))
    assert await counts(moved, await moved.run()) == {Outcome.COPIED: 8}


async def test_a_batch_of_before_the_change_is_copied_whole_to_where_it_belongs_now() -> None:
    """Half of it was copied by an instance with the old settings, which then died."""
    world = filled(8, keys_per_message=8)
    world.send("list", ListMessage())
    await world.drain(most=1, finish=False)
    (batch, (record, version)), *_ = world.stores.ledger.documents.items()
    done = [replace(entry, outcome=Outcome.COPIED) for entry in record.entries[:4]]
    await world.stores.ledger.commit_results(record.with_results(done, 1), version)
    moved = again(world, mapping=KeyMapping(b"", b"new/"), queue=world.queue)
    await moved.drain()
    assert sum(name.startswith(b"new/") for name in world.destination.objects) == 8
    assert world.stores.ledger.documents[batch][0].settled


async def test_a_comparison_believes_no_checksum_of_another_source() -> None:
    world = World()
    world.bucket.put("k", b"of parts", parts=2)
    await world.run()
    run = await world.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"same": 1}
    other = again(world, source="another")
    run = await other.run(VerifyMessage())
    assert (await world.stores.runs.summary(run)).verdicts.keys == {"unproven": 1}


IDENTITY = Identity("s3://a", "gs://b", KeyMapping(b"from/", b"to/"))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "s3://c"},
        {"destination": "gs://c"},
        {"mapping": KeyMapping(b"other/", b"to/")},
        {"mapping": KeyMapping(b"from/", b"other/")},
        {"mapping": KeyMapping(b"from/", b"to/", encode=True)},
    ],
)
def test_every_part_of_an_identity_counts(change: dict[str, Any]) -> None:
    assert replace(IDENTITY, **change).digest != IDENTITY.digest
    assert str(replace(IDENTITY, **change)) != str(IDENTITY)


async def test_where_a_record_of_another_identity_begins_is_known_all_the_same() -> None:
    """Else nobody could tell where to stop, and the first page of a run would read the ledger of the whole job."""
    world = filled(8)
    await world.run()
    identity = Identity("source", "another", KeyMapping())
    theirs = OwnLedger(world.stores.ledger, world.stores.control, world.log, identity)
    found = [item async for item in theirs.scan(b"", b"")]
    assert [(len(item.record.entries), item.first) for item in found] == [(0, b"k/000"), (0, b"k/003"), (0, b"k/006")]
