"""`Source`, `Download` and `Destination`: the fakes and the real adapters, on our servers and on moto."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest
from botocore.credentials import Credentials

from local.clients import gcs_client, s3_client
from local.stack import Stack
from shared.aws.address import S3Address
from shared.aws.cloudfront import CdnAddress, SignedForS3
from shared.aws.download import ObjectDownload
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.copying.copy_object import CopyObject, CopyPlan
from shared.copying.edge_watch import EdgeWatch
from shared.copying.read_version import ReadVersion
from shared.domain.archive import Restore, Tier
from shared.domain.checksums import VerifiedBy, crc32c, crc64nvme, encoded
from shared.domain.counts import Outcome
from shared.domain.errors import Archived, Changed, Corrupt, Forbidden, Gone, LostRace, NoSuchBucket
from shared.domain.keys import KeyMapping
from shared.domain.objects import Attributes, SourceObject
from shared.domain.provenance import Provenance, carries
from shared.gcp.storage import CHUNK_BYTES, GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from shared.ledger.entry import Entry
from shared.ports.destination import Destination, Upload
from shared.ports.download import Download
from shared.ports.source import Source
from tests.fakes import FakeBucket, FakeDestination, FakeDownload, FakeLog

KEYS = [
    "a space", "plus+", "percent%2F", "hash#?&=", "a//b", "/lead", "a/../b", "trailing.", "dir/", "quote\"'<>&",
    "back\\slash", "nfc-caf\u00e9", "nfd-cafe\u0301", "\U0001f680", "\ue000", "line\nfeed", "cr\r", "tab\t", "k" * 1024, "~tilde*",
]  # fmt: skip


class Loader(Protocol):
    def __call__(self, key: str, body: bytes, **extra: Any) -> None: ...


@dataclass
class Sides:
    source: Source
    downloads: list[Download]
    put: Loader
    refused: frozenset[str] = frozenset()
    thaw: Callable[[bytes], None] = lambda key: None


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(16, SystemClock())
    yield client
    await client.close()


@pytest.fixture(params=["fake", "embedded", "moto"])
def sides(request: pytest.FixtureRequest, http: Http, fresh: str) -> Sides:
    if request.param == "fake":
        bucket = FakeBucket()

        def put_fake(key: str, body: bytes, **extra: Any) -> None:
            attributes = Attributes(content_type=extra.get("ContentType"), metadata=extra.get("Metadata", {}))
            bucket.put(key, body, attributes, extra.get("StorageClass", "STANDARD"))

        def thaw(key: bytes) -> None:
            bucket.objects[key].restore = Restore.DONE

        return Sides(bucket, [FakeDownload(bucket)], put_fake, thaw=thaw)
    stack: Stack = request.getfixturevalue("embedded")
    environment, name = dict(stack.environment), fresh
    cdn = None
    if request.param == "moto":
        environment["AWS_ENDPOINT_URL_S3"] = request.getfixturevalue("moto")
    else:
        name, cdn = environment["SOURCE_BUCKET"], stack.url("edge")
    s3 = s3_client(environment)
    s3.create_bucket(Bucket=name)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])
    address = S3Address.of(
        name, "us-east-1", environment["AWS_ENDPOINT_URL_S3"], Credentials("test", "test"), SystemClock()
    )
    downloads: list[Download] = [ObjectDownload(SignedForS3(address), http)]
    if cdn is not None:
        downloads.append(ObjectDownload(SignedForS3(address, CdnAddress(cdn)), http))

    def put(key: str, body: bytes, **extra: Any) -> None:
        s3.put_object(Bucket=name, Key=key, Body=body, **extra)

    refused = frozenset({"line\nfeed"} if request.param == "moto" else ())  # moto's URL routes end at a line feed
    return Sides(S3Source(address, http), downloads, put, refused)


async def listing(source: Source, prefix: str = "", after: str = "") -> list[SourceObject]:
    return [item async for page in source.pages(prefix.encode(), after.encode()) for item in page]


async def test_every_key_is_listed_once_in_byte_order_and_can_be_read(sides: Sides) -> None:
    keys = [key for key in KEYS if key not in sides.refused]
    for key in keys:
        sides.put(key, key.encode())
    listed = await listing(sides.source)
    assert [item.key for item in listed] == sorted(key.encode() for key in keys)
    for item in listed:
        assert (item.size, item.etag) == (len(item.key), hashlib.md5(item.key).hexdigest())
        assert await sides.source.head(item.key) == item
        for download in sides.downloads:
            with await download.open(item) as body:
                assert b"".join([chunk async for chunk in body.chunks]) == item.key


async def test_pages_go_on_after_a_thousand_keys(sides: Sides) -> None:
    if isinstance(sides.source, FakeBucket):
        sides.source.page_size = 1000
    for number in range(1003):
        sides.put(f"{number:05d}", b"")
    pages = [len(page) async for page in sides.source.pages(b"", b"")]
    assert pages == [1000, 3]
    assert [item.text for item in await listing(sides.source, after="01000")] == ["01001", "01002"]
    assert [item.text for item in await listing(sides.source, "0000", "00007")] == ["00008", "00009"]
    assert await listing(sides.source, "nothing/") == []


async def test_only_the_version_that_was_asked_for_is_read(sides: Sides) -> None:
    sides.put("k", b"old")
    (old,) = await listing(sides.source)
    sides.put("k", b"new!")
    for download in sides.downloads:
        with pytest.raises(Changed):
            await download.open(old)
    assert (await sides.source.head(b"k")).size == 4


async def test_what_is_not_there_is_gone(sides: Sides) -> None:
    with pytest.raises(Gone):
        await sides.source.head(b"nowhere")
    for download in sides.downloads:
        with pytest.raises(Gone):
            await download.open(SourceObject(b"nowhere", "0" * 32, 1, 0))


async def test_an_archived_object_says_so(sides: Sides) -> None:
    sides.put("cold", b"ice", StorageClass="GLACIER")
    (cold,) = await listing(sides.source)
    assert cold.storage_class == "GLACIER"
    for download in sides.downloads:
        with pytest.raises(Archived):
            await download.open(cold)


async def restored(sides: Sides, key: bytes) -> None:
    """Wait until an object can be read."""
    sides.thaw(key)
    for _ in range(100):
        if not (await sides.source.head(key)).archived:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{key!r} is not restored")


async def test_an_archived_object_is_readable_once_it_is_restored(sides: Sides) -> None:
    sides.put("cold", b"ice", StorageClass="GLACIER")
    sides.put("warm", b"tea")
    cold, warm = await listing(sides.source)
    assert (cold.restore, warm.restore) == (Restore.NEEDED, None)
    assert (await sides.source.head(b"cold")).restore is Restore.NEEDED
    await sides.source.restore(cold, Tier.BULK, 3)
    await sides.source.restore(cold, Tier.BULK, 3)
    await restored(sides, b"cold")
    for download in sides.downloads:
        with await download.open(cold) as body:
            assert body.size == 3
    with pytest.raises(Archived):
        await sides.source.restore(warm, Tier.BULK, 3)


@pytest.mark.parametrize("sides", ["fake", "embedded"], indirect=True)
async def test_a_listing_says_what_archived_objects_wait_for(sides: Sides) -> None:
    for key in ("asked", "cold"):
        sides.put(key, b"ice", StorageClass="DEEP_ARCHIVE")
    asked, _ = await listing(sides.source)
    await sides.source.restore(asked, Tier.STANDARD, 1)
    assert [item.restore for item in await listing(sides.source)] == [Restore.UNDER_WAY, Restore.NEEDED]
    await restored(sides, b"asked")
    assert [item.restore for item in await listing(sides.source)] == [Restore.DONE, Restore.NEEDED]


async def test_what_travels_with_the_bytes(sides: Sides) -> None:
    sides.put("k", b"body", ContentType="text/x-odd", Metadata={"some-name": "value"})
    (item,) = await listing(sides.source)
    for download in sides.downloads:
        with await download.open(item) as body:
            assert body.size == 4
            assert body.attributes.content_type == "text/x-odd"
            assert body.attributes.metadata == {"some-name": "value"}


async def test_wrong_credentials_are_forbidden(embedded: Stack, http: Http) -> None:
    environment = embedded.environment
    for keys in (Credentials("test", "wrong"), Credentials("nobody", "test")):
        address = S3Address.of(
            environment["SOURCE_BUCKET"], "us-east-1", environment["AWS_ENDPOINT_URL_S3"], keys, SystemClock()
        )
        with pytest.raises(Forbidden):
            await listing(S3Source(address, http))
        with pytest.raises(Forbidden):
            await ObjectDownload(SignedForS3(address, CdnAddress(embedded.url("edge"))), http).open(
                SourceObject(b"a/../b", "e", 1, 0)
            )


async def test_a_listing_survives_bad_weather(embedded: Stack, http: Http) -> None:
    environment = embedded.environment
    s3_client(environment).put_object(Bucket=environment["SOURCE_BUCKET"], Key="weather/k", Body=b"1")
    embedded.fault("s3", op="s3.list", do="status", status=503, code="SlowDown", times=2)
    embedded.fault("s3", op="s3.list", do="reset", times=1)
    address = S3Address.of(
        environment["SOURCE_BUCKET"],
        "us-east-1",
        environment["AWS_ENDPOINT_URL_S3"],
        Credentials("test", "test"),
        SystemClock(),
    )
    assert [item.text for item in await listing(S3Source(address, http), "weather/")] == ["weather/k"]


@pytest.fixture(params=["fake", "embedded"])
def destination(request: pytest.FixtureRequest, http: Http, fresh: str) -> Destination:
    if request.param == "fake":
        return FakeDestination()
    environment = request.getfixturevalue("embedded").environment
    gcs_client(environment).create_bucket(fresh)
    return GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))


async def stream(body: bytes, step: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), step):
        yield body[start : start + step]


def upload(name: str, body: bytes, generation: int = 0, md5: bool = True, **attributes: Any) -> Upload:
    digest = hashlib.md5(body).hexdigest() if md5 else None
    return Upload(name.encode(), len(body), generation, Attributes(**attributes), {"s3-etag": "e"}, digest)


SMALL, LARGE = b"body", bytes(range(256)) * (2 * CHUNK_BYTES // 256 + 100)


@pytest.mark.parametrize("body", [b"", SMALL, LARGE], ids=["empty", "small", "in chunks"])
async def test_a_write_is_seen_whole(destination: Destination, body: bytes) -> None:
    assert await destination.stat(b"k") is None
    written = await destination.write(upload("k", body, content_type="a/b"), stream(body))
    assert written == await destination.stat(b"k")
    assert (written.size, written.md5, written.source_etag) == (len(body), hashlib.md5(body).hexdigest(), "e")


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "in chunks"])
@pytest.mark.parametrize("damage", ["short", "long", "flipped"])
async def test_wrong_bytes_never_become_visible(destination: Destination, body: bytes, damage: str) -> None:
    sent = {"short": body[:-1], "long": body + b"!", "flipped": bytes([body[0] ^ 1]) + body[1:]}[damage]
    with pytest.raises(Corrupt):
        await destination.write(upload("k", body), stream(sent))
    assert await destination.stat(b"k") is None


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "in chunks"])
async def test_only_the_expected_generation_is_replaced(destination: Destination, body: bytes) -> None:
    first = await destination.write(upload("k", SMALL), stream(SMALL))
    for wrong in (0, first.generation + 1):
        with pytest.raises(LostRace):
            await destination.write(upload("k", body, wrong), stream(body))
    second = await destination.write(upload("k", body, first.generation), stream(body))
    assert second.generation > first.generation
    if not isinstance(destination, FakeDestination):
        assert abs(second.created - time.time()) < 60
    names = [b"k", *(b"k%d" % number for number in range(20))]
    (found,), alone = (await destination.stat_many(names)).values(), await destination.stat(b"k")
    assert alone is not None
    assert (first.created, alone.created, found.created) == (0.0, second.created, second.created)


async def test_names_are_kept_byte_for_byte_and_listed_in_order(destination: Destination) -> None:
    names = sorted((key for key in KEYS if "\n" not in key and "\r" not in key), key=str.encode)
    for name in reversed(names):
        await destination.write(upload(name, SMALL), stream(SMALL))
    listed = [name.decode() async for page in destination.listing(b"", b"") for name in page.names]
    assert listed == names
    assert [name async for page in destination.listing(b"", names[-2].encode()) for name in page.names] == [
        names[-1].encode()
    ]
    assert [name async for page in destination.listing(b"a/", b"") for name in page.names] == [b"a/../b", b"a//b"]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "in chunks"])
async def test_what_travels_with_the_bytes_is_read_back(destination: Destination, body: bytes) -> None:
    said = Attributes("text/css", "br", "de", "attachment", "no-cache", {})
    given = replace(upload("k", body), attributes=said, metadata={"s3-etag": "e", "colour": ""})
    written = await destination.write(given, stream(body))
    assert await destination.inspect(b"k") == (written, replace(said, metadata=given.metadata))
    assert await destination.inspect(b"other") is None
    plain = await destination.write(upload("plain", SMALL), stream(SMALL))
    found = await destination.inspect(b"plain")
    assert found is not None
    assert found[0] == plain
    assert carries(found[1], Attributes(metadata={"s3-etag": "e"}))


async def test_a_listing_says_how_often_metadata_was_changed_if_it_is_asked(
    embedded: Stack, http: Http, fresh: str
) -> None:
    environment = embedded.environment
    gcs_client(environment).create_bucket(fresh)
    asked, other = (
        GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None), changes=changes)
        for changes in (True, False)
    )
    for name in ("j", "k"):
        await asked.write(upload(name, SMALL), stream(SMALL))
    blob = gcs_client(environment).bucket(fresh).blob("k")
    blob.content_type = "text/html"
    blob.patch()
    assert [page.metagenerations async for page in asked.listing(b"", b"")] == [[1, 2]]
    assert [page[1].metageneration async for page in other.listing(b"", b"")] == [1]
    found = await other.inspect(b"k")
    assert found is not None
    assert (found[0].metageneration, found[1].content_type) == (2, "text/html")


async def test_a_chunk_that_fails_is_sent_again(embedded: Stack, http: Http, fresh: str) -> None:
    """The session is asked what it has, and goes on from there."""
    environment = embedded.environment
    gcs_client(environment).create_bucket(fresh)
    destination = GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))
    embedded.fault("gcs", op="gcs.chunk", do="status", status=503, times=1)
    embedded.fault("gcs", op="gcs.chunk", do="reset", times=1)
    written = await destination.write(upload("k", LARGE), stream(LARGE))
    assert written.md5 == hashlib.md5(LARGE).hexdigest()


@pytest.mark.parametrize("kind", ["fake", "embedded"])
async def test_under_a_key_at_kms_a_stat_shows_the_checksums_and_a_listing_none(
    kind: str, request: pytest.FixtureRequest, http: Http, fresh: str
) -> None:
    """https://cloud.google.com/storage/docs/encryption/customer-managed-keys#restrictions"""
    if kind == "fake":
        destination: Destination = FakeDestination(kms=True)
    else:
        environment = request.getfixturevalue("embedded").environment
        bucket = gcs_client(environment).bucket(fresh)
        bucket.default_kms_key_name = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
        bucket.create()
        destination = GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))
    names = [f"k{number:02d}" for number in range(13)]
    written = [await destination.write(upload(name, SMALL), stream(SMALL)) for name in names]
    (page,) = [page async for page in destination.listing(b"", b"")]
    assert (set(page.crc32cs), set(page.md5s), page.generations[0]) == ({""}, {None}, written[0].generation)
    found = await destination.stat_many([name.encode() for name in names])
    assert {(copy.crc32c, copy.md5) for copy in found.values()} == {("", None)}, "so many names are a listing"
    assert await destination.stat(b"k00") == written[0]
    assert written[0].crc32c != ""
    assert written[0].md5 == hashlib.md5(SMALL).hexdigest()


