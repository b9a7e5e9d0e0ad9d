"""An event loop whose clock jumps to whatever comes next.

With timers of its own: a simulation is little but short waits, 20 million in `make simulate`, and a timer of asyncio's
costs more than what the lister does between two of them.
"""

import asyncio
import random
from heapq import heappop, heappush
from typing import Any

EPOCH = 1_800_000_000.0


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs coroutines as fast as they can be computed; `time()` is what they have waited for. It knows no files, and
    no timers but `sleep`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> "asyncio.Future[None]":
        """Awaited, what `asyncio.sleep` is elsewhere."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self._number += 1
        heappush(self._sleeping, (self._now + seconds, self._number, future))
        return future

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        """Raises NotImplementedError: a model that waits by `asyncio.sleep` would be slow."""
        raise NotImplementedError("in virtual time one waits by the clock's sleep")

    def _run_once(self) -> None:
        """All that is ready, and then the first who sleeps. Raises RuntimeError if everybody waits for somebody."""
        ready = self._ready  # type: ignore[attr-defined]
        if not ready:
            if not self._sleeping:
                raise RuntimeError("nothing is left that could wake anybody")
            self._now, _, future = heappop(self._sleeping)
            if not future.done():
                future.set_result(None)
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()


class VirtualClock:
    """`shared.ports.clock.Clock` on a VirtualLoop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self._chance = random.Random(0)

    def now(self) -> float:
        return EPOCH + self.loop.time()

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await self.loop.sleep(seconds)

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

    def take(self, count: int) -> float:
        """Take a turn for so many; the seconds to wait for it."""
        now = self._clock.monotonic()
        self._free_at = max(self._free_at, now) + count / self.rate()
        if self._free_at <= now + 1e-3:
            return 0.0
        self.waited += self._free_at - now
        return self._free_at - now
