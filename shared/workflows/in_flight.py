"""The ceiling on what one instance holds in memory at a time, whatever the objects' number and size."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class InFlight:
    """At most `objects` copies and about `weight` bytes at once, shared by all invocations of an instance.

    A copy weighs what it may hold in memory, not what its object measures. First come, first served, so
    that a heavy copy is not overtaken for ever by light ones.
    """

    def __init__(self, objects: int, weight: int) -> None:
        self._objects = asyncio.Semaphore(objects)
        self._capacity = weight
        self._free = weight
        self._turn = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def slot(self, weight: int) -> AsyncIterator[None]:
        """Wait for room, hold it, give it back. A weight above the ceiling counts as the whole of it."""
        weight = min(weight, self._capacity)
        async with self._objects:
            async with self._turn:
                while self._free < weight:
                    self._released.clear()
                    await self._released.wait()
                self._free -= weight
            try:
                yield
            finally:
                self._free += weight
                self._released.set()
