"""What somebody waits for does not wait behind a run of the whole job: it goes by a topic of its own."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.domain.errors import Transient
from shared.domain.messages import ListMessage, Message, TransferMessage, VerifyMessage, decode
from shared.domain.transfer_topics import goes_first
from shared.settings import Settings
from tests.world import SETTINGS, World, filled


@pytest.mark.parametrize(
    ("message", "waits"),
    [
        (ListMessage(), False),
        (ListMessage(scheduled=True), False),
        (ListMessage(force=True), False),
        (ListMessage(prefix=b"a/"), True),
        (ListMessage(prefix=b"a/", force=True), True),
        (ListMessage(keys=(b"a",)), True),
        (ListMessage(events=True, scheduled=True), True),
        (VerifyMessage(), False),
        (VerifyMessage(prefix=b"a/"), False),
    ],
)
def test_who_waits(message: ListMessage | VerifyMessage, waits: bool) -> None:
    """A message, the same with its run named, and the ranges that are split off it, also over the wire."""
    split = isinstance(message, VerifyMessage) or not (message.keys or message.events)
    events = isinstance(message, ListMessage) and message.events
    run = "verify-1" if isinstance(message, VerifyMessage) else "events-1" if events else "list-1"
    named = message.named(run, (message.prefix or b"root/") if split else b"")
    further = named.behind(named.prefix + b"x", None, 1) if split else named
    further = decode(type(message), further.encode())
    assert [goes_first(message), goes_first(named), goes_first(further)] == [waits] * 3


def test_without_a_topic_of_its_own_all_go_by_one() -> None:
    given: dict[str, Any] = {**SETTINGS, "source_bucket": "source", "destination_bucket": "destination"}
    assert Settings(**given).topics == {"list": "list", "transfer": "transfer", "verify": "verify"}
    assert Settings(**given, first_topic="first").topics["first"] == "first"


def routed(world: World) -> list[tuple[str, str, int, bool]]:
    """By which topic each message to the transfer went: topic, run, attempt, whether it is a part."""
    found: list[tuple[str, str, int, bool]] = []
    publish = world.queue.publish

    async def noted(topic: str, messages: Sequence[Message]) -> None:
        found.extend(
            (topic, item.run, item.attempt, item.part is not None)
            for item in messages
            if isinstance(item, TransferMessage)
        )
        await publish(topic, messages)

    world.queue.publish = noted  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("crash_at", [None, *range(12, 60, 6)])
@pytest.mark.parametrize(
    "message",
    [ListMessage(prefix=b"k", force=True), ListMessage(keys=(b"k/001", b"k-large")), ListMessage(scheduled=True)],
    ids=["prefix", "keys", "scheduled"],
)
async def test_all_of_a_run_goes_by_its_topic(message: ListMessage, crash_at: int | None) -> None:
    """Batches, what is tried again, parts of a large object, and what is sent again after a crash."""
    world = filled(12, first_topic="first", large_bytes=1000)
    world.bucket.put("k-large", bytes(3500))
    routes = routed(world)
    world.cdn.faults[b"k/001"] = [Transient("reset")] * 6
    world.steps.crash_at = crash_at
    run = await world.run(message)
    assert {name for _, name, _, _ in routes} == {run}
    assert {topic for topic, _, _, _ in routes} == {"transfer" if message.scheduled else "first"}
    assert any(part for _, _, _, part in routes), "nothing was copied in parts"
    assert max(attempt for _, _, attempt, _ in routes) > 1, "nothing was tried again"
    assert message.keys or world.same()


async def test_resuming_sends_each_run_by_its_topic() -> None:
    world = filled(12, first_topic="first")
    for message, topic in ((ListMessage(prefix=b"k", force=True), "first"), (ListMessage(force=True), "transfer")):
        routes = routed(world)
        run = world.send("list", message)
        await world.drain(most=1, finish=False)
        assert routes
        await world.admin.resume()
        await world.drain()
        assert {found for found, name, _, _ in routes if name == run} == {topic}
