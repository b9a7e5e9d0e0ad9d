"""An event loop in virtual time. It waits for nothing: its clock jumps to whatever comes next.

`benchmarks/simulation/virtual_time.py` drives one fleet that never dies and whose order does not matter; here order is
drawn, what a dead instance still had to do is dropped, and a wait for nothing is an error with names in it.
"""

import asyncio
import contextvars
import heapq
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVarTuple

EPOCH = 1_800_000_000.0
"""Seconds since 1970 at which every schedule begins."""


class Mortal(Protocol):
    """What callbacks belong to."""

    alive: bool
    frozen_until: float


OWNER: contextvars.ContextVar[Mortal | None] = contextvars.ContextVar("owner", default=None)
"""The instance that a callback belongs to; what belongs to a dead one never runs again."""

WORLD = contextvars.Context()
"""For callbacks of the world itself, which no crash may take away."""

Ts = TypeVarTuple("Ts")

Timer = tuple[float, int, asyncio.Handle | None, Callable[..., object] | None, tuple[Any, ...]]
"""When something is due, its number, and what: a handle, or a callback of the world's with its arguments. Most of what a
schedule does is to wait, and asyncio's own timers cost several times as much.
"""

Connect = Callable[[Mortal | None, Callable[[], asyncio.BaseProtocol], str], Coroutine[Any, Any, Any]]


class Stuck(Exception):
    """Nothing is left that could happen, and somebody still waits."""


class NumberedTask(asyncio.Task[Any]):
    """Hashes by its number and not by its address, so that sets of tasks iterate alike in every process."""

    _numbers = 0
    number = 0

    def __new__(cls, *_args: Any, **_options: Any) -> "NumberedTask":
        made = super().__new__(cls)
        NumberedTask._numbers += 1
        made.number = NumberedTask._numbers
        return made

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.BaseEventLoop):
    """reorder: draws the order of what is ready at one moment, None to keep it. connect: opens connections."""

    def __init__(self, reorder: random.Random | None = None) -> None:
        super().__init__()
        self._now = 0.0
        self._number = 0
        self._timers: list[Timer] = []
        self._reorder = reorder
        self.connect: Connect | None = None
        NumberedTask._numbers = 0
        self.set_task_factory(lambda loop, coro, **options: NumberedTask(coro, loop=loop, **options))
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self._now

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """As `call_later`, for the world: the caller's death does not stop it, and what it raises ends the schedule."""
        self._number += 1
        heapq.heappush(self._timers, (self._now + delay, self._number, None, callback, args))

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle, None, ()))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is dropped when its time comes."""

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_options: Any
    ) -> Any:
        assert self.connect is not None
        return await self.connect(OWNER.get(), protocol_factory, host)

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """What production code does in a thread takes a moment here, and no thread."""
        done = self.create_future()

        def work() -> None:
            if done.cancelled():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)

        self.call_later(0.05, work)
        return done

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        return self.call_soon(callback, *args, context=context)

    def _run_once(self) -> None:
        """One round: the clock moves on if nothing is ready, and all that is ready runs."""
        ready, timers = self._ready, self._timers  # type: ignore[attr-defined]
        while timers and timers[0][2] is not None and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not ready:
            if not timers:
                raise Stuck("\n".join(waits(asyncio.all_tasks(self))))
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            due = heapq.heappop(timers)
            ready.append(due if due[2] is None else due[2])
        if self._reorder is not None and len(ready) > 1:
            shuffled = list(ready)
            self._reorder.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if type(handle) is tuple:
                WORLD.run(handle[3], *handle[4])
            elif not handle._cancelled:
                owner = handle._context.get(OWNER)
                if owner is None or (owner.alive and owner.frozen_until <= self._now):
                    handle._run()
                elif owner.alive:
                    self.later(owner.frozen_until - self._now, self._thaw, handle)

    def _thaw(self, handle: asyncio.Handle) -> None:
        """Put back what had to wait while its owner stood still."""
        if not handle._cancelled:
            self._ready.append(handle)  # type: ignore[attr-defined]


def waits(tasks: "Iterable[asyncio.Task[Any]]") -> list[str]:
    """For each task, where it stands and in whose name."""
    lines = []
    for task in sorted(tasks, key=lambda item: item.get_name()):
        if task.done():
            continue
        frames = []
        at: Any = task.get_coro()
        while at is not None and (frame := getattr(at, "cr_frame", None) or getattr(at, "ag_frame", None)):
            frames.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno} {frame.f_code.co_name}")
            at = getattr(at, "cr_await", None) or getattr(at, "ag_await", None)
        lines.append(f"{task.get_name()} waits in {' > '.join(frames[-4:])}")
    return lines
