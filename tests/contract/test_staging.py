"""`Staging` and `UploadStore`: the fakes, our servers, and Google's Firestore emulator."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from google.cloud.firestore import DELETE_FIELD, Client
from google.cloud.firestore_v1.async_batch import AsyncWriteBatch
from google.cloud.storage import Bucket

from local.clients import gcs_client
from local.stack import Stack
from shared.clock import SystemClock
from shared.domain.checksums import combined_crc32c, crc32c, encoded
from shared.domain.errors import Corrupt, LostRace, NoSuchBucket, Retained, UploadLost
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.parts import LEAST_PART_BYTES
from shared.gcp.firestore.stores import firestore_stores
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from shared.ports.destination import Destination, Upload
from shared.ports.staging import Staging
from shared.ports.upload_store import OpenUpload, PartNote, UploadStore
from shared.telemetry import Log
from tests.contract.test_buckets import stream
from tests.fakes import FakeDestination, FakeStaging, FakeUploads

PARTS = [bytes([65 + number]) * (LEAST_PART_BYTES if number < 2 else 1000) for number in range(3)]
WHOLE = b"".join(PARTS)


@dataclass
class Yard:
    staging: Staging
    destination: Destination
    bucket: Bucket | None = None


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(16, SystemClock())
    yield client
    await client.close()


def real(stack: Stack, http: Http, name: str, log: Log | None = None) -> Yard:
    client, endpoint = gcs_client(stack.environment), stack.environment["STORAGE_EMULATOR_HOST"]
    bucket = client.create_bucket(f"{name}-staging")
    client.create_bucket(name)
    staging = GcsStaging(f"{name}-staging", name, endpoint, http, Token(None), log or Log("ERROR"))
    return Yard(staging, GcsDestination(name, endpoint, http, Token(None)), bucket)


@pytest.fixture(params=["fake", "embedded"])
def yard(request: pytest.FixtureRequest, http: Http, fresh: str) -> Yard:
    if request.param == "fake":
        destination = FakeDestination()
        return Yard(FakeStaging(destination), destination)
    return real(request.getfixturevalue("embedded"), http, fresh)


def wish(generation: int = 0) -> Upload:
    attributes = Attributes(content_type="a/b", cache_control="no-store")
    return Upload(
        b"final/a b", len(WHOLE), generation, attributes, {"s3-etag": "e", "mine": "été"}, None, None, "NEARLINE"
    )


async def staged(yard: Yard, name: bytes = b"staged") -> DestinationObject:
    upload = await yard.staging.begin(name)
    etags = {}
    for number in (3, 1, 2, 1):
        part = PARTS[number - 1]
        stored = await yard.staging.put(name, upload, number, len(part), stream(part))
        assert stored.crc32c == crc32c(part)
        etags[number] = stored.etag
    assert await yard.staging.stat(name) is None
    await yard.staging.complete(name, upload, [etags[number] for number in (1, 2, 3)])
    found = await yard.staging.stat(name)
    assert found is not None
    with pytest.raises(UploadLost):
        await yard.staging.complete(name, upload, [etags[1]])
    return found


async def move(yard: Yard, found: DestinationObject, upload: Upload) -> DestinationObject:
    moved = await yard.staging.move(found, upload)
    while isinstance(moved, str):
        moved = await yard.staging.move(found, upload, moved)
    return moved


async def test_parts_in_any_order_make_an_object_that_moves_to_its_name(yard: Yard) -> None:
    found = await staged(yard)
    crc = encoded(combined_crc32c([(crc32c(part), len(part)) for part in PARTS]), 4)
    assert (found.size, found.crc32c, found.md5) == (len(WHOLE), crc, None)
    assert await yard.destination.stat(b"final/a b") is None
    moved = await move(yard, found, wish())
    assert (moved.size, moved.crc32c, moved.metadata) == (len(WHOLE), crc, {"s3-etag": "e", "mine": "été"})
    assert moved == await yard.destination.stat(b"final/a b")
    await yard.staging.delete(b"staged")
    assert await yard.staging.stat(b"staged") is None
    await yard.staging.delete(b"staged")


async def test_a_move_replaces_only_what_was_looked_at(yard: Yard) -> None:
    found = await staged(yard)
    first = await move(yard, found, wish())
    for wrong in (0, first.generation + 1):
        with pytest.raises(LostRace):
            await move(yard, found, wish(wrong))
    second = await move(yard, found, wish(first.generation))
    assert second.generation > first.generation


async def test_a_move_goes_on_by_a_token_that_was_given(yard: Yard) -> None:
    found = await staged(yard)
    with pytest.raises(UploadLost):
        await yard.staging.move(found, wish(), "of long ago")
    assert await yard.destination.stat(b"final/a b") is None


async def test_a_part_that_was_written_over_is_not_the_one_that_was_noted(yard: Yard) -> None:
    """Two deliveries of a message send it, and the later one's note comes first."""
    upload = await yard.staging.begin(b"staged")
    noted = await yard.staging.put(b"staged", upload, 1, 5, stream(b"first"))
    await yard.staging.put(b"staged", upload, 1, 6, stream(b"second"))
    with pytest.raises(UploadLost):
        await yard.staging.complete(b"staged", upload, [noted.etag])


