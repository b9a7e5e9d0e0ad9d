"""Histories written by hand, on the production client and its pools, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from shared.domain.counts import Outcome
from shared.domain.messages import TransferMessage
from tests.schedules.calm import CalmWorld, scaled
from tests.schedules.faults import Passage
from tests.schedules.gcs import DESTINATION
from tests.schedules.network import Reply, Request, Wire
from tests.schedules.pubsub import Sent
from tests.schedules.scale import PART

LARGE_ONE = {"key": b"k", "body": bytes(2 * PART + 300)}


@contextmanager
def moves_that_take(seconds: float) -> Iterator[list[str]]:
    """Yields what was asked of the rewrites, one after the other."""
    arrive, asked = Wire._arrive, list[str]()

    def slow(wire: Wire, request: Request, passage: Passage) -> None:
        if b"/rewriteTo/" in request.path:
            asked.append(request.query.get("rewriteToken", ""))
            passage = replace(passage, after=seconds)
        arrive(wire, request, passage)

    with mock.patch.object(Wire, "_arrive", slow):
        yield asked


def test_nobody_joins_a_move_that_outlasts_its_lease() -> None:
    """Into another storage class, in three calls of 150 seconds, while the parts' messages are delivered again to
    another instance: it would begin the move anew, or find nothing in staging and put the key on record as failed.
    """
    with scaled(), moves_that_take(150.0) as asked:
        world = CalmWorld([LARGE_ONE], instances=2, moves=3, budget_seconds=540.0)
        parts: dict[int, Sent] = {}

        async def again() -> None:
            for _ in range(100):
                await asyncio.sleep(10)
                for number, sent in world.queue.waiting.items():
                    if isinstance(sent.message, TransferMessage) and sent.message.part is not None:
                        parts[number] = sent
                for sent in list(parts.values())[:2]:
                    if sent.acked:
                        world.queue.repeats += 1
                        world.queue.push(sent, repeat=True)
            await asyncio.sleep(3600)

        world.see_through(again)
    assert world.laws.violations == []
    assert world.rests
    assert [entry.outcome for entry in world.entries()] == [Outcome.COPIED]
    assert asked[0] == ""
    assert len(asked) == len(set(asked)) == 3, "each step of the move once, and each after the one before"
    assert world.gcs.buckets[DESTINATION][b"k"].body == LARGE_ONE["body"]
    assert not world.stores.uploads.opened


def test_what_s3_fails_to_say_is_asked_three_times_a_message_and_no_more() -> None:
    """One owner of retries: client, key and message do not multiply. A last look asks once more."""
    with scaled():
        world = CalmWorld([{"key": b"k", "body": b"new"}], max_attempts=5)
        world.gcs.put_by_hand(b"k", b"old", {})
        handle, asked = world.s3.handle, Counter[str]()

        def failing(request: Request) -> Reply:
            if request.path.endswith(b"/k"):
                asked[request.method] += 1
                return Reply(500)
            return handle(request)

        world.s3.handle = failing  # type: ignore[method-assign]
        world.see_through(lambda: asyncio.sleep(3600))
    assert world.rests
    assert [(entry.outcome, entry.reason[:9]) for entry in world.entries()] == [(Outcome.FAILED, "transient")]
    assert asked == {"HEAD": 3 * 5 + 1}
