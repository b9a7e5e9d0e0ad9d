"""Going on after a pause: what was left open is sent again.

However long the pause was, its runs are still running: their lives begin anew before it ends, so that nobody takes them
for timed out while their messages are on their way.

Safe to run at any time and any number of times: ranges have leases, and the transfer skips what is settled.
"""

from dataclasses import dataclass, replace

from shared.domain.progress import Progress
from shared.ports.clock import Clock
from shared.ports.control_store import ControlStore
from shared.ports.run_store import RunStore
from shared.ranges.send_again import SendAgain, SentAgain


@dataclass(frozen=True, slots=True)
class Resume:
    """Ends the pause. What is sent of a run that was cancelled meanwhile brings its end."""

    control: ControlStore
    runs: RunStore
    clock: Clock
    send_again: SendAgain

    async def __call__(self) -> SentAgain:
        running = await self.runs.running()
        for run in running:
            await self.runs.heartbeat(run.name, "resume", self.clock.now(), Progress())
        await self.control.update(lambda said: replace(said, paused=False))
        ranges = batches = 0
        for run in running:
            ranges += await self.send_again.ranges_of(run)
            batches += await self.send_again.batches_of(run)
        return SentAgain(ranges, batches)