@pytest.mark.parametrize("sent", [PARTS[2][:-1], PARTS[2] + b"!", b""])
async def test_a_part_of_another_length_is_corrupt(yard: Yard, sent: bytes) -> None:
    upload = await yard.staging.begin(b"staged")
    with pytest.raises(Corrupt):
        await yard.staging.put(b"staged", upload, 1, len(PARTS[2]), stream(sent))


async def test_an_upload_that_is_no_more(yard: Yard) -> None:
    upload = await yard.staging.begin(b"staged")
    await yard.staging.abort(b"staged", upload)
    await yard.staging.abort(b"staged", upload)
    with pytest.raises(UploadLost):
        await yard.staging.put(b"staged", upload, 1, 1000, stream(PARTS[2]))


async def test_what_makes_a_bucket_unfit_for_staging_is_said(
    embedded: Stack, http: Http, fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = real(embedded, http, fresh, Log())
    assert yard.bucket is not None
    yard.bucket.soft_delete_policy.retention_duration_seconds = 604_800
    yard.bucket.patch()
    await yard.staging.begin(b"a")
    await yard.staging.begin(b"b")
    assert capsys.readouterr().out.count("soft delete") == 1
    yard.bucket.retention_period = 3600
    yard.bucket.patch()
    unfit = GcsStaging(yard.bucket.name, fresh, embedded.environment["STORAGE_EMULATOR_HOST"], http, Token(None), Log())
    for _ in range(2):
        with pytest.raises(Retained, match="STAGING_BUCKET"):
            await unfit.begin(b"c")
    nowhere = GcsStaging(
        "no-such-bucket", fresh, embedded.environment["STORAGE_EMULATOR_HOST"], http, Token(None), Log()
    )
    with pytest.raises(NoSuchBucket, match="STAGING_BUCKET"):
        await nowhere.begin(b"c")


@pytest.fixture(params=["fake", "embedded", "googles"])
def uploads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fresh: str) -> UploadStore:
    if request.param == "fake":
        return FakeUploads()
    stack = request.getfixturevalue(request.param)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.environment["FIRESTORE_EMULATOR_HOST"])
    return firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads


WISH = OpenUpload("k\u00e9y", "upload-1", 256 << 20, 8 << 20, 1_800_000_000.0)
NOTE = PartNote(hashlib.md5(b"1").hexdigest(), 256 << 20, 2**32 - 1, 2**64 - 1, b"\x00\xff" * 16, "direct")


async def test_an_upload_is_opened_once(uploads: UploadStore) -> None:
    assert await uploads.get("n") is None
    assert await uploads.open("n", WISH) == WISH
    assert (await uploads.open("n", OpenUpload("other", "upload-2", 1, 0, 0.0))).upload == "upload-1"
    await uploads.published("n", "upload-1", "batch", 1_800_000_001.0, 2)
    assert await uploads.claim("n", "me", 100.0, 60.0)
    await uploads.moving("n", "me", "token")
    found = await uploads.get("n")
    assert found is not None
    assert (found.published_for, found.opened_at, found.move_token) == ("batch", 1_800_000_001.0, "token")
    assert (found.attempt, WISH.attempt) == (2, 1)
    for batch in ("other", "batch"):
        await uploads.published("n", "upload-1", batch, 1_800_000_002.0, 2)
    again = await uploads.get("n")
    assert again is not None
    assert (again.published_for, set(again.batches)) == ("batch", {"batch", "other"})
    assert [again.carried_for(batch) for batch in ("batch", "other", "third", "")] == [True, True, False, False]


