"""The lease on a large object's upload, renewed while a move goes on."""

import asyncio

import pytest

from shared.clock import SystemClock
from shared.copying.upload_lease import UploadLease
from shared.domain.errors import Busy
from shared.ports.upload_store import OpenUpload
from tests.fakes import FakeLog
from tests.fakes.uploads import FakeUploads

SECONDS = 0.15


async def held() -> tuple[FakeUploads, UploadLease]:
    uploads = FakeUploads()
    await uploads.open("n", OpenUpload("k", "upload", 1, 0, 0.0))
    lease = UploadLease(uploads, SystemClock(), FakeLog(), "n", "k", SECONDS)
    await lease.take()
    return uploads, lease


async def test_a_lease_is_renewed_while_a_move_goes_on() -> None:
    uploads, lease = await held()
    moving = asyncio.create_task(lease.write(asyncio.sleep(3 * SECONDS, "moved")))
    await asyncio.sleep(2 * SECONDS)
    with pytest.raises(Busy):
        await UploadLease(uploads, SystemClock(), FakeLog(), "n", "k", SECONDS).take()
    assert await moving == "moved"
    await lease.give_back()
    await UploadLease(uploads, SystemClock(), FakeLog(), "n", "k", SECONDS).take()


async def test_who_lost_the_lease_begins_no_further_write() -> None:
    uploads, lease = await held()
    uploads.leases["n"] = ("another", SystemClock().now() + 60)
    begun = False

    async def step() -> None:
        nonlocal begun
        begun = True

    assert await lease.write(asyncio.sleep(SECONDS, "what is under way ends by itself")) is not None
    with pytest.raises(Busy):
        await lease.write(step())
    assert not begun


async def test_a_state_store_that_is_away_for_a_moment_loses_nothing() -> None:
    uploads, lease = await held()
    claim, failed = uploads.claim, list[float]()

    async def flaky(number: str, owner: str, now: float, lease_seconds: float) -> bool:
        if not failed:
            failed.append(now)
            raise ConnectionError("firestore: unavailable")
        return await claim(number, owner, now, lease_seconds)

    uploads.claim = flaky  # type: ignore[method-assign]
    assert await lease.write(asyncio.sleep(2 * SECONDS, "moved")) == "moved"
    assert failed
    assert uploads.leases["n"][1] > SystemClock().now()
