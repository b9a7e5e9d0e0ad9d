"""Many who wait for one thing, of whom each may stop waiting at any time.

asyncio's own ways hang every waiter on the future, or in the queue, that is waited for, and search all of them for each
one that leaves: a thousand keys that are cancelled at a budget's end would be looked through a million times.
"""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Signal:
    """Happens once, for all who wait for it, in the order in which they came. Leaving costs the same wherever one
    stands.
    """

    __slots__ = ("_given", "_waiting")

    def __init__(self) -> None:
        self._given = False
        self._waiting: dict[asyncio.Future[None], None] = {}

    def give(self) -> None:
        """It happens now."""
        self._given = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)

    async def wait(self) -> None:
        """Until it happens; at once if it has."""
        if self._given:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        finally:
            del self._waiting[turn]


class Joint(Generic[T]):
    """Work for many: it goes on whoever stops waiting for it."""

    __slots__ = ("_ended", "_work")

    def __init__(self, work: "asyncio.Future[T]") -> None:
        self._work, self._ended = work, Signal()
        work.add_done_callback(self._over)

    @property
    def done(self) -> bool:
        return self._work.done()

    async def result(self) -> T:
        """Raises what the work ended with."""
        await self._ended.wait()
        return self._work.result()

    def _over(self, work: "asyncio.Future[T]") -> None:
        if not work.cancelled():
            work.exception()  # nobody may be there to be told
        self._ended.give()
