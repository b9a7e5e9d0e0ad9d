"""A commit whose answer is lost is sent again by the client, and refused: what it was to do is done, and once."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore_v1.async_batch import AsyncWriteBatch

from local.stack import Stack
from shared.domain.runs import RunKind
from shared.domain.spending import Amount
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.control_store import Control
from shared.telemetry import Log

NOW = 1_800_000_000.0


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the next commit done, and what is heard of it is that it cannot be done again."""
    lost: list[bool] = []
    commit = AsyncWriteBatch.commit

    async def sent_again(self: AsyncWriteBatch, *given: Any, **named: Any) -> Any:
        answer = await commit(self, *given, **named)
        if lost:
            lost.clear()
            raise FailedPrecondition("it was written since")  # type: ignore[no-untyped-call]
        return answer

    monkeypatch.setattr(AsyncWriteBatch, "commit", sent_again)
    return lambda: lost.append(True)


async def test_what_is_reserved_or_given_back_is_counted_once(
    google_like: Stack, fresh: str, lose: Callable[[], None]
) -> None:
    """Given back twice, it let a run go beyond its ceiling."""
    control = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).control
    ceilings = Control(most_objects=12_800)
    total = 0
    for amount, of in ((60, "a shard not known yet"), (20, "the own shard"), (150, "several"), (-50, "what is back")):
        lose()
        assert await control.reserve("run", "me", Amount(amount), ceilings, NOW), of
        total += amount
        assert await control.spent("run") == Amount(total), of


async def test_a_scheduled_run_begins(google_like: Stack, fresh: str, lose: Callable[[], None]) -> None:
    """It was taken for one that another had outrun, and its message was done with."""
    runs = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).runs
    for run in ("first", "second"):
        _, version = await runs.scheduled(RunKind.LIST)
        lose()
        assert await runs.schedule(RunKind.LIST, run, version)
    assert not await runs.schedule(RunKind.LIST, "late", version)
