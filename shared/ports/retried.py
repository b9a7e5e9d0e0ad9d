"""The one loop that tries again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.domain.backoff import RetryPolicy
from shared.domain.errors import Transient
from shared.ports.clock import Clock

T = TypeVar("T")


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