async def test_how_it_is_cut_and_proven_is_remembered(uploads: UploadStore) -> None:
    wish = replace(WISH, crc="crc32", digest="sha256", source_parts=(5 << 20, 6 << 20))
    await uploads.open("n", wish)
    assert await uploads.get("n") == wish


async def test_what_a_version_of_before_noted_is_read(reachable: Stack, fresh: str) -> None:
    uploads = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads
    await uploads.open("n", WISH)
    await uploads.note("upload-1", 1, NOTE)
    job = Client(project="local-project").collection("jobs").document(fresh)
    upload, part = job.collection("uploads").document("n"), next(job.collection("parts").list_documents())
    upload.update({name: DELETE_FIELD for name in ("crc", "digest", "source_parts", "attempt", "batches")})
    part.update({"crc": DELETE_FIELD, "crc64nvme": NOTE.crc.to_bytes(8, "big")})
    assert await uploads.get("n") == WISH
    assert await uploads.parts("upload-1") == {1: NOTE}


async def test_parts_are_noted_counted_and_forgotten(uploads: UploadStore) -> None:
    await uploads.open("n", WISH)
    assert (await uploads.count("upload-1"), await uploads.parts("upload-1")) == (0, {})
    for part in (1, 10_000, 2, 2):
        await uploads.note("upload-1", part, NOTE)
    assert await uploads.count("upload-1") == 3
    assert await uploads.parts("upload-1") == {1: NOTE, 2: NOTE, 10_000: NOTE}
    assert await uploads.parts("upload-1", 2) == {2: NOTE}
    assert await uploads.parts("upload-1", 3) == {}
    assert await uploads.count("upload-2") == 0, "another upload of the same object"
    assert not await uploads.close("n", "upload-2")
    assert sorted(await asyncio.gather(*(uploads.close("n", "upload-1") for _ in range(3)))) == [False, False, True]
    assert (await uploads.get("n"), await uploads.count("upload-1")) == (None, 0)
    assert not await uploads.close("n", "upload-1")
    await uploads.published("n", "upload-1", "batch", 0.0, 1)
    await uploads.moving("n", "me", "")
    assert await uploads.get("n") is None


