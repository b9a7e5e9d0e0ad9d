"""Listing on real wires: what a bad day of S3's does to it, and where a bucket is cut."""

import asyncio
import secrets
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
from botocore.credentials import Credentials

from local.names import SOURCE
from local.stack import Stack
from shared.aws import s3
from shared.aws.address import S3Address
from shared.aws.s3 import BARREN_PAGES, S3Source
from shared.clock import SystemClock
from shared.domain.backoff import QUESTIONS
from shared.domain.errors import Corrupt, Forbidden, NoSuchBucket, Refused, Throttled, Transient, Unsorted, WrongRegion
from shared.domain.reasons import Party
from shared.http.client import ANSWER_BYTES, Http
from shared.ranges.split_range import SplitRange
from tests.contract.raw import Answerer, Asked, answer, answering
from tests.contract.test_http import Serve, serving
from tests.fakes import FakeLedger
from tests.schedules.network import Request
from tests.schedules.s3 import S3, Version

PAGE = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
ROW = (
    "<Contents><Key>{}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
    "<Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


class FastClock(SystemClock):
    """Waits for nobody."""

    async def sleep(self, seconds: float) -> None: ...


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(4, FastClock())
    yield client
    await client.close()


def source(http: Http, url: str, bucket: str = "bucket", keys: Credentials = KEYS) -> S3Source:
    return S3Source(S3Address.of(bucket, "us-east-1", url, keys, SystemClock(), False), http)


def answers(*bodies: str | tuple[int, str]) -> Serve:
    """One answer a request, in order, the last one for ever."""
    waiting = list(bodies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            status, text = answer if isinstance(answer, tuple) else (200, answer)
            body = text.encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()

    return serve


def page(*keys: str) -> str:
    return PAGE.format("".join(ROW.format(key) for key in keys))


async def keys(listing: S3Source) -> list[bytes]:
    return [key async for found in listing.pages(b"", b"") for key in found.keys]


@pytest.mark.parametrize(
    "bad",
    [
        page("a", "b")[:-40],
        "<html>a proxy</html>",
        (503, "<Error><Code>SlowDown</Code></Error>"),
        (500, "<Error><Code>InternalError</Code></Error>"),
        (400, "<Error><Code>ExpiredToken</Code></Error>"),
    ],
    ids=["cut-off", "html", "throttled", "broken", "expired"],
)
async def test_a_bad_page_is_asked_for_again(http: Http, bad: str | tuple[int, str]) -> None:
    async with serving(answers(bad, bad, page("a", "b"))) as (url, _):
        assert await keys(source(http, url)) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (page("b", "a"), Unsorted, "order of the keys' bytes"),
        ("<html/>", Corrupt, "not a listing"),
        ((503, "<Error><Code>SlowDown</Code></Error>"), Throttled, "SlowDown"),
        ((404, "<Error><Code>NoSuchBucket</Code></Error>"), NoSuchBucket, "SOURCE_BUCKET"),
        ((301, "<Error><Code>PermanentRedirect</Code></Error>"), WrongRegion, "AWS_REGION"),
        ((403, "<Error><Code>AccessDenied</Code></Error>"), Forbidden, "policies"),
    ],
)
async def test_what_does_not_pass_is_said(
    http: Http, answer: str | tuple[int, str], error: type[Exception], said: str
) -> None:
    async with serving(answers(answer)) as (url, _):
        with pytest.raises(error, match=said):
            await keys(source(http, url))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((503, "<Error><Code>SlowDown</Code></Error>"), Throttled),
        ((503, "<Error><Code>ServiceUnavailable</Code></Error>"), Transient),
        ((206, "x"), Transient),
        ((403, "<Error><Code>InvalidObjectState</Code></Error>"), Transient),
    ],
    ids=["asks for patience", "unavailable", "readable", "another refusal"],
)
async def test_whether_the_refusal_of_a_head_asks_for_patience_is_asked_for(
    http: Http, answer: tuple[int, str], error: type[Exception]
) -> None:
    """A HEAD's answer has no body to say so; throttling was charged to the key, which had failed after five attempts."""
    status, body = answer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while asked := await reader.readuntil(b"\r\n\r\n"):
            said = (503, "") if asked.startswith(b"HEAD") else (status, body)
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (said[0], len(said[1]), said[1].encode()))
            await writer.drain()

    async with serving(serve) as (url, _):
        with pytest.raises(error) as found:
            await source(http, url).head(b"k")
    assert type(found.value) is error