async def test_many_names_are_looked_for_at_once(destination: Destination) -> None:
    names = [f"k/{number:04d}" for number in range(60)]
    for name in names[::2]:
        await destination.write(upload(name, SMALL), stream(SMALL))
    asked = [name.encode() for name in [*names, "zzz", "a"]]
    found = await destination.stat_many(asked)
    assert sorted(found) == [name.encode() for name in names[::2]]
    assert found[b"k/0000"] == await destination.stat(b"k/0000")
    assert await destination.stat_many([b"k/0002", b"k/0003"]) == {b"k/0002": await destination.stat(b"k/0002")}
    assert await destination.stat_many([]) == {}


async def test_a_look_costs_one_request_where_names_are_close_and_a_stat_each_where_not(
    embedded: Stack, http: Http, fresh: str
) -> None:
    environment = embedded.environment
    bucket = gcs_client(environment).create_bucket(fresh)
    for number in range(200):
        bucket.blob(f"k/{number:04d}").upload_from_string(b"")
    destination = GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))

    async def cost(names: list[str]) -> tuple[int, int]:
        before = embedded.bill()
        found = await destination.stat_many([name.encode() for name in names])
        assert sorted(found) == sorted(name.encode() for name in names)
        after = embedded.bill()
        return tuple(after[op] - before.get(op, 0) for op in ("gcs.class_a", "gcs.class_b"))  # type: ignore[return-value]

    assert await cost([f"k/{number:04d}" for number in range(50)]) == (1, 0)
    assert await cost([f"k/{number:04d}" for number in range(3)]) == (0, 3)
    assert await cost([f"k/{number * 13:04d}" for number in range(15)]) == (1, 10), "a page of 60 reached the fifth"


