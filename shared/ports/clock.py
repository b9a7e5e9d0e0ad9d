"""Time and chance, and the one loop that tries again."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from shared.domain.backoff import RetryPolicy
from shared.domain.errors import Transient

T = TypeVar("T")


class Clock(Protocol):
    """Time and chance, so that tests can own both."""

    def now(self) -> float:
        """Wall time in epoch seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def draw(self) -> float:
        """Uniform in [0, 1)."""
        ...


async def retried(policy: RetryPolicy, clock: Clock, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try while the error is one that may pass and the policy has a try left."""
    began, failed = clock.monotonic(), 0
    while True:
        try:
            return await attempt()
        except Transient as failure:
            failed += 1
            wait = policy.wait(failed, clock.monotonic() - began, clock.draw(), failure.retry_after)
            if wait is None:
                raise
        await clock.sleep(wait)
