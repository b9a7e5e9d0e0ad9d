"""`Reports`: the fake and our server."""

from collections.abc import AsyncIterator

import pytest

from local.clients import gcs_client
from local.stack import Stack
from shared.clock import SystemClock
from shared.domain.errors import NoSuchBucket, Transient
from shared.gcp.reports import GcsReports
from shared.gcp.token import Token
from shared.http.client import Http
from shared.ports.reports import Reports
from tests.fakes import FakeReports

NAME, HTML = "job/run ü/report.html", "text/html; charset=utf-8"


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(16, SystemClock())
    yield client
    await client.close()


def gcs(stack: Stack, http: Http, bucket: str) -> GcsReports:
    return GcsReports(bucket, stack.environment["STORAGE_EMULATOR_HOST"], http, Token(None))


@pytest.fixture(params=["fake", "embedded"])
def reports(request: pytest.FixtureRequest, http: Http, fresh: str) -> Reports:
    if request.param == "fake":
        return FakeReports()
    stack: Stack = request.getfixturevalue("embedded")
    gcs_client(stack.environment).create_bucket(fresh)
    return gcs(stack, http, fresh)


async def test_what_was_put_is_read_with_its_generation(reports: Reports) -> None:
    assert await reports.read(NAME) == (b"", 0)
    await reports.put(NAME, b"one", HTML)
    body, first = await reports.read(NAME)
    assert body == b"one"
    assert first > 0
    await reports.put(NAME, b"two", HTML)
    body, second = await reports.read(NAME)
    assert body == b"two"
    assert second != first


async def test_a_file_is_replaced_only_as_it_was_read(reports: Reports) -> None:
    assert await reports.replace(NAME, b"first", HTML, 0)
    assert not await reports.replace(NAME, b"second", HTML, 0), "there is one by now"
    _, generation = await reports.read(NAME)
    assert await reports.replace(NAME, b"third", HTML, generation)
    assert not await reports.replace(NAME, b"fourth", HTML, generation)
    assert (await reports.read(NAME))[0] == b"third"


async def test_a_file_that_is_written_while_it_is_read_is_read_again(
    embedded: Stack, http: Http, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bucket without versioning a generation is gone as soon as there is another one."""
    gcs_client(embedded.environment).create_bucket(fresh)
    reports = gcs(embedded, http, fresh)
    await reports.put(NAME, b"one", HTML)
    get, writes = reports._get, iter([b"two", b"three", b"four", b"five"])
    left = 1

    async def write_before(what: str, url: str) -> object:
        nonlocal left
        if "alt=media" in url and left:
            left -= 1
            await reports.put(NAME, next(writes), HTML)
        return await get(what, url)

    monkeypatch.setattr(reports, "_get", write_before)
    assert (await reports.read(NAME))[0] == b"two"
    left = 3
    with pytest.raises(Transient, match="written again 3 times"):
        await reports.read(NAME)


async def test_a_bucket_that_is_not_there_is_no_empty_file(embedded: Stack, http: Http, fresh: str) -> None:
    reports = gcs(embedded, http, fresh)
    with pytest.raises(NoSuchBucket):
        await reports.read(NAME)
    with pytest.raises(NoSuchBucket):
        await reports.replace(NAME, b"", HTML, 0)
