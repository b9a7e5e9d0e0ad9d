"""Going on after a pause: what was left open is sent again.

Safe to run at any time and any number of times: ranges have leases, and the transfer skips what is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.domain.messages import ListMessage, RangeMessage, VerifyMessage, decode
from shared.ports.queue import Queue
from shared.ports.runs import OpenRun
from shared.ports.state import State
from shared.ranges.publish_batches import PublishBatches


@dataclass(frozen=True, slots=True)
class Resumed:
    """How many messages of ranges and of batches were sent."""

    ranges: int
    batches: int


@dataclass(frozen=True, slots=True)
class Resume:
    """topics: where the ranges of a run are sent, by its kind."""

    state: State
    queue: Queue
    publish: PublishBatches
    topics: Mapping[str, str]

    async def __call__(self) -> Resumed:
        await self.state.set_control(replace(await self.state.control(), paused=False))
        ranges = batches = 0
        for run in await self.state.open_runs():
            messages = [_read(run, data) for data in await self.state.open_ranges(run.name)]
            await self.queue.publish(self.topics[run.kind], messages)
            ranges += len(messages)
            asked = _read(run, run.message)
            async for record in self.state.open_batches(run.name):
                await self.publish.again(record, isinstance(asked, ListMessage) and asked.force)
                batches += 1
        return Resumed(ranges, batches)


def _read(run: OpenRun, data: bytes) -> RangeMessage:
    return decode(VerifyMessage if run.kind == "verify" else ListMessage, data)
