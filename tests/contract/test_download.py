"""Reading S3 through servers that break off, refuse and say little."""

import asyncio
import datetime
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from shared.aws.address import S3Address
from shared.aws.cloudfront import CdnAddress, SignedForS3
from shared.aws.credentials import SigningKeys
from shared.aws.download import ObjectDownload
from shared.aws.s3 import S3Source
from shared.clock import SystemClock
from shared.domain.archive import Restore
from shared.domain.backoff import BODY, ONCE
from shared.domain.errors import (
    BadKeys,
    Changed,
    ClockSkew,
    Corrupt,
    CredentialsExpired,
    Forbidden,
    Gone,
    NoSuchBucket,
    NoToken,
    ObjectError,
    Refused,
    Transient,
    WrongRegion,
)
from shared.domain.objects import Attributes, SourceObject
from shared.domain.provenance import carries
from shared.domain.reasons import Party, Scope
from shared.gcp.objects import described, resource_of
from shared.http.client import Http
from shared.ports.destination import Upload
from tests.contract.raw import Asked, answer, answering


class Hasty(SystemClock):
    """Waits for nothing."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(1, Hasty())
    yield client
    await client.close()


def at(url: str) -> S3Address:
    return S3Address.of("b", "us-east-1", url, Credentials("test", "test"), SystemClock())


def way(url: str, http: Http) -> ObjectDownload:
    return ObjectDownload(SignedForS3(at(url)), http)


WHOLE = bytes(range(256)) * 400
OBJECT = SourceObject(b"k", "e", len(WHOLE), 0)


def served(asked: Asked, most: int, etag: str = "e") -> bytes:
    """The bytes asked for, of which `most` arrive."""
    first, last = 0, len(WHOLE) - 1
    named: dict[str, Any] = {"ETag": f'"{etag}"'}
    if "range" in asked.headers:
        first, last = map(int, asked.headers["range"].removeprefix("bytes=").split("-"))
        named["Content_Range"] = f"bytes {first}-{last}/{len(WHOLE)}"
    return answer(
        206 if "range" in asked.headers else 200, WHOLE[first : min(last + 1, first + most)], last + 1 - first, **named
    )


@pytest.mark.parametrize("span", [None, (1000, 90_000)])
async def test_a_read_that_breaks_off_goes_on_where_it_broke(http: Http, span: tuple[int, int] | None) -> None:
    async def serve(asked: Asked) -> bytes:
        return served(asked, 40_000)

    async with answering(serve) as (url, asked), asyncio.timeout(10):
        with await way(url, http).open(OBJECT, span) as body:
            read = b"".join([chunk async for chunk in body.chunks])
        assert read == (WHOLE if span is None else WHOLE[slice(*span)])
        start = span[0] if span else 0
        ranges = [item.headers.get("range", "").removeprefix("bytes=").partition("-")[0] for item in asked]
        assert ranges == [str(start) if span else "", *(str(start + 40_000 * n) for n in range(1, 3))]
        assert {item.headers["if-match"] for item in asked} == {'"e"'}


async def test_a_read_goes_on_a_bounded_number_of_times_and_not_before_its_first_byte(http: Http) -> None:
    for most, requests in ((1, BODY.tries), (0, 1)):

        async def serve(asked: Asked, most: int = most) -> bytes:
            return served(asked, most)

        async with answering(serve) as (url, asked):
            with await way(url, http).open(OBJECT) as body, pytest.raises(Transient):
                async for _ in body.chunks:
                    pass
            assert len(asked) == requests


async def test_another_version_is_no_rest_of_this_one(http: Http) -> None:
    for refusal in (True, False):

        async def serve(asked: Asked, refusal: bool = refusal) -> bytes:
            if "range" not in asked.headers:
                return served(asked, 10)
            return answer(412) if refusal else served(asked, 10**6, "other")

        async with answering(serve) as (url, _):
            with await way(url, http).open(OBJECT) as body, pytest.raises(Changed):
                async for _ in body.chunks:
                    pass


@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (404, Gone), (416, Refused), (405, Refused)])
async def test_what_an_edge_refuses_of_a_rest_does_not_end_the_key(
    http: Http, status: int, kind: type[ObjectError]
) -> None:
    """It has kept an error, or lost the object since: whoever reads it anew asks S3. S3's own word is the last one."""

    async def serve(asked: Asked) -> bytes:
        return answer(status) if "range" in asked.headers else served(asked, 40_000)

    async with answering(serve) as (url, asked):
        edge = ObjectDownload(SignedForS3(at(url), CdnAddress(url)), http)
        for download, error in ((edge, Transient), (way(url, http), kind)):
            asked.clear()
            with await download.open(OBJECT) as body, pytest.raises(error) as caught:
                async for _ in body.chunks:
                    pass
            assert (type(caught.value), caught.value.status) == (error, status)
            assert caught.value.party is (Party.EDGE if download is edge else Party.S3)
            assert len([item for item in asked if item.method == "GET"]) == 2, "the rest is asked for once"