async def test_a_span_of_an_object(sides: Sides) -> None:
    sides.put("k", b"0123456789")
    (item,) = await listing(sides.source)
    for download in sides.downloads:
        for span in ((0, 10), (3, 5), (9, 10)):
            with await download.open(item, span) as body:
                assert body.size == span[1] - span[0]
                assert b"".join([chunk async for chunk in body.chunks]) == b"0123456789"[span[0] : span[1]]


async def test_every_kind_of_object_is_copied_at_full_concurrency(embedded: Stack, fresh: str) -> None:
    """A copy holds its download while it asks for the parts' sizes and uploads: with more copies than connections, on
    one host for all, none of them may wait for what another one holds.
    """
    environment, http = embedded.environment, Http(2, SystemClock())
    name, client = environment["SOURCE_BUCKET"], s3_client(environment)
    gcs_client(environment).create_bucket(fresh)
    for number in range(12):
        common = {"bucket": name, "key": f"{fresh}/parts-{number}", "size": 7 + number, "checksum": None}
        embedded.post("s3", "/_local/patterns", {**common, "etag": "multipart", "part_bytes": 5})
        client.put_object(Bucket=name, Key=f"{fresh}/plain-{number}", Body=b"plain")
    client.put_object(Bucket=name, Key=f"{fresh}/in chunks", Body=LARGE)
    address = S3Address.of(
        name, "us-east-1", environment["AWS_ENDPOINT_URL_S3"], Credentials("test", "test"), SystemClock()
    )
    source, direct = S3Source(address, http), ObjectDownload(SignedForS3(address), http)
    destination = GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))
    for download in (direct, ObjectDownload(SignedForS3(address, CdnAddress(embedded.url("edge"))), http)):
        copy = CopyObject(
            source,
            ReadVersion(source, download, direct, EdgeWatch(SystemClock(), FakeLog())),
            destination,
            KeyMapping(),
            Provenance(name, "job"),
        )
        listed = await listing(source, f"{fresh}/")

        async def copied(item: SourceObject, copy: CopyObject = copy) -> Entry:
            decided = await copy.decide(item, force=True)
            assert isinstance(decided, CopyPlan)
            return await copy.copy_latest(decided)

        async with asyncio.timeout(60):
            ended = await asyncio.gather(*map(copied, listed))
        proofs = {entry.proof for entry in ended}
        assert (len(ended), {entry.outcome for entry in ended}) == (25, {Outcome.COPIED})
        assert proofs == {VerifiedBy.MD5, VerifiedBy.MULTIPART_ETAG}
    await http.close()