EMPTY = PAGE.format("").replace("false", "true").replace("</List", "{}</List")


@pytest.mark.parametrize("blank", ["", "\n"], ids=["as S3 writes it", "by the parser"])
async def test_a_page_on_which_s3_found_nothing_yet_is_no_end_and_is_not_asked_for_for_ever(
    http: Http, blank: str
) -> None:
    """Among many deleted versions S3 ends a page before it has found a key; what it says then is where to go on.
    https://github.com/TileDB-Inc/TileDB/pull/1218, https://github.com/s3ql/s3ql/pull/166
    """
    told = EMPTY.format("<NextContinuationToken>1ue/wM=</NextContinuationToken>" + blank)

    def answered(asked: Asked) -> str:
        if "continuation-token" in asked.target:
            assert "continuation-token=1ue%2FwM%3D" in asked.target
            return page("c")
        return told if "start-after=b" in asked.target else page("a", "b").replace("false", "true")

    async def serve(asked: Asked) -> bytes:
        return answer(200, answered(asked).encode())

    async with asyncio.timeout(10), answering(serve) as (url, asked):
        assert await keys(source(http, url)) == [b"a", b"b", b"c"]
        assert len(asked) == 3


async def test_a_page_that_leads_nowhere_is_told(http: Http) -> None:
    async with asyncio.timeout(10), serving(answers(EMPTY.format(""))) as (url, _):
        with pytest.raises(Corrupt, match="and not where"):
            await keys(source(http, url))


NEXT = "<NextContinuationToken>{}</NextContinuationToken>"
ROLLED_UP = "<CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes>"


@pytest.mark.parametrize(
    "told", [NEXT.format("same"), ROLLED_UP], ids=["to themselves", "by prefixes nobody asked for"]
)
async def test_pages_that_lead_to_themselves_are_told(http: Http, told: str) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200, EMPTY.format(told).encode())

    async with asyncio.timeout(10), answering(serve) as (url, asked):
        with pytest.raises(Corrupt, match="and not where"):
            await keys(source(http, url))
        assert len(asked) <= QUESTIONS.tries + 1


async def test_pages_that_lead_on_and_name_no_key_end(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "BARREN_SECONDS", 0.2)

    async def serve(asked: Asked) -> bytes:
        return answer(200, EMPTY.format(NEXT.format(secrets.token_hex(8))).encode())

    async with asyncio.timeout(10), answering(serve) as (url, asked):
        with pytest.raises(Refused, match="name no key") as found:
            await keys(source(http, url))
        assert found.value.party is Party.S3
        assert len(asked) > 2, "not at the first one"


async def test_what_was_deleted_counts_anew_behind_each_key(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "BARREN_SECONDS", 0.3)
    pages = [EMPTY.format(NEXT.format(number)) if number % 3 else page(f"k{number:02d}") for number in range(1, 31)]
    told = [text.replace("false", "true") for text in pages[:-1]] + pages[-1:]

    async def serve(asked: Asked) -> bytes:
        await asyncio.sleep(0.02)
        return answer(200, told[len(waiting) - 1].encode())

    async with asyncio.timeout(10), answering(serve) as (url, waiting):
        assert len(await keys(source(http, url))) == 10


def buried(living: Sequence[str], dead: Sequence[str]) -> Answerer:
    """A bucket of which much was deleted: no page of its listing gets over more than two deleted keys."""
    bucket = S3(cast("Any", None), 1000, lambda key: None)
    bucket.most_dead = 2
    for number, key in enumerate(living):
        bucket.write(key.encode(), Version(key.encode(), b"", 1_700_000_000, number))
    for key in dead:
        bucket.write(key.encode(), None)

    async def serve(asked: Asked) -> bytes:
        path, _, query = asked.target[1:].partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        reply = bucket.handle(Request("", asked.method, path.encode(), given, asked.headers, b""))
        return answer(reply.status, reply.body)

    return serve