@pytest.mark.parametrize("how", ["close", "expire"])
async def test_nobody_finds_an_upload_without_its_parts(
    embedded: Stack, fresh: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Who does takes their messages to be on the way, and leaves it to them. Here whoever forgets it is looked at after
    each of his commits.
    """
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded.environment["FIRESTORE_EMULATOR_HOST"])
    monkeypatch.setattr("shared.gcp.firestore.uploads._BATCH", 2)
    uploads = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads
    await uploads.open("n", WISH)
    for part in range(1, 6):
        await uploads.note("upload-1", part, NOTE)
    seen, commit = [], AsyncWriteBatch.commit

    async def looked_at(self: AsyncWriteBatch, *given: Any, **named: Any) -> Any:
        done = await commit(self, *given, **named)
        seen.append((await uploads.get("n") is not None, await uploads.count("upload-1")))
        return done

    monkeypatch.setattr(AsyncWriteBatch, "commit", looked_at)
    assert await (uploads.close("n", "upload-1") if how == "close" else uploads.expire("n", WISH))
    assert seen == [(False, 3), (False, 1), (False, 0)]


async def test_old_uploads_are_found_and_forgotten_with_their_parts(uploads: UploadStore) -> None:
    for number, at in (("new", 300.0), ("older", 200.0), ("oldest", 100.0)):
        await uploads.open(number, replace(WISH, upload=f"upload-{number}", opened_at=at))
        await uploads.note(f"upload-{number}", 1, NOTE)
    found = await uploads.unpublished_since(300.0)
    assert [(number, opened.opened_at) for number, opened in found] == [("oldest", 100.0), ("older", 200.0)]
    for number, opened in found:
        assert await uploads.expire(number, opened)
    assert await uploads.unpublished_since(301.0) == [("new", replace(WISH, upload="upload-new", opened_at=300.0))]
    assert [await uploads.count(f"upload-{number}") for number in ("new", "older", "oldest")] == [1, 0, 0]


async def test_an_upload_that_is_taken_up_again_meanwhile_is_not_forgotten(uploads: UploadStore) -> None:
    """Whoever read it before is a stale writer by now."""
    await uploads.open("n", WISH)
    await uploads.note("upload-1", 1, NOTE)
    ((number, read),) = await uploads.unpublished_since(WISH.opened_at + 1)
    await uploads.published("n", "upload-1", "batch", WISH.opened_at + 2, 1)
    assert not await uploads.expire(number, read)
    assert await uploads.get("n") == replace(
        WISH, published_for="batch", batches=("batch",), opened_at=WISH.opened_at + 2
    )
    assert await uploads.count("upload-1") == 1
    assert not await uploads.expire("of nobody", read)


async def test_an_upload_that_is_taken_up_while_it_is_forgotten_stays_with_its_parts(
    embedded: Stack, monkeypatch: pytest.MonkeyPatch, fresh: str
) -> None:
    """The deletion itself has a precondition."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded.environment["FIRESTORE_EMULATOR_HOST"])
    uploads = firestore_stores("local-project", "(default)", fresh, Log("ERROR")).uploads
    await uploads.open("n", WISH)
    await uploads.note("upload-1", 1, NOTE)
    commit = AsyncWriteBatch.commit

    async def late(self: AsyncWriteBatch, *given: Any, **named: Any) -> Any:
        monkeypatch.setattr(AsyncWriteBatch, "commit", commit)
        await uploads.published("n", "upload-1", "batch", 1.0, 1)
        return await commit(self, *given, **named)

    monkeypatch.setattr(AsyncWriteBatch, "commit", late)
    assert not await uploads.expire("n", WISH)
    assert await uploads.get("n") == replace(WISH, published_for="batch", batches=("batch",), opened_at=1.0)
    assert await uploads.count("upload-1") == 1


async def test_one_at_a_time_finishes(uploads: UploadStore) -> None:
    assert not await uploads.claim("n", "a", 100.0, 60.0), "nothing to finish"
    await uploads.open("n", WISH)
    assert await uploads.claim("n", "a", 100.0, 60.0)
    assert await uploads.claim("n", "a", 110.0, 60.0)
    assert not await uploads.claim("n", "b", 169.0, 60.0)
    assert await uploads.claim("n", "b", 171.0, 60.0)
    await uploads.release("n", "a")
    assert not await uploads.claim("n", "a", 172.0, 60.0)
    await uploads.release("n", "b")
    assert await uploads.claim("n", "a", 173.0, 60.0)


async def test_who_has_lost_an_upload_changes_nothing_of_it(uploads: UploadStore) -> None:
    """A holder whose lease ran out, and a starter whose upload was begun anew, come back late."""
    await uploads.open("n", WISH)
    assert await uploads.claim("n", "late", 100.0, 60.0)
    assert await uploads.claim("n", "holder", 161.0, 60.0)
    await uploads.moving("n", "holder", "far")
    await uploads.moving("n", "late", "")
    await uploads.release("n", "late")
    found = await uploads.get("n")
    assert found is not None
    assert found.move_token == "far"
    assert not await uploads.claim("n", "third", 162.0, 60.0)
    await uploads.close("n", WISH.upload)
    anew = replace(WISH, upload="upload-2")
    await uploads.open("n", anew)
    await uploads.note("upload-2", 1, NOTE)
    await uploads.published("n", WISH.upload, "an old batch", 1_800_000_009.0, 1)
    await uploads.close("n", WISH.upload)
    assert (await uploads.get("n"), await uploads.count("upload-2")) == (anew, 1)
