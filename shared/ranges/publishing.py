"""One invocation's publishing: full batches as plans come, the rest at the end, each allowed by the ceiling guard."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.objects import SourceObject
from shared.ledger.record import BatchRecord
from shared.ranges.sending import Sending
from shared.ranges.walk import Plan, Walk


@dataclass(frozen=True, slots=True)
class Publishing:
    """Publishes what the walk says is ready, and tells it. force: copy even what is unchanged. repairs: keys whose
    copies carry the right ETag and are to be copied all the same, until they are published; None for a listing. What a
    killed comparison left is forced as a whole: nobody knows any more which of its keys were among these.
    """

    sending: Sending
    walk: Walk
    force: bool
    repairs: set[bytes] | None = None

    async def add(self, plan: Plan) -> None:
        """Take in a plan and publish the batches that are full. Raises Stopped if the ceiling guard says so."""
        self.walk.add(plan)
        await self._send(self.walk.batches())

    async def flush(self) -> None:
        """Publish what waits. Raises Stopped likewise."""
        await self._send(self.walk.batches(everything=True))

    async def resend(self, unsent: Sequence[BatchRecord]) -> None:
        """Send the batches once more that a killed invocation left."""
        await self.sending.resend(unsent, self.force or self.repairs is not None)

    async def _send(self, batches: Sequence[tuple[SourceObject, ...]]) -> None:
        sent = await self.sending(batches, self._is_forced)
        self.walk.published(sum(map(len, sent.batches)))
        if self.repairs:
            self.repairs.difference_update(item.key for batch in sent.batches for item in batch)
        if sent.refused is not None:
            raise sent.refused

    def _is_forced(self, batch: Sequence[SourceObject]) -> bool:
        return self.force or bool(self.repairs and not self.repairs.isdisjoint(item.key for item in batch))
