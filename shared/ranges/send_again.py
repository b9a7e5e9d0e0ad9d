"""What is open of a run is sent again.

Safe at any time and any number of times: ranges have leases, and the transfer skips what is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.batching import in_batches
from shared.domain.messages import ListMessage, RangeMessage, VerifyMessage, decode
from shared.domain.runs import RunKind
from shared.domain.transfer_topics import goes_first
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue
from shared.ports.range_store import RangeStore
from shared.ports.run_store import OpenRun
from shared.ranges.publish_batches import PublishBatches

_AT_ONCE = 100
"""Batches that are sent in one request, some 25,000 keys: a pause may leave a million batches open."""


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How many messages of ranges and of batches were sent."""

    ranges: int
    batches: int


@dataclass(frozen=True, slots=True)
class SendAgain:
    """topics: where the ranges of a run are sent, by its kind."""

    ranges: RangeStore
    ledger: LedgerStore
    queue: Queue
    publish: PublishBatches
    topics: Mapping[RunKind, str]

    async def ranges_of(self, run: OpenRun) -> int:
        """Send the run's open ranges; how many there were."""
        messages = [_read(run, data) for data in await self.ranges.messages(run.name)]
        await self.queue.publish(self.topics[run.kind], messages)
        return len(messages)

    async def batches_of(self, run: OpenRun) -> int:
        """Send the run's batches that have open keys; how many there were. Those of a comparison are forced, as what a
        killed one left is: the copies of some carry the right ETag and are to be made again all the same.
        """
        asked, batches = _read(run, run.message), 0
        forced, first = not isinstance(asked, ListMessage) or asked.force, goes_first(asked)
        async for some in in_batches(self.ledger.unsettled(run.name), _AT_ONCE):
            await self.publish.resend(some, forced, first)
            batches += len(some)
        return batches


def _read(run: OpenRun, data: bytes) -> RangeMessage:
    return decode(VerifyMessage if run.kind is RunKind.VERIFY else ListMessage, data)
