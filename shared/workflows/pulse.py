"""A run that waits in a long queue looks dead from its records: so those who work on it say that it lives."""

import uuid
from dataclasses import dataclass, field

from shared.core.report import Beat
from shared.ports import Clock, State

_MOST_RUNS = 100
_MOST_BEATS = 2000
"""Of one instance for one run: a day and a half of minutes; then its history begins anew."""


@dataclass(slots=True)
class Pulse:
    """One an instance. seconds: between two beats for a run; with hundreds of instances a few documents a second."""

    state: State
    clock: Clock
    seconds: float = 60.0
    instance: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _histories: dict[str, list[Beat]] = field(default_factory=dict)
    _beaten: dict[str, float] = field(default_factory=dict)

    async def beat(self, run: str, objects: int = 0, size: int = 0) -> None:
        """Say that the instance has worked on a run, and copied so many objects and bytes since it last did."""
        now = self.clock.monotonic()
        if run not in self._histories and len(self._histories) >= _MOST_RUNS:
            self._histories.clear()
            self._beaten.clear()
        history = self._histories.setdefault(run, [])
        at = self.clock.now() // self.seconds * self.seconds
        if history and history[-1].at == at:
            last = history.pop()
            objects, size = objects + last.objects, size + last.bytes
        history.append(Beat(at, objects, size))
        if now - self._beaten.get(run, float("-inf")) >= self.seconds:
            self._beaten[run] = now
            del history[:-_MOST_BEATS]
            await self.state.pulse(run, self.instance, self.clock.now(), tuple(history))
