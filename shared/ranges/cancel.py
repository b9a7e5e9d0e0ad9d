"""Ending a run for good.

The control document names it, and every instance reads that document anyway, at most once a second: no range of it is
listed further, no batch of it begins. What has begun by then ends as it will. A range that is taken counts what the
run's batches hold of it and is closed; a batch that has not begun is put on record as not copied, so that the run
balances and the next one copies its keys. Once the end is written down and nothing is left, the name is taken off
(`RunLifecycle`); where it timed out first, once its messages can come no more.
"""

from dataclasses import dataclass, replace

from shared.ports.control_store import ControlStore
from shared.ports.run_store import OpenRun
from shared.ranges.send_again import SendAgain, SentAgain


@dataclass(frozen=True, slots=True)
class Cancel:
    """Safe to repeat: killed in between, whoever asks again goes on."""

    control: ControlStore
    send_again: SendAgain

    async def __call__(self, run: OpenRun) -> SentAgain:
        """Ranges are sent again, because theirs may wait for minutes to be delivered again; batches only while the job
        is paused, since then nobody else brings them.
        """
        said = await self.control.update(lambda known: replace(known, cancelled=known.cancelled | {run.name}))
        ranges = await self.send_again.ranges_of(run)
        return SentAgain(ranges, await self.send_again.batches_of(run) if said.paused else 0)