LIVING = ("k/000", "k/001", "t/0", "t/1", "u/0", "v/0")
DEAD = [f"k/{number:03d}" for number in range(2, 2 + 2 * BARREN_PAGES)]


async def test_what_lies_behind_deleted_keys_is_found_within_a_few_pages(http: Http) -> None:
    async with answering(buried(LIVING, DEAD)) as (url, asked):
        bucket = source(http, url, "source")
        assert await bucket.first_after(b"", b"k/001") == b"t/0"
        assert len(asked) == BARREN_PAGES + 1
        found = await bucket.children(b"", b"k/001")
        assert (found.prefixes, found.complete) == ([b"t/", b"u/", b"v/"], True)
        assert len(asked) == 2 * (BARREN_PAGES + 1)


async def test_a_long_region_of_deleted_keys_is_no_question_without_end(http: Http) -> None:
    async with answering(buried(LIVING, [*DEAD, "k/1", "k/2"])) as (url, asked):
        bucket = source(http, url, "source")
        assert await bucket.first_after(b"", b"k/001") is None
        found = await bucket.children(b"", b"k/001")
        assert (found.prefixes, found.complete) == ([], False)
        assert len(asked) == 2 * (BARREN_PAGES + 1)
        assert await keys(bucket) == [key.encode() for key in LIVING], "a listing passes it"


async def test_a_range_with_deleted_keys_ahead_is_split_behind_them(http: Http) -> None:
    async with answering(buried(LIVING, DEAD)) as (url, _):
        split = SplitRange(source(http, url, "source"), FakeLedger(), 1)
        found = await split(b"", b"k/001", None, 0)
        assert found.points == [b"t/", b"u/", b"v/"]


@pytest.mark.parametrize("framed", ["length", "chunks"])
async def test_a_page_of_a_hundred_megabytes_is_refused_and_held_but_in_part(http: Http, framed: str) -> None:
    row = ROW.format("k" * 1000).encode() * 800
    size = 100 * 2**20 // len(row)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said = b"Transfer-Encoding: chunked" if framed == "chunks" else b"Content-Length: %d" % (size * len(row))
        writer.write(b"HTTP/1.1 200 X\r\n%b\r\n\r\n" % said)
        for _ in range(size):
            writer.write(b"%x\r\n%b\r\n" % (len(row), row) if framed == "chunks" else row)
            await writer.drain()

    tracemalloc.start()
    try:
        async with asyncio.timeout(60), serving(serve) as (url, connections):
            with pytest.raises(Corrupt, match="an answer of more than"):
                await keys(source(http, url))
        assert len(connections) == QUESTIONS.tries
        assert tracemalloc.get_traced_memory()[1] < 2 * ANSWER_BYTES + 16 * 2**20
    finally:
        tracemalloc.stop()


@pytest.fixture
def filled(embedded: Stack, http: Http, fresh: str) -> S3Source:
    embedded.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": f"{fresh}/{{}}/x", "size": 0, "count": 1500})
    given = embedded.environment
    mine = Credentials(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
    return source(http, given["AWS_ENDPOINT_URL_S3"], SOURCE, mine)


async def test_pages_children_and_probes_on_a_server(filled: S3Source, fresh: str) -> None:
    prefix = f"{fresh}/".encode()
    pages = [found async for found in filled.pages(prefix, b"")]
    assert [len(found) for found in pages] == [1000, 500]
    assert pages[1].keys[0] == prefix + b"0001000/x"
    assert await filled.first_after(prefix, prefix + b"0000007/x") == prefix + b"0000008/x"
    assert await filled.first_after(prefix, prefix + b"z") is None
    first = await filled.children(prefix, b"")
    assert (len(first.prefixes), first.complete) == (1000, False)
    rest = await filled.children(prefix, prefix + b"0000999/x")
    assert (len(rest.prefixes), rest.complete) == (500, True)
    assert rest.prefixes[0] == f"{fresh}/0001000/".encode()
