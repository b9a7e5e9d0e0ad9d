"""One invocation's publishing: full batches as plans come, the rest at the end, each allowed by the ceiling guard."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import BucketError
from shared.domain.objects import SourceObject
from shared.domain.spending import Amount
from shared.ledger.record import BatchRecord, batch_id
from shared.pricing.estimate import STANDARD, Classes
from shared.ranges.lease import Lease
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.walk import Plan, Walk
from shared.runs.ceilings import CeilingGuard


@dataclass(frozen=True, slots=True)
class Publishing:
    """Publishes what the walk says is ready, and tells it. mine: takes the batches that are recorded. force: copy even
    what is unchanged. repairs: keys whose copies carry the right ETag and are to be copied all the same; None for a
    listing. What a killed comparison left is forced as a whole: nobody knows any more which of its keys were among
    these. first: somebody waits for them.
    """

    publish: PublishBatches
    ceiling: CeilingGuard
    lease: Lease
    walk: Walk
    mine: set[str]
    force: bool
    repairs: set[bytes] | None = None
    first: bool = False

    async def add(self, plan: Plan) -> None:
        """Take in a plan and publish the batches that are full. Raises Stopped if the ceiling guard says so."""
        self.walk.add(plan)
        await self._send(self.walk.batches())

    async def flush(self) -> None:
        """Publish what waits. Raises Stopped likewise."""
        await self._send(self.walk.batches(everything=True))

    async def resend(self, unsent: Sequence[BatchRecord]) -> None:
        """Send the batches once more that a killed invocation left."""
        for record in unsent:
            await self.publish.resend(record, self.force or self.repairs is not None, self.first)

    async def _send(self, batches: Sequence[tuple[SourceObject, ...]]) -> None:
        allowed: dict[str, tuple[tuple[SourceObject, ...], Amount]] = {}
        refused: Exception | None = None
        try:
            amounts = [(len(batch), sum(item.size for item in batch), _classes(batch)) for batch in batches]
            await self.ceiling.begin_with(amounts)
            for batch, (objects, size, classes) in zip(batches, amounts, strict=True):
                reserved = await self.ceiling.reserve(objects, size, classes)
                allowed[batch_id(self.lease.range_id.run, batch)] = batch, reserved
        except Exception as failure:
            refused = failure
        if allowed:
            try:
                await self.lease.renew()
                self.mine.update(allowed)
                for forced in (False, True):
                    some = [batch for batch, _ in allowed.values() if self._is_forced(batch) is forced]
                    await self._publish(some, forced)
            except Exception:
                await self._give_back({name: reserved for name, (_, reserved) in allowed.items()})
                raise
        self.walk.published(sum(len(batch) for batch, _ in allowed.values()))
        if refused is not None:
            raise refused

    async def _give_back(self, reserved: Mapping[str, Amount]) -> None:
        """What was reserved for batches that are not recorded: whoever takes the range over reserves for them again.
        What cannot be looked up counts as published.
        """
        with suppress(BucketError):
            for name, amount in reserved.items():
                if amount and await self.publish.ledger.get(name) is None:
                    self.ceiling.unused(amount)

    async def _publish(self, batches: Sequence[tuple[SourceObject, ...]], forced: bool) -> None:
        with self.lease.holding():
            await self.publish(self.lease.range_id.run, batches, forced, self.lease.grant, self.first)

    def _is_forced(self, batch: Sequence[SourceObject]) -> bool:
        return self.force or bool(self.repairs and not self.repairs.isdisjoint(item.key for item in batch))


def _classes(batch: Sequence[SourceObject]) -> Classes:
    """Objects and bytes by storage class, of those that are not STANDARD."""
    found: dict[str, tuple[int, int]] = {}
    for item in batch:
        if item.storage_class not in ("", STANDARD):
            objects, size = found.get(item.storage_class, (0, 0))
            found[item.storage_class] = objects + 1, size + item.size
    return found