async def test_what_a_head_tells(sides: Sides) -> None:
    sides.put("k", b"body", ContentType="text/x-odd", Metadata={"some-name": "value"})
    found, attributes = await sides.source.inspect(b"k")
    assert found == await sides.source.head(b"k")
    assert (attributes.content_type, attributes.metadata) == ("text/x-odd", {"some-name": "value"})
    assert await sides.source.part_sizes(found) is None


async def test_s3_says_its_checksums_parts_and_what_is_not_ascii(embedded: Stack, http: Http) -> None:
    environment = embedded.environment
    name = environment["SOURCE_BUCKET"]
    words = "=?UTF-8?B?w6l0w6k=?= plain"
    common = {"bucket": name, "size": 100_000, "headers": {"x-amz-meta-raw": "été", "x-amz-meta-words": words[:20]}}
    embedded.post("s3", "/_local/patterns", {**common, "key": "told/crc"})
    embedded.post(
        "s3",
        "/_local/patterns",
        {**common, "key": "told/parts", "etag": "multipart", "part_bytes": 30_000, "checksum": None},
    )
    address = S3Address.of(
        name,
        "us-east-1",
        environment["AWS_ENDPOINT_URL_S3"],
        Credentials("test", "test"),
        SystemClock(),
        requester_pays=True,
    )
    source, download = S3Source(address, http), ObjectDownload(SignedForS3(address), http)
    crc, told = await source.inspect(b"told/crc")
    with await download.open(crc) as body:
        whole = b"".join([chunk async for chunk in body.chunks])
        assert told.crc64nvme == body.attributes.crc64nvme == encoded(crc64nvme(whole), 8)
    assert told.metadata == {"raw": "été", "words": "été"}
    parts, without = await source.inspect(b"told/parts")
    assert (without.crc32c, without.crc64nvme) == (None, None)
    for exact in (False, True):
        assert await source.part_sizes(parts, exact) == (30_000, 30_000, 30_000, 10_000)


