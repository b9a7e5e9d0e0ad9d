"""One invocation's piece of a run: taken under a lease, closed with its books, its rest handed on."""

import uuid
from dataclasses import dataclass

from shared.core.errors import MalformedMessage
from shared.core.messages import ListMessage, VerifyMessage
from shared.ports import Books, Clock, Queue, RangeId, State
from shared.workflows.lease import Lease


@dataclass(frozen=True, slots=True)
class Ranges:
    """topic: where the rest of a range is sent. root: the job's source prefix."""

    state: State
    queue: Queue
    clock: Clock
    topic: str
    root: str
    lease_seconds: float

    async def take(
        self, kind: str, message: ListMessage | VerifyMessage, new_run: str, scopes: tuple[str, ...] = ()
    ) -> Lease | None:
        """The lease on a message's range, None if that is done already.

        new_run: the run's name if the message starts one; the same for every delivery of a message.
        scopes: what must lie under the root, besides the prefix. Raises MalformedMessage if it does not,
        Busy while another invocation holds the range.
        """
        prefix = message.prefix or self.root
        outside = [scope for scope in (prefix, *scopes) if not scope.startswith(self.root)]
        if outside:
            raise MalformedMessage([f"{scope!r} lies outside the job's root {self.root!r}" for scope in outside])
        piece = RangeId(message.run or new_run, prefix, message.cursor)
        if message.run is None:
            await self.state.begin(piece, kind, self.clock.now())
        lease = Lease(self.state, self.clock, piece, uuid.uuid4().hex, self.lease_seconds)
        return lease if await lease.take() else None

    async def close(self, piece: RangeId, books: Books, rest: ListMessage | VerifyMessage | None) -> None:
        """Write down what was done. The rest is opened, then sent, then this range is closed: a crash in
        between repeats, and never loses.
        """
        if rest is not None:
            await self.state.expect(RangeId(piece.run, piece.prefix, rest.cursor))
            await self.queue.publish(self.topic, [rest])
        await self.state.finish(piece, books, self.clock.now())
