"""A question that is asked again while it may yet be answered."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.domain.backoff import RetryPolicy
from shared.domain.errors import Transient
from shared.http.classification import Classifier
from shared.http.client import Answer
from shared.ports.clock import Clock
from shared.ports.retried import retried

T = TypeVar("T")
Send = Callable[[], Awaitable[Answer]]
"""Sends a request and brings its answer; called for every try, so that a signature is never older than the try."""


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
    """What is made of a good answer; what `make` raises counts, too. An error without an answer says who was asked."""

    async def once() -> T:
        try:
            answer = await send()
        except Transient as broken:
            if broken.party is not None:
                raise
            raise type(broken)(str(broken), party=classify.party, asked=what) from broken
        if answer.status in good:
            return make(answer)
        raise classify(what, answer.status, answer.headers, answer.body, clock.now())

    return await retried(policy, clock, once)