async def test_the_storage_class_and_a_promised_crc_go_up_with_the_bytes(
    embedded: Stack, http: Http, fresh: str
) -> None:
    environment = embedded.environment
    bucket = gcs_client(environment).create_bucket(fresh)
    destination = GcsDestination(fresh, environment["STORAGE_EMULATOR_HOST"], http, Token(None))
    for body in (SMALL, LARGE):
        good = encoded(crc32c(body), 4)
        given = replace(upload("k", body, md5=False), crc32c=good, storage_class="NEARLINE")
        with pytest.raises(Corrupt, match="the source says"):
            await destination.write(replace(given, crc32c="AAAAAA=="), stream(body))
        assert await destination.stat(b"k") is None
        assert (await destination.write(given, stream(body))).crc32c == good
        assert bucket.get_blob("k").storage_class == "NEARLINE"
        bucket.blob("k").delete()


async def test_a_destination_that_does_not_exist_is_named(embedded: Stack, http: Http) -> None:
    nowhere = GcsDestination("no-such-bucket", embedded.environment["STORAGE_EMULATOR_HOST"], http, Token(None))
    for names in ([b"k"], [b"%d" % number for number in range(50)]):
        with pytest.raises(NoSuchBucket, match="DESTINATION_BUCKET"):
            await nowhere.stat_many(names)
    with pytest.raises(NoSuchBucket):
        await nowhere.write(upload("k", SMALL), stream(SMALL))


async def test_a_source_that_does_not_exist_is_no_key_that_is_gone(embedded: Stack, http: Http) -> None:
    """A HEAD's 404 has no body: it reads the same for a key and for all of them."""
    endpoint = embedded.environment["AWS_ENDPOINT_URL_S3"]
    address = S3Address.of("no-such-bucket", "us-east-1", endpoint, Credentials("test", "test"), SystemClock())
    with pytest.raises(NoSuchBucket, match="SOURCE_BUCKET"):
        await S3Source(address, http).head(b"k")


async def test_just_the_generation_that_was_seen_is_deleted(destination: Destination) -> None:
    first = await destination.write(upload("k", b"a"), stream(b"a"))
    second = await destination.write(upload("k", b"b", first.generation), stream(b"b"))
    with pytest.raises(LostRace):
        await destination.delete(first.name, first.generation)
    assert await destination.stat(second.name) is not None
    await destination.delete(second.name, second.generation)
    assert await destination.stat(second.name) is None
    await destination.delete(second.name, second.generation)
