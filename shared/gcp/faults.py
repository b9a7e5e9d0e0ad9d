"""Faults of Firestore and Pub/Sub that are nobody's own, in the words of the project."""

import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)

from shared.domain.errors import OutOfService
from shared.domain.reasons import Party, Reason

S = TypeVar("S")

_EVERYBODYS: dict[type[GoogleAPICallError], Reason] = {
    TooManyRequests: Reason.THROTTLED,
    Unauthorized: Reason.BAD_CREDENTIALS,
    Forbidden: Reason.BAD_CREDENTIALS,
    NotFound: Reason.REFUSED,
    Aborted: Reason.TRANSIENT,
    Cancelled: Reason.TRANSIENT,
    ServerError: Reason.UNREACHABLE,
}
"""The others, INVALID_ARGUMENT above all, concern what was asked: they stay as they are, for a mistake of ours.
https://cloud.google.com/apis/design/errors#handling_errors"""


@contextmanager
def translated(party: Party, doing: str) -> Iterator[None]:
    """Raises OutOfService in the place of what the client raises where the service is at fault. doing: a phrase."""
    try:
        yield
    except RetryError as error:
        raise OutOfService(f"{doing}: {error}", party, Reason.UNREACHABLE) from error
    except GoogleAPICallError as error:
        reason = next((reason for kind, reason in _EVERYBODYS.items() if isinstance(error, kind)), None)
        if reason is None:
            raise
        raise OutOfService(f"{doing}: {error}", party, reason) from error


def in_firestore(store: type[S]) -> type[S]:
    """A class whose public methods are translated."""
    for name, method in list(vars(store).items()):
        if name.startswith("_"):
            continue
        if inspect.isasyncgenfunction(method):
            setattr(store, name, _translated_stream(method))
        elif inspect.iscoroutinefunction(method):
            setattr(store, name, _translated_call(method))
    return store


def _translated_call(method: Any) -> Any:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with translated(Party.FIRESTORE, f"firestore, {method.__qualname__}"):
            return await method(*args, **kwargs)

    return call


def _translated_stream(method: Any) -> Any:
    @functools.wraps(method)
    async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with translated(Party.FIRESTORE, f"firestore, {method.__qualname__}"):
            async with aclosing(method(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return stream
