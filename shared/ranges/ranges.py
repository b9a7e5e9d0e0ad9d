"""One invocation's piece of a run: taken under a lease, cut where it is long, closed with its books.

A range is cut in two steps: the pieces are written down, with the range's own end moved to the first fence, in one
commit; then their messages are sent. Killed in between, whoever takes the range over sends them again. So every key
lies in exactly one range of a run, whoever dies when.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.domain.counts import RangeCounts
from shared.domain.errors import MalformedMessage
from shared.domain.messages import RangeMessage
from shared.domain.splitting import pieces
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.range_store import OpenRange, RangeId, RangeStore
from shared.ports.run_store import RunStore
from shared.ranges.lease import Lease
from shared.runs.heartbeat import Heartbeat

MOST_FENCE_BYTES = 200_000
"""Of a range's fences together, so that its document stays far below 1 MiB however often it is cut."""

M = TypeVar("M", bound=RangeMessage)


@dataclass(frozen=True, slots=True)
class Ranges:
    """topic: where further ranges are sent. root: the job's source prefix."""

    runs: RunStore
    ranges: RangeStore
    queue: Queue
    clock: Clock
    pulse: Heartbeat
    topic: str
    root: str
    lease_seconds: float

    async def take(self, kind: str, message: M, new_run: str, scopes: Sequence[str] = ()) -> tuple[M, Lease] | None:
        """A message, its run and prefix filled in, with the lease on its range; None if that is done already.

        new_run: the run's name if the message starts one; the same for every delivery of a message.
        scopes: what must lie under the root, besides the prefix. Raises MalformedMessage if it does not,
        Busy while another invocation holds the range.
        """
        prefix = message.prefix or self.root
        outside = [scope for scope in (prefix, *scopes) if not scope.startswith(self.root)]
        if outside:
            raise MalformedMessage([f"{scope!r} lies outside the job's root {self.root!r}" for scope in outside])
        named = message.named(message.run or new_run, "" if scopes else prefix)
        opened = OpenRange(RangeId(named.run or "", prefix, named.cursor), named.until, named.encode())
        if message.run is None:
            await self.runs.create(opened, kind, self.clock.now())
        lease = Lease(self.ranges, self.clock, self.pulse, opened, uuid.uuid4().hex, self.lease_seconds)
        if not await lease.take():
            return None
        grant = lease.grant
        if grant is not None and grant.split_points:
            await self.queue.publish(
                self.topic, [item for item, _ in _further(named, grant.split_points, grant.end, 1)]
            )
        return named, lease

    async def divide(
        self, lease: Lease, message: M, fences: Sequence[str], *, deeper: int = 0, send: bool = True
    ) -> None:
        """Let the range end at the first fence, and hand on what lies behind it.

        deeper: how much further the pieces are from the run's first range. send: without it, nobody begins them until
        the run is resumed. Raises Busy if somebody took the range over.
        """
        grant = lease.grant
        if grant is None:
            raise ValueError("a range that is not held cannot be cut")
        further = _further(message, fences, grant.until, deeper)
        opened = [
            OpenRange(RangeId(item.run or "", lease.piece.prefix, item.cursor), until, item.encode())
            for item, until in further
        ]
        lease.grant = await self.ranges.split(grant, opened)
        if send:
            await self.queue.publish(self.topic, [item for item, _ in further])

    def has_room(self, lease: Lease, fences: Sequence[str]) -> bool:
        """Whether a range's document can take more fences. What the end of a budget cuts off always fits."""
        held = lease.grant.split_points if lease.grant is not None else ()
        return sum(len(fence.encode()) for fence in (*held, *fences)) <= MOST_FENCE_BYTES

    async def close(self, lease: Lease, books: RangeCounts) -> None:
        """Write down what was done."""
        if lease.grant is None:
            raise ValueError("a range that is not held cannot be closed")
        await self.ranges.complete(lease.grant, books, self.clock.now())


def _further(message: M, fences: Sequence[str], end: str | None, deeper: int) -> list[tuple[M, str | None]]:
    """The messages of the pieces behind the first fence, and where each ends."""
    generation = message.generation + deeper
    return [
        (message.model_copy(update={"cursor": cursor, "until": until, "generation": generation}), until)
        for cursor, until in pieces(fences[0], fences[1:], end)
    ]
