"""Going on after a pause: what was left open is sent again.

However long the pause was, its runs are still running: their lives begin anew before it ends, so that nobody takes them
for timed out while their messages are on their way.

Safe to run at any time and any number of times: ranges have leases, and the transfer skips what is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.domain.messages import ListMessage, RangeMessage, VerifyMessage, decode
from shared.domain.progress import Progress
from shared.domain.runs import RunKind
from shared.ports.control_store import ControlStore
from shared.ports.ledger_store import LedgerStore
from shared.ports.queue import Queue
from shared.ports.range_store import RangeStore
from shared.ports.run_store import OpenRun, RunStore
from shared.ranges.publish_batches import PublishBatches


@dataclass(frozen=True, slots=True)
class Resumed:
    """How many messages of ranges and of batches were sent."""

    ranges: int
    batches: int


@dataclass(frozen=True, slots=True)
class Resume:
    """topics: where the ranges of a run are sent, by its kind."""

    control: ControlStore
    runs: RunStore
    ranges: RangeStore
    ledger: LedgerStore
    queue: Queue
    publish: PublishBatches
    topics: Mapping[RunKind, str]

    async def __call__(self) -> Resumed:
        running = await self.runs.running()
        for run in running:
            await self.runs.heartbeat(run.name, "resume", self.publish.clock.now(), Progress())
        await self.control.update(lambda said: replace(said, paused=False))
        ranges = batches = 0
        for run in running:
            messages = [_read(run, data) for data in await self.ranges.messages(run.name)]
            await self.queue.publish(self.topics[run.kind], messages)
            ranges += len(messages)
            asked = _read(run, run.message)
            async for record in self.ledger.unsettled(run.name):
                await self.publish.resend(record, isinstance(asked, ListMessage) and asked.force)
                batches += 1
        return Resumed(ranges, batches)


def _read(run: OpenRun, data: bytes) -> RangeMessage:
    return decode(VerifyMessage if run.kind is RunKind.VERIFY else ListMessage, data)