async def test_a_rest_that_cannot_be_reached_keeps_its_turn(http: Http) -> None:
    """One connection is all there is: the rest must not wait behind a newcomer, nor be lost to one."""
    failures = 2

    async def serve(asked: Asked) -> bytes | None:
        nonlocal failures
        if "range" in asked.headers and failures:
            failures -= 1
            return None
        return served(asked, 60_000)

    async with answering(serve) as (url, _), asyncio.timeout(10):
        with await way(url, http).open(OBJECT) as body:
            other = asyncio.create_task(way(url, http).open(OBJECT))
            await asyncio.sleep(0)
            assert b"".join([chunk async for chunk in body.chunks]) == WHOLE
            assert not other.done()
        (await other).close()


async def test_an_answer_without_a_length_is_counted(http: Http) -> None:
    for sent, error in ((WHOLE, None), (WHOLE + b"!", Corrupt)):

        async def serve(asked: Asked, sent: bytes = sent) -> bytes:
            first = int(asked.headers.get("range", "bytes=0-")[6:].partition("-")[0])
            assert first == 0
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(sent), sent)
            return b'HTTP/1.1 200 OK\r\nETag: "e"\r\nTransfer-Encoding: chunked\r\n\r\n' + chunked

        async with answering(serve) as (url, _):
            with await way(url, http).open(OBJECT) as body:
                if error is None:
                    assert b"".join([chunk async for chunk in body.chunks]) == WHOLE
                    continue
                with pytest.raises(error, match="more bytes"):
                    async for _ in body.chunks:
                        pass


