"""One invocation's range of a run: taken under a lease, split where it is long, closed with its counts.

A range is split in two steps: what is split off is written down, with the range's own end moved to the first split
point, in one commit; then the messages of the new ranges are sent. Killed in between, whoever takes the range over
sends them again. So every key lies in exactly one range of a run, whoever dies when.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.domain.counts import RangeCounts
from shared.domain.errors import MalformedMessage
from shared.domain.keys import Key
from shared.domain.messages import RangeMessage
from shared.domain.runs import RunKind, RunState
from shared.domain.splitting import key_ranges
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.ports.range_store import OpenRange, RangeId, RangeStore, always
from shared.ports.run_store import RunStore
from shared.ranges.lease import Lease, NotOnRecord
from shared.runs.heartbeat import Heartbeat

MOST_POINT_BYTES = 200_000
"""Of a range's split points together, so that its document stays far below 1 MiB however often it is split."""

M = TypeVar("M", bound=RangeMessage)

Paused = Callable[[], Awaitable[bool]]
"""Whether the job is paused, now."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """topic: where further ranges are sent. root: the job's source prefix."""

    runs: RunStore
    ranges: RangeStore
    queue: Queue
    clock: Clock
    heartbeat: Heartbeat
    log: Log
    topic: str
    root: Key
    lease_seconds: float

    async def take(self, kind: RunKind, message: M, new_run: str, scopes: Sequence[Key] = ()) -> tuple[M, Lease] | None:
        """A message, its run and prefix filled in, with the lease on its range; None if there is nothing to do for it:
        it is done already, its record was lost, or the run that the message has begun is of the job's prefix before.

        new_run: the run's name if the message starts one; the same for every delivery of a message.
        scopes: what must lie under the root, besides the prefix. Raises MalformedMessage if it does not, or if a
        message of a run names a range that is not on record, or wants something else of it; Busy while another
        invocation holds the range.
        """
        prefix = message.prefix or self.root
        outside = [scope.decode() for scope in (prefix, *scopes) if not scope.startswith(self.root)]
        if outside:
            raise MalformedMessage(
                [f"{scope!r} lies outside the job's root {self.root.decode()!r}" for scope in outside]
            )
        named = message.named(message.run or new_run, b"" if scopes else prefix)
        opened = OpenRange(RangeId(named.run or "", prefix, named.cursor), named.until, named.encode())
        if message.run is None:
            await self.runs.create(opened, kind, self.clock.now())
        # Who begins a run may be of another version than the record; who goes on with events has a new message.
        agrees = always if message.run is None or kind is RunKind.EVENTS else named.agrees_with
        lease = Lease(self.ranges, self.clock, self.heartbeat, opened, uuid.uuid4().hex, self.lease_seconds)
        try:
            if not await lease.take(agrees):
                return None
        except NotOnRecord:
            if not await self._let_go(opened, begins=message.run is None):
                raise
            return None
        grant = lease.grant
        if grant is not None and grant.split_points:
            further = _further(named, grant.split_points, grant.end, 1)
            await self.queue.publish(self.topic, [item for item, _ in further])
        return named, lease

    async def _let_go(self, opened: OpenRange, begins: bool) -> bool:
        """Let go of a range that is not on record; False if it is of no run that could have had it. begins: whether its
        message may have begun its run.

        Where the run is going on, the record of the range was lost: the run cannot prove any more what lies in it, and
        that is written down. It is not opened again, since nobody knows how far it came and where it was split.
        """
        run, began = opened.range_id.run, await self.runs.record(opened.range_id.run)
        if began is None:
            return False
        if began.run.prefix != opened.range_id.prefix:
            was = began.run.prefix.decode()
            if begins:
                self.log.warning("a message comes again of a run of another prefix", run=run, prefix=was)
            return begins
        if began.state is not RunState.RUNNING:
            if begins:
                self.log.warning("a message comes again of a run that has lost its range, and has ended", run=run)
            return begins
        why = f"the range after {opened.range_id.cursor.decode()!r} was not on record any more"
        self.log.error("a range is not on record, so its run cannot say what lies in it", run=run, reason=why)
        await self.ranges.give_up(opened, why, self.clock.now())
        return True

    async def split(
        self, lease: Lease, message: M, points: Sequence[Key], *, deeper: int = 0, paused: Paused | None = None
    ) -> None:
        """Let the range end at the first split point, and hand on what lies behind it.

        deeper: how much further the new ranges are from the run's first one. paused: asked once they are written down;
        if it says so, nobody begins them until the run is resumed: whoever ends the pause later than that finds them.
        Raises ValueError, and nothing has changed, if a message would be invalid; Busy if somebody took the range over.
        """
        grant = lease.grant
        if grant is None:
            raise ValueError("a range that is not held cannot be split")
        further = _further(message, points, grant.until, deeper)
        opened = [
            OpenRange(RangeId(item.run or "", lease.range_id.prefix, item.cursor), until, item.encode())
            for item, until in further
        ]
        with lease.holding():
            lease.grant = await self.ranges.split(grant, opened)
        if paused is None or not await paused():
            await self.queue.publish(self.topic, [item for item, _ in further])

    def has_room(self, lease: Lease, points: Sequence[Key]) -> bool:
        """Whether a range's document can take more split points. What the end of a budget splits off always fits."""
        held = lease.grant.split_points if lease.grant is not None else ()
        return sum(len(point) for point in (*held, *points)) <= MOST_POINT_BYTES

    async def close(self, lease: Lease, counts: RangeCounts) -> None:
        """Write down what was done. Raises Busy if somebody took the range over."""
        if lease.grant is None:
            raise ValueError("a range that is not held cannot be closed")
        with lease.holding():
            await self.ranges.complete(lease.grant, counts, self.clock.now())


def _further(message: M, points: Sequence[Key], end: Key | None, deeper: int) -> list[tuple[M, Key | None]]:
    """The messages of the ranges behind the first split point, and where each ends."""
    return [(message.behind(cursor, until, deeper), until) for cursor, until in key_ranges(points[0], points[1:], end)]
