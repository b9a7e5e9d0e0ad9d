"""Objects that have grown since they were listed take the room that they need, and not what the listing said."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.copying.in_flight import InFlight, Slot
from shared.domain.budget import Budget
from shared.domain.checksums import Chunk
from shared.domain.counts import Outcome
from shared.domain.errors import NoSuchBucket, Postponed
from shared.domain.instance import BUFFER_BYTES, weight
from shared.domain.messages import ListMessage
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.parts import MIB
from shared.domain.reasons import Party
from shared.ports.destination import Upload
from tests.fakes import FakeBucket, FakeDestination
from tests.world import PART, World, counts

ROOM = 20 * MIB


class GrowsAndShrinks(FakeBucket):
    """An object that is larger than one copy may be when it is first asked about, and then less large."""

    first = True

    async def head(self, key: bytes) -> SourceObject:
        found = await super().head(key)
        if self.first and found.size > 1:
            self.first = False
            return replace(found, size=30 * MIB)
        return found


class Weighed(FakeDestination):
    """Sees how many bytes are written at a time."""

    held = most = 0

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        self.held += upload.size
        self.most = max(self.most, self.held)
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            return await super().write(upload, chunks)
        finally:
            self.held -= upload.size


async def grows(world: World, size: int, *keys: str) -> str:
    """A run that has listed the keys; since then each has come to so many bytes."""
    run = world.send("list", ListMessage(scheduled=True))
    await world.drain(most=1, finish=False)
    for key in keys:
        world.bucket.put(key, b"y" * size)
    return run


@pytest.mark.parametrize("grown", [100, 2 * MIB, 17 * MIB])
async def test_what_is_in_flight_follows_what_is_copied(grown: int) -> None:
    world = World(keys_per_message=100, destination=(destination := Weighed()))
    copier = world.handlers["transfer"]
    gate = InFlight(64, ROOM)
    try_key = replace(copier.try_key, in_flight=gate, buffer_bytes=BUFFER_BYTES)
    world.handlers["transfer"] = replace(copier, try_key=try_key)
    count = 30 if grown < 16 * MIB else 5
    for number in range(count):
        world.bucket.put(f"k/{number:03d}", b"x")
    run = await grows(world, grown, *(f"k/{number:03d}" for number in range(count)))
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: count}
    assert world.same()
    assert destination.most <= max(ROOM, grown)
    assert destination.most >= min(count, ROOM // weight(grown)) * grown
    assert (gate._objects, gate._free) == (64, ROOM)


async def test_what_has_grown_and_shrunk_within_one_try_takes_its_room_too() -> None:
    """Small when it was listed, in parts when it was looked at, and of 10 MiB when they were to begin."""
    weighed = list[int]()

    class Gate(InFlight):
        def slot(self, weight: int) -> Slot:
            weighed.append(weight)
            return super().slot(weight)

    world = World(large_bytes=20 * MIB, bucket=GrowsAndShrinks())
    copier = world.handlers["transfer"]
    try_key = replace(copier.try_key, in_flight=Gate(64, ROOM), buffer_bytes=BUFFER_BYTES)
    world.handlers["transfer"] = replace(copier, try_key=try_key)
    world.bucket.put("k", b"x")
    world.send("list", ListMessage(scheduled=True))
    await world.drain()
    world.bucket.put("k", b"z")
    run = await grows(world, 10 * MIB, "k")
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 1}
    assert world.same()
    assert weighed == [weight(1), weight(1), weight(10 * MIB)]


@pytest.mark.parametrize("listed", [1, 2 * MIB], ids=["small", "as large as what a copy holds"])
async def test_what_has_grown_beyond_one_copy_goes_in_parts(listed: int) -> None:
    """Read in one go it would outlast its invocation, once an attempt."""
    world = World(large_bytes=PART)
    world.bucket.put("k", b"x" * listed)
    run = await grows(world, 2 * PART, "k")
    await world.drain()
    assert await counts(world, run) == {Outcome.COPIED: 1}
    assert world.same()
    assert world.staging.sent == [1, 2]


async def test_what_has_grown_waits_for_the_staging_bucket_like_what_was_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was tried again at once, for as long as the invocation had."""
    world, begun = World(large_bytes=PART), list[bytes]()
    world.bucket.put("k", b"x")
    await world.run()
    world.bucket.put("k", b"z")
    await grows(world, 2 * PART, "k")

    async def begin(name: bytes) -> str:
        world.clock.pass_time(0.1)
        begun.append(name)
        raise NoSuchBucket("HTTP 404 NoSuchBucket", party=Party.STAGING)

    monkeypatch.setattr(world.staging, "begin", begin)
    (message,) = [message for topic, message in world.queue.sent if topic == "transfer"]
    with pytest.raises(Postponed):
        await world.handlers["transfer"](message, "", Budget(world.clock.monotonic(), 540))
    assert len(begun) < 10