REFUSED_HEADS = [
    (400, b"<Error><Code>ExpiredToken</Code></Error>", {}, CredentialsExpired),
    (403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>", {}, ClockSkew),
    (403, b"<Error><Code>InvalidAccessKeyId</Code></Error>", {}, BadKeys),
    (403, b"<Error><Code>AccessDenied</Code></Error>", {}, Forbidden),
    (301, b"", {"x_amz_bucket_region": "eu-west-1"}, WrongRegion),
    (404, b"<Error><Code>NoSuchKey</Code></Error>", {}, Gone),
    (404, b"<Error><Code>NoSuchBucket</Code></Error>", {}, NoSuchBucket),
]


@pytest.mark.parametrize(("status", "body", "headers", "error"), REFUSED_HEADS)
async def test_a_head_has_no_body_and_its_reason_is_asked_for(
    http: Http, status: int, body: bytes, headers: dict[str, Any], error: type[Exception]
) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(status, b"" if asked.method == "HEAD" else body, **headers)

    async with answering(serve) as (url, asked):
        with pytest.raises(error) as caught:
            await S3Source(at(url), http, ONCE).head(b"k")
        assert type(caught.value) is error
        assert [item.headers.get("range") for item in asked[1:]] == (["bytes=0-0"] if status != 301 else [])
        if headers:
            assert "eu-west-1" in str(caught.value)


async def test_what_a_key_asks_is_asked_once_and_what_no_key_owns_again(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(503)

    async with answering(serve) as (url, asked):
        for source, requests in ((S3Source(at(url), http, ONCE), 1), (S3Source(at(url), http), 4)):
            asked.clear()
            with pytest.raises(Transient):
                await source.head(b"k")
            assert [item.method for item in asked] == ["HEAD", "GET"] * requests, "only a body tells of throttling"


async def test_an_archive_that_a_listing_does_not_tell_of_is_told_by_a_head(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(
            200, b"", ETag='"e"', Last_Modified="Wed, 12 Oct 2022 17:50:00 GMT",
            x_amz_storage_class="INTELLIGENT_TIERING", x_amz_archive_status="ARCHIVE_ACCESS",
        )  # fmt: skip

    async with answering(serve) as (url, _):
        found, _attributes = await S3Source(at(url), http).inspect(b"k")
        assert (found.restore, found.archived) == (Restore.NEEDED, True)


async def test_a_header_without_a_value_says_nothing(http: Http) -> None:
    """S3 has kept an empty Content-Encoding of many objects; a copy must not say one, nor be told from its object."""

    async def serve(asked: Asked) -> bytes:
        return answer(
            200, b"", ETag='"e"', Last_Modified="Wed, 12 Oct 2022 17:50:00 GMT",
            Content_Encoding="", Content_Type="", Cache_Control="", x_amz_meta_none="",
        )  # fmt: skip

    async with answering(serve) as (url, _):
        _found, said = await S3Source(at(url), http).inspect(b"k")
    assert said == Attributes(metadata={"none": ""})
    upload = Upload(b"k", 0, 0, said, {})
    assert resource_of(upload) == {"name": "k", "metadata": {}}
    assert carries(described({"contentEncoding": "", "metadata": {"none": ""}}), said)


def test_china_has_a_domain_of_its_own() -> None:
    def base(bucket: str, region: str) -> str:
        return S3Address.of(bucket, region, None, Credentials("a", "b"), SystemClock()).base

    assert base("b", "cn-north-1") == "https://b.s3.cn-north-1.amazonaws.com.cn"
    assert base("b.c", "cn-northwest-1") == "https://s3.cn-northwest-1.amazonaws.com.cn/b.c"
    assert base("b", "eu-west-1") == "https://b.s3.eu-west-1.amazonaws.com"


class Role(RefreshableCredentials):  # type: ignore[misc]
    """Of a token server that takes its time. left: seconds until the credentials end."""

    def __init__(self, left: float, takes: float = 0.3) -> None:
        self.renewals, self._takes = 0, takes
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=left)
        super().__init__("old", "secret", "t", end, self._take, "assume-role-with-web-identity")

    def _take(self) -> dict[str, str]:
        assert threading.current_thread() is not threading.main_thread(), "the loop stands still meanwhile"
        self.renewals += 1
        time.sleep(self._takes)
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        return {"access_key": "new", "secret_key": "s", "token": "t", "expiry_time": end.isoformat()}


async def test_new_credentials_that_have_ended_are_everybody_s_fault() -> None:
    """botocore says so by a RuntimeError: the clock is an hour wrong, or the role's sessions are no longer."""

    class Brief(Role):
        def _take(self) -> dict[str, str]:
            return {**super()._take(), "expiry_time": datetime.datetime.now(datetime.UTC).isoformat()}

    with pytest.raises(NoToken, match="still expired") as caught:
        await SigningKeys(Brief(left=10, takes=0)).current()
    assert (caught.value.party, caught.value.reason.scope) == (Party.STS, Scope.EVERYBODY)


async def test_a_role_is_renewed_beside_the_loop_and_once_for_all() -> None:
    role = Role(left=3600)
    keys = SigningKeys(role)
    assert (await keys.current()).access_key == "old"
    role._expiry_time = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=800)
    began = time.monotonic()
    assert {item.access_key for item in await asyncio.gather(*(keys.current() for _ in range(50)))} == {"old"}
    assert time.monotonic() - began < 0.2, "nobody waits while the old ones are good"
    await asyncio.sleep(0.5)
    assert ((await keys.current()).access_key, role.renewals) == ("new", 1)


async def test_nobody_goes_on_with_a_role_that_has_ended() -> None:
    role = Role(left=3600)
    keys = SigningKeys(role)
    await keys.current()
    role._expiry_time = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    assert {item.access_key for item in await asyncio.gather(*(keys.current() for _ in range(50)))} == {"new"}
    assert role.renewals == 1
