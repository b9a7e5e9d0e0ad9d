"""The one loop that tries a request again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.domain.backoff import RetryPolicy
from shared.domain.errors import Transient
from shared.http.classification import Classifier
from shared.http.client import Answer
from shared.ports.clock import Clock

T = TypeVar("T")
Send = Callable[[], Awaitable[Answer]]
"""Sends a request and brings its answer; called for every try, so that a signature is never older than the try."""


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


async def asked(
    policy: RetryPolicy, clock: Clock, what: str, classify: Classifier, send: Send, good: tuple[int, ...] = (200,)
) -> Answer:
    """The answer to a question. what: a phrase that names side and key, for errors."""
    return await read(policy, clock, what, classify, send, lambda answer: answer, good)


async def read(
    policy: RetryPolicy,
    clock: Clock,
    what: str,
    classify: Classifier,
    send: Send,
    make: Callable[[Answer], T],
    good: tuple[int, ...] = (200,),
) -> T:
    """What is made of a good answer; what `make` raises counts, too."""

    async def once() -> T:
        answer = await send()
        if answer.status in good:
            return make(answer)
        raise classify(what, answer.status, answer.headers, answer.body, clock.now())

    return await retried(policy, clock, once)
