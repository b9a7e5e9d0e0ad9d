"""The machine's own time and chance."""

import asyncio
import random
import time


class SystemClock:
    """`shared.ports.clock.Clock` on the running machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def draw(self) -> float:
        return random.random()
