"""A run that waits in a long queue looks dead from its records: so those who work on it say that it lives."""

import uuid
from dataclasses import dataclass, field

from shared.ports import Clock, State

BEAT_SECONDS = 60.0
"""Between two beats of an instance for a run: hundreds of instances write a few documents a second together."""

_MOST_RUNS = 100


@dataclass(slots=True)
class Pulse:
    """One an instance."""

    state: State
    clock: Clock
    instance: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _beaten: dict[str, float] = field(default_factory=dict)

    async def beat(self, run: str) -> None:
        """Say that the instance has worked on a run."""
        now = self.clock.monotonic()
        if now - self._beaten.get(run, float("-inf")) < BEAT_SECONDS:
            return
        if len(self._beaten) >= _MOST_RUNS:
            self._beaten.clear()
        self._beaten[run] = now
        await self.state.pulse(run, self.instance, self.clock.now())
