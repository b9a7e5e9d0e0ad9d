"""The ceiling on what one instance holds in memory at a time, whatever the objects' number and size."""

import asyncio
from collections import OrderedDict
from types import TracebackType


class InFlight:
    """At most `objects` copies and about `weight` bytes at once, shared by all invocations of an instance.

    A copy weighs what it may hold in memory, not what its object measures. First come, first served, so
    that a heavy copy is not overtaken for ever by light ones.
    """

    def __init__(self, objects: int, weight: int) -> None:
        self._objects = objects
        self._capacity = self._free = weight
        self._waiting: OrderedDict[asyncio.Future[None], int] = OrderedDict()

    def slot(self, weight: int) -> "Slot":
        """A context manager: room to wait for, hold and give back. A weight above the ceiling counts as all of it."""
        return Slot(self, min(weight, self._capacity))

    async def take(self, weight: int) -> None:
        """Wait for a turn."""
        if not self._waiting and self._objects and self._free >= weight:
            self._hold(weight)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = weight
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                del self._waiting[turn]
                self._admit()
            elif not turn.cancelled():
                self.give(weight)  # the turn had come in the same moment
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
        while self._waiting and self._objects:
            turn, weight = next(iter(self._waiting.items()))
            if not turn.done():
                if self._free < weight:
                    return
                self._hold(weight)
                turn.set_result(None)
            del self._waiting[turn]


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
