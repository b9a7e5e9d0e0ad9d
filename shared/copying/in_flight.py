"""The ceiling on what one instance holds in memory at a time, whatever the objects' number and size."""

import asyncio
from collections import deque
from types import TracebackType


class InFlight:
    """At most `objects` copies and about `weight` bytes at once, shared by all invocations of an instance.

    A copy weighs what it may hold in memory, not what its object measures. First come, first served, so
    that a heavy copy is not overtaken for ever by light ones.
    """

    def __init__(self, objects: int, weight: int) -> None:
        self._objects = objects
        self._capacity = self._free = weight
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def slot(self, weight: int) -> "Slot":
        """A context manager: room to wait for, hold and give back. A weight above the ceiling counts as all of it."""
        return Slot(self, min(weight, self._capacity))

    async def take(self, weight: int) -> None:
        """Wait for a turn."""
        if not self._waiting and self._objects and self._free >= weight:
            self._hold(weight)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(weight)
            else:
                self._waiting.remove((weight, turn))
                self._admit()
            raise

    def give(self, weight: int) -> None:
        """Give room back."""
        self._objects += 1
        self._free += weight
        self._admit()

    def _hold(self, weight: int) -> None:
        self._objects -= 1
        self._free -= weight

    def _admit(self) -> None:
        while self._waiting and self._objects and self._free >= self._waiting[0][0]:
            weight, turn = self._waiting.popleft()
            if not turn.done():
                self._hold(weight)
                turn.set_result(None)


class Slot:
    """Room for one copy."""

    __slots__ = ("_gate", "_weight")

    def __init__(self, gate: InFlight, weight: int) -> None:
        self._gate, self._weight = gate, weight

    async def __aenter__(self) -> None:
        await self._gate.take(self._weight)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.give(self._weight)
