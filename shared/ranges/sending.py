"""Batches that are allowed by the ceiling guard, recorded and sent: what listings, comparisons and events do alike."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import BucketError
from shared.domain.objects import SourceObject
from shared.domain.spending import Amount
from shared.ledger.record import BatchRecord, batch_id
from shared.pricing.estimate import STANDARD, Classes
from shared.ranges.lease import Lease
from shared.ranges.publish_batches import PublishBatches
from shared.runs.ceilings import CeilingGuard

Batch = tuple[SourceObject, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """batches: those that are recorded and sent. refused: why the rest is not, None if there is none."""

    batches: Sequence[Batch]
    refused: Exception | None


@dataclass(frozen=True, slots=True)
class Sending:
    """mine: takes the batches that are recorded. first: somebody waits for them."""

    publish: PublishBatches
    ceiling: CeilingGuard
    lease: Lease
    mine: set[str]
    first: bool = False

    async def __call__(self, batches: Sequence[Batch], is_forced: Callable[[Batch], bool] = lambda _: False) -> Sent:
        """Send as many as are allowed. Raises what kept these from being sent, and gives back what was reserved for
        those that are not recorded; Busy if somebody else has the range.
        """
        allowed: dict[str, tuple[Batch, Amount]] = {}
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
                    await self._publish([batch for batch, _ in allowed.values() if is_forced(batch) is forced], forced)
            except Exception:
                await self._give_back({name: reserved for name, (_, reserved) in allowed.items()})
                raise
        return Sent([batch for batch, _ in allowed.values()], refused)

    async def resend(self, records: Sequence[BatchRecord], forced: bool) -> None:
        """Send batches once more that a killed invocation left."""
        await self.publish.resend(records, forced, self.first)

    async def _give_back(self, reserved: Mapping[str, Amount]) -> None:
        """What was reserved for batches that are not recorded: whoever takes the range over reserves for them again.
        What cannot be looked up counts as published.
        """
        with suppress(BucketError):
            for name, amount in reserved.items():
                if amount and await self.publish.ledger.get(name) is None:
                    self.ceiling.unused(amount)

    async def _publish(self, batches: Sequence[Batch], forced: bool) -> None:
        with self.lease.holding():
            await self.publish(self.lease.range_id.run, batches, forced, self.lease.grant, self.first)


def _classes(batch: Batch) -> Classes:
    """Objects and bytes by storage class, of those that are not STANDARD."""
    found: dict[str, tuple[int, int]] = {}
    for item in batch:
        if item.storage_class not in ("", STANDARD):
            objects, size = found.get(item.storage_class, (0, 0))
            found[item.storage_class] = objects + 1, size + item.size
    return found
