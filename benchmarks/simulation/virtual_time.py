"""An event loop whose clock jumps to whatever comes next.

Its own, and not asyncio's with a selector that waits for nothing: a simulation is little but short waits, 20 million in
`make simulate`, and a timer of asyncio's costs several times what the lister does between two of them.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_800_000_000.0


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs coroutines as fast as they can be computed; `time()` is what they have waited for. It knows tasks, futures
    and timers, and no file, thread, process or signal. What a callback raises ends the run.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle | asyncio.Future[None]]] = []
        self._number = 0
        self._running = False
        self._closed = False

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> "asyncio.Future[None]":
        """`asyncio.sleep`, in a fifth of its time."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self._at(self._now + seconds, future)
        return future

    def _at(self, when: float, what: "asyncio.Handle | asyncio.Future[None]") -> None:
        self._number += 1
        heappush(self._timers, (when, self._number, what))

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._at(when, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is dropped when its time comes."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise context.get("exception") or RuntimeError(context["message"])

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def run_until_complete(self, future: Any) -> Any:
        """Raises RuntimeError if everybody waits for somebody else."""
        main = asyncio.ensure_future(future, loop=self)
        asyncio._set_running_loop(self)
        self._running = True
        try:
            self._run_ready()
            while not main.done():
                self._jump()
                self._run_ready()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
        return main.result()

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        if not self._timers:
            raise RuntimeError("nothing is left that could wake anybody")
        self._now, _, due = heappop(self._timers)
        if isinstance(due, asyncio.Handle):
            self._ready.append(due)
        elif not due.done():
            due.set_result(None)


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
        await self._loop.sleep(seconds)

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
