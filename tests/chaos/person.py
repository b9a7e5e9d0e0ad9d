"""Somebody who steers the job while it storms: pause and resume, a ceiling, the end of a run. What they ask of Firestore
and Pub/Sub passes no proxy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from shared.bootstrap import Admin, connect_admin
from shared.ports.control_store import Control
from shared.ports.run_store import RunRecord
from shared.settings import load
from tests.chaos.site import Site

T = TypeVar("T")

HELD_SECONDS = 30.0
"""How long it is waited for that the lister sees a pause."""

CANCEL_SECONDS = 10.0
"""How long a run is waited for that is not over yet."""


@dataclass(slots=True)
class Person:
    """cancelled: the runs that were. resumed_at: when the pause that everything began with was about to end. lifted_at:
    when the ceiling was about to be lifted, and under: how many runs there were by then.
    """

    site: Site
    cancelled: set[str] = field(default_factory=set)
    resumed_at: float = 0.0
    lifted_at: float = 0.0
    under: int = 0

    def begin(self) -> None:
        """What holds before anything is listed."""
        drawn = self.site.drawn
        if drawn.held or drawn.ceiling is not None:
            self._set(lambda said: replace(said, paused=drawn.held > 0, most_objects=drawn.ceiling))

    def go_on(self) -> None:
        """End the pause that everything began with, some time after the lister has seen it."""
        self.site.rest(HELD_SECONDS)
        time.sleep(self.site.drawn.held)
        self.resumed_at = time.time()
        self._do(lambda job: job.resume())

    def lift(self) -> None:
        """Take the ceiling away."""
        self.under, self.lifted_at = len(self.runs()), time.time()
        self._set(lambda said: replace(said, most_objects=None))

    def pause(self, seconds: float) -> None:
        """Pause the job, and resume it."""
        self._set(lambda said: replace(said, paused=True))
        time.sleep(seconds)
        self._do(lambda job: job.resume())

    def cancel(self) -> None:
        """End a run that is not over; one that is if there is no other."""
        deadline = time.monotonic() + CANCEL_SECONDS
        while not self._do(lambda job: self._cancel(job, time.monotonic() > deadline)):
            time.sleep(0.1)

    async def _cancel(self, job: Admin, any_run: bool) -> bool:
        running = await job.stores.runs.running()
        for run in running:
            if any_run or not (await job.stores.runs.summary(run.name)).finished:
                self.cancelled.add(run.name)
                await job.cancel(run)
                return True
        return any_run and not running

    def runs(self) -> list[RunRecord]:
        """All that there are."""
        return self._do(lambda job: job.stores.runs.since(0))

    def _set(self, change: Callable[[Control], Control]) -> None:
        self._do(lambda job: job.stores.control.update(change))

    def _do(self, what: Callable[[Admin], Awaitable[T]]) -> T:
        """On a loop of its own, as a command is."""

        async def done() -> T:
            settings = load({**self.site.environment, "LOG_LEVEL": "ERROR"})
            return await what(connect_admin(settings))

        return asyncio.run(done())
