"""Who waits for a run opens its page in a browser: it is written again while the run is running."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.domain.errors import BucketError
from shared.domain.runs import PAGE_SECONDS
from shared.ports.clock import Clock
from shared.ports.log import Log
from shared.ports.run_store import OpenRun, RunStore

MOST_SECONDS = 60.0
"""After so long no further page is begun: whoever writes them has ends to write down, too."""

ReportRunning = Callable[[Sequence[OpenRun], float], Awaitable[None]]
"""Writes the pages of runs that are running; begins none after a moment (monotonic seconds)."""


@dataclass(frozen=True, slots=True)
class ShowRunning:
    """What goes wrong here keeps nothing else from going on: the next tick writes the pages again."""

    runs: RunStore
    report: ReportRunning
    clock: Clock
    log: Log

    async def __call__(self, running: Sequence[OpenRun]) -> None:
        """Write the pages of these runs, unless somebody just did."""
        try:
            if not running or not await self.runs.may_show(self.clock.now(), PAGE_SECONDS):
                return
            await self.report(running, self.clock.monotonic() + MOST_SECONDS)
        except BucketError as failure:
            self.log.warning("no page of a running run", why=str(failure))
        except Exception as bug:
            self.log.error("no page of a running run", error=bug)
