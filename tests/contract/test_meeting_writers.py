"""Somebody else writes between what a store reads and what it writes, or its own write was done and its answer lost."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.async_batch import AsyncWriteBatch
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from local.stack import Stack
from shared.domain.counts import Counts, RangeCounts
from shared.domain.errors import StateConflict
from shared.domain.extraneous import DestinationOnly
from shared.domain.progress import Interval, Progress
from shared.domain.runs import RunKind, RunState
from shared.gcp.firestore.stores import firestore_stores
from shared.ports.range_store import HeldRange, OpenRange, RangeId, Refusal
from shared.ports.run_store import PartialSummary, RunSummary
from shared.ports.stores import Stores
from shared.ports.upload_store import OpenUpload, PartNote
from shared.telemetry import Log

NOW = 1_800_000_000.0
OPENED = OpenRange(RangeId("run", b"", b""), None, b"message")
NOTHING = RunSummary(0, 0, Counts(), Counts(), Counts(), 0)
Act = Callable[[], Awaitable[object]]


@pytest.fixture
def stores(google_like: Stack, fresh: str) -> Stores:
    return firestore_stores("local-project", "(default)", fresh, Log("ERROR"))


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Has something done between the next look at a document and its change."""
    waiting: list[Act] = []

    def before(changing: type, name: str) -> None:
        original = getattr(changing, name)

        async def met(self: Any, *given: Any, **named: Any) -> Any:
            if waiting:
                await waiting.pop()()
            return await original(self, *given, **named)

        monkeypatch.setattr(changing, name, met)

    before(AsyncWriteBatch, "commit")
    before(AsyncDocumentReference, "delete")
    return waiting.append


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the next change done, and what is heard of it is that it cannot be done again."""
    lost: list[bool] = []
    update = AsyncDocumentReference.update

    async def sent_again(self: AsyncDocumentReference, *given: Any, **named: Any) -> Any:
        answer = await update(self, *given, **named)
        if lost:
            lost.clear()
            raise FailedPrecondition("it was written since")  # type: ignore[no-untyped-call]
        return answer

    monkeypatch.setattr(AsyncDocumentReference, "update", sent_again)
    return lambda: lost.append(True)


async def test_two_that_take_a_range_over_at_once_are_one_holder(
    stores: Stores, between: Callable[[Act], None]
) -> None:
    await stores.runs.create(OPENED, RunKind.LIST, NOW)
    await stores.ranges.acquire(OPENED.range_id, "dead", NOW, 60)
    held: list[HeldRange | Refusal] = []

    async def other() -> None:
        held.append(await stores.ranges.acquire(OPENED.range_id, "other", NOW + 100, 60))

    between(other)
    assert await stores.ranges.acquire(OPENED.range_id, "slow", NOW + 100, 60) is Refusal.HELD
    (theirs,) = held
    assert isinstance(theirs, HeldRange)
    await stores.ranges.complete(theirs, RangeCounts(), NOW + 101)


async def test_a_holder_whose_renewal_was_not_heard_goes_on(stores: Stores, lose: Callable[[], None]) -> None:
    await stores.runs.create(OPENED, RunKind.LIST, NOW)
    held = await stores.ranges.acquire(OPENED.range_id, "me", NOW, 60)
    assert isinstance(held, HeldRange)
    lose()
    held = await stores.ranges.renew(held, NOW + 30, 60)
    lose()
    await stores.ranges.complete(held, RangeCounts(), NOW + 40)
    assert await stores.ranges.acquire(OPENED.range_id, "other", NOW + 500, 60) is Refusal.DONE


async def test_an_end_that_was_not_heard_is_written_once(stores: Stores, lose: Callable[[], None]) -> None:
    await stores.runs.create(OPENED, RunKind.LIST, NOW)
    version = await stores.runs.acquire_end("run", NOW, 60)
    lose()
    kept = await stores.runs.keep_partial("run", PartialSummary(NOW), NOW, 60, version)
    with pytest.raises(StateConflict):
        await stores.runs.keep_partial("run", PartialSummary(NOW + 1), NOW, 60, version)
    lose()
    await stores.runs.finish("run", RunState.FINISHED, NOTHING, NOW + 5, kept)
    assert await stores.runs.running() == []
    with pytest.raises(StateConflict):
        await stores.runs.finish("run", RunState.STOPPED, NOTHING, NOW + 6, kept)


async def test_two_that_speak_as_one_instance_keep_the_newest(google_like: Stack, fresh: str, stores: Stores) -> None:
    """Two people who resume a job, each with a store of their own."""
    other = firestore_stores("local-project", "(default)", fresh, Log("ERROR"))

    def told(at: float) -> Progress:
        return Progress({at: Interval(at, 1, 10)}, [], {}, 60)

    for store, at in ((stores, 0.0), (other, 60.0), (stores, 120.0), (other, 90.0)):
        await store.runs.heartbeat("run", "resume", NOW + at, told(at))
    assert await stores.runs.progress("run") == told(120.0)


async def test_a_mark_that_is_made_anew_outlives_who_clears_up(stores: Stores, between: Callable[[Act], None]) -> None:
    """A destination-only object is deleted by its mark, so a mark is never dropped or kept by mistake."""
    found = DestinationOnly(b"name", b"key", 7, 10)

    async def marked(run: str) -> list[DestinationOnly]:
        return [extra async for some in stores.extras.marked(run, NOW + 1000) for extra in some]

    await stores.extras.mark("first", [found], NOW)
    between(lambda: stores.extras.mark("second", [found], NOW + 100))
    await stores.extras.keep_only("second")
    assert await marked("second") == [found]
    newer = replace(found, generation=8)
    between(lambda: stores.extras.mark("third", [newer], NOW + 200))
    await stores.extras.unmark(found)
    assert await marked("third") == [newer]


async def test_two_that_finish_an_object_at_once_are_one(stores: Stores, between: Callable[[Act], None]) -> None:
    await stores.uploads.open("n", OpenUpload("key", "upload", 256 << 20, 8 << 20, NOW))
    claimed: list[bool] = []

    async def other() -> None:
        claimed.append(await stores.uploads.claim("n", "other", NOW, 60))

    between(other)
    assert not await stores.uploads.claim("n", "slow", NOW, 60)
    assert claimed == [True]


async def test_who_did_not_hear_that_he_may_finish_an_object_finishes_it(
    stores: Stores, lose: Callable[[], None]
) -> None:
    """Else nobody would, until the lease has run out."""
    await stores.uploads.open("n", OpenUpload("key", "upload", 256 << 20, 8 << 20, NOW))
    lose()
    assert await stores.uploads.claim("n", "me", NOW, 60)
    assert not await stores.uploads.claim("n", "other", NOW, 60)


@pytest.mark.parametrize("anew", [False, True], ids=["claimed", "begun anew"])
async def test_an_upload_that_is_written_while_it_is_forgotten_goes_whole_or_is_another(
    stores: Stores, between: Callable[[Act], None], monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    """In commits of two parts each; one more part is noted after they were read."""
    monkeypatch.setattr("shared.gcp.firestore.uploads._BATCH", 2)
    uploads, opened = stores.uploads, OpenUpload("key", "upload", 256 << 20, 8 << 20, NOW)
    note, later = PartNote("etag", 1, 2, 3, b"", "direct"), replace(opened, upload="later")

    async def written() -> None:
        await uploads.note("upload", 4, note)
        await uploads.claim("n", "owner", NOW, 60)
        if anew:
            assert await uploads.close("n", "upload")
            await uploads.open("n", later)
            await uploads.note("later", 1, note)

    await uploads.open("n", opened)
    for part in (1, 2, 3):
        await uploads.note("upload", part, note)
    between(written)
    assert await uploads.close("n", "upload") is not anew
    assert await uploads.count("upload") == 0
    assert await uploads.get("n") == (later if anew else None)
    assert await uploads.count("later") == int(anew)


async def test_what_a_run_that_timed_out_has_left_open_may_go(
    google_like: Stack, fresh: str, stores: Stores, between: Callable[[Act], None]
) -> None:
    """But not a range that somebody takes over in this very moment: its holder would write into nothing."""
    await stores.runs.create(OPENED, RunKind.LIST, NOW)
    (left,) = [
        found async for found in AsyncClient(project="local-project").collection(f"jobs/{fresh}/ranges").stream()
    ]

    async def expires() -> bool:
        return "expires_at" in ((await left.reference.get()).to_dict() or {})

    assert not await expires()
    between(lambda: stores.ranges.acquire(OPENED.range_id, "other", NOW + 100, 60))
    await stores.ranges.let_expire("run", NOW + 1000)
    assert not await expires()
    await stores.ranges.let_expire("run", NOW + 2000)
    assert await expires()
