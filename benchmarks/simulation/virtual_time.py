"""An event loop whose clock jumps to whatever comes next."""

import asyncio
import random
import selectors
from collections.abc import Mapping
from typing import Any

EPOCH = 1_800_000_000.0


class _Nothing(selectors.BaseSelector):
    """Waits for no file; what would be waited for passes at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[Any]:
        self.passed += timeout or 0.0
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs coroutines as fast as they can be computed; `time()` is what they have waited for."""

    def __init__(self) -> None:
        self._nothing = _Nothing()
        super().__init__(self._nothing)

    def time(self) -> float:
        return self._nothing.passed


class VirtualClock:
    """`shared.ports.clock.Clock` on a VirtualLoop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._chance = random.Random(0)

    def now(self) -> float:
        return EPOCH + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def draw(self) -> float:
        return self._chance.random()


class Ramp:
    """A rate of operations that may grow: each waits for its turn. waited: seconds, of all together."""

    def __init__(self, clock: VirtualClock, first: float, growth: float, period_seconds: float) -> None:
        self._clock, self._first, self._growth, self._period = clock, first, growth, period_seconds
        self._free_at = 0.0
        self.waited = 0.0

    def rate(self) -> float:
        return float(self._first * self._growth ** int(self._clock.monotonic() / self._period))

    async def take(self, count: int) -> None:
        now = self._clock.monotonic()
        self._free_at = max(self._free_at, now) + count / self.rate()
        if self._free_at > now + 1e-3:
            self.waited += self._free_at - now
            await asyncio.sleep(self._free_at - now)
