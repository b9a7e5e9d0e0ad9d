"""What Firestore and Pub/Sub say, in the words of the project."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.api_core import exceptions

from shared.domain.errors import OutOfService
from shared.domain.reasons import Party, Reason
from shared.gcp.faults import in_firestore

API: Any = exceptions
EVERYBODYS = [
    (API.ServiceUnavailable("x"), Reason.UNREACHABLE),
    (API.DeadlineExceeded("x"), Reason.UNREACHABLE),
    (API.InternalServerError("x"), Reason.UNREACHABLE),
    (API.RetryError("x", cause=API.ServiceUnavailable("x")), Reason.UNREACHABLE),
    (API.ResourceExhausted("x"), Reason.THROTTLED),
    (API.PermissionDenied("x"), Reason.BAD_CREDENTIALS),
    (API.Unauthenticated("x"), Reason.BAD_CREDENTIALS),
    (API.NotFound("no such database"), Reason.REFUSED),
    (API.Aborted("contention"), Reason.TRANSIENT),
]


@in_firestore
class Store:
    def __init__(self, error: Exception) -> None:
        self.error, self.closed = error, False

    async def get(self) -> None:
        raise self.error

    async def scan(self) -> AsyncIterator[int]:
        try:
            yield 1
            raise self.error
        finally:
            self.closed = True


@pytest.mark.parametrize(("error", "reason"), EVERYBODYS, ids=lambda item: type(item).__name__)
async def test_a_fault_of_the_service_is_nobody_s_own(error: Exception, reason: Reason) -> None:
    with pytest.raises(OutOfService, match=r"Store\.get") as told:
        await Store(error).get()
    assert (told.value.party, told.value.reason) == (Party.FIRESTORE, reason)
    with pytest.raises(OutOfService):
        assert [item async for item in Store(error).scan()] == [1]


@pytest.mark.parametrize("error", [API.InvalidArgument("a field"), KeyError("x")])
async def test_a_mistake_of_ours_stays_one(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Store(error).get()


async def test_a_stream_that_is_left_early_is_closed() -> None:
    store = Store(KeyError())
    stream = store.scan()
    assert await anext(stream) == 1
    await stream.aclose()  # type: ignore[attr-defined]
    assert store.closed
