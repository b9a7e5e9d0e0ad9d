"""Writing to Cloud Storage through everything that its sessions, tokens and answers may do."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError

from shared.clock import SystemClock
from shared.domain.backoff import QUESTIONS, SESSION
from shared.domain.checksums import crc32c, encoded
from shared.domain.errors import (
    BadKeys,
    Corrupt,
    CredentialsExpired,
    LostRace,
    NoToken,
    ObjectError,
    Refused,
    Transient,
    Unsorted,
    UploadLost,
)
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.reasons import Party
from shared.gcp import storage
from shared.gcp.staging import GcsStaging
from shared.gcp.storage import CHUNK_BYTES, GcsDestination
from shared.gcp.token import Token
from shared.http.client import Http
from shared.ports.destination import Upload
from shared.telemetry import Log
from tests.contract.raw import Asked, answer, answering

SIZE = 2 * CHUNK_BYTES + 1000
WHOLE = encoded(crc32c(bytes(SIZE)), 4)
UPLOAD = Upload(b"k", SIZE, 0, Attributes(), {"s3-etag": "e"})
SMALL = Upload(b"k", 4, 0, Attributes(), {"s3-etag": "e"})
SMALL_CRC = encoded(crc32c(b"body"), 4)


class Hasty(SystemClock):
    """Waits for nothing."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(4, Hasty())
    yield client
    await client.close()


async def body(size: int) -> AsyncIterator[bytes]:
    while size:
        step = min(size, 512 * 1024)
        size -= step
        yield bytes(step)


async def small() -> AsyncIterator[bytes]:
    yield b"body"


def described(size: int, crc: str, generation: int = 7, **more: object) -> bytes:
    found = {"name": "k", "size": str(size), "generation": str(generation), "crc32c": crc, "metadata": {"s3-etag": "e"}}
    return json.dumps({**found, **more}).encode()


class Gcs:
    """Resumable sessions. faults: answered to the nth PUT of bytes, None breaks off; what came is kept by half."""

    def __init__(self, faults: dict[int, int | None]) -> None:
        self.faults, self.got, self.puts, self.url = dict(faults), 0, 0, ""

    async def __call__(self, asked: Asked) -> bytes | None:
        match asked.method:
            case "POST":
                self.got = 0
                return answer(200, Location=f"{self.url}/session")
            case "DELETE":
                return answer(499)
        span, _, total = asked.headers["content-range"].removeprefix("bytes ").partition("/")
        if span != "*":
            self.puts += 1
            assert int(span.partition("-")[0]) == self.got, "from where the session stands"
            if self.puts in self.faults:
                self.got += len(asked.body) // 2
                fault = self.faults[self.puts]
                return None if fault is None else answer(fault, b'{"error": {"message": "x"}}')
            self.got += len(asked.body)
        if self.got < int(total):
            return answer(308, Range=f"bytes=0-{self.got - 1}") if self.got else answer(308)
        return answer(200, described(self.got, WHOLE))


@pytest.mark.parametrize("fault", [400, 408, 409, 429, 500, 503, None])
async def test_a_session_goes_on_where_it_stands(http: Http, fault: int | None) -> None:
    gcs = Gcs({2: fault, 4: fault})
    async with answering(gcs) as (gcs.url, _):
        written = await GcsDestination("b", gcs.url, http, Token(None)).write(UPLOAD, body(SIZE))
    assert (written.size, gcs.puts) == (SIZE, 5)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_lost_session_is_not_a_lost_object(http: Http, status: int) -> None:
    gcs = Gcs({2: status})
    async with answering(gcs) as (gcs.url, _):
        with pytest.raises(UploadLost, match="upload session is lost") as caught:
            await GcsDestination("b", gcs.url, http, Token(None)).write(UPLOAD, body(SIZE))
        assert caught.value.retryable


async def test_a_session_that_never_moves_is_given_up(http: Http) -> None:
    gcs = Gcs(dict.fromkeys(range(100), 503))
    gcs.got = 0

    async def stuck(asked: Asked) -> bytes | None:
        return answer(503) if asked.method == "PUT" else await gcs(asked)

    async with answering(stuck) as (gcs.url, asked):
        with pytest.raises(Transient):
            await GcsDestination("b", gcs.url, http, Token(None)).write(UPLOAD, body(SIZE))
        assert [item.method for item in asked] == ["POST", *["PUT"] * SESSION.tries, "DELETE"]


class Held(Credentials):
    """Tokens of a server that the test is. revoked: no token is good any more but the next one."""

    def __init__(self, good: int = 10**9) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token, self.number, self.good = "token-0", 0, good

    @property
    def valid(self) -> bool:
        return True

    def refresh(self, request: object) -> None:
        if self.number >= self.good:
            raise RefreshError("no more")
        self.number += 1
        self.token = f"token-{self.number}"


async def test_a_token_that_is_refused_is_renewed_once_within_one_upload(http: Http) -> None:
    gcs, held, uses = Gcs({}), Held(), 0

    async def guarded(asked: Asked) -> bytes | None:
        """Every token is good for two requests."""
        nonlocal uses
        if asked.headers["authorization"] != f"Bearer token-{uses // 2}":
            return answer(401, b'{"error": {"errors": [{"reason": "authError"}]}}')
        uses += 1
        return await gcs(asked)

    async with answering(guarded) as (gcs.url, _):
        written = await GcsDestination("b", gcs.url, http, Token(held)).write(UPLOAD, body(SIZE))
    assert (written.size, held.number) == (SIZE, 1)


async def test_a_new_token_that_is_refused_too_is_not_renewed_for_ever(http: Http) -> None:
    held = Held()

    async def never(asked: Asked) -> bytes:
        return answer(401)

    async with answering(never) as (url, asked):
        with pytest.raises(BadKeys):
            await GcsDestination("b", url, http, Token(held)).write(SMALL, small())
        assert (len(asked), held.number) == (2, 1)
        with pytest.raises(CredentialsExpired, match="new access token"):
            await GcsStaging("s", "d", url, http, Token(held), Log("ERROR")).put(b"k", "u", 1, 4, small())


async def test_a_token_server_that_gives_nothing_is_no_fault_of_the_key(http: Http) -> None:
    async def never(asked: Asked) -> bytes:
        return answer(401)

    async with answering(never) as (url, _):
        with pytest.raises(NoToken, match="token server"):
            await GcsDestination("b", url, http, Token(Held(good=0))).write(SMALL, small())


@pytest.mark.parametrize("comes", [True, False], ids=["gives one", "gives none"])
async def test_all_who_wait_for_a_token_wait_for_one_try(comes: bool) -> None:
    """Each with a try of his own, a hundred keys stood still for a hundred times as long as the server does."""

    class Slow(Held):
        tries = 0

        @property
        def valid(self) -> bool:
            return self.number > 0

        def refresh(self, request: object) -> None:
            self.tries += 1
            time.sleep(0.1)
            super().refresh(request)

    held = Slow(good=10**9 if comes else 0)
    token = Token(held)
    waiting: list[asyncio.Task[str | bool | None]] = [asyncio.create_task(token.current()) for _ in range(100)]
    waiting += [asyncio.create_task(token.renewed("token-0")) for _ in range(100)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    got = await asyncio.gather(*waiting[1:], return_exceptions=True)
    assert held.tries == 1
    if comes:
        assert got == ["token-1"] * 99 + [True] * 100
    else:
        assert {type(error) for error in got} == {NoToken}
        assert {error.party for error in got if isinstance(error, NoToken)} == {Party.TOKEN_SERVER}


CUT = [b"", b'{"name": "k", "si', b'{"name": "k", "generation": "7"}', b"[]"]


@pytest.mark.parametrize("said", CUT)
async def test_a_good_answer_that_cannot_be_read_is_looked_at_and_not_written_again(http: Http, said: bytes) -> None:
    ends: list[tuple[bytes, type[ObjectError] | None]] = [
        (answer(200, described(4, SMALL_CRC)), None),
        (answer(404), Transient),
        (answer(200, described(4, "AAAAAA==")), LostRace),
        (answer(200, described(4, SMALL_CRC, metadata={"s3-etag": "another"})), LostRace),
    ]
    for found, error in ends:

        async def serve(asked: Asked, found: bytes = found) -> bytes:
            return answer(200, said) if asked.method == "POST" else found

        async with answering(serve) as (url, asked):
            destination = GcsDestination("b", url, http, Token(None))
            if error is None:
                assert (await destination.write(SMALL, small())).generation == 7
            else:
                with pytest.raises(error):
                    await destination.write(SMALL, small())
            assert [item.method for item in asked] == ["POST", "GET"]


async def test_a_look_in_place_of_an_answer_asks_when_the_copy_was_written(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        fields = asked.target.partition("fields=")[2].split(",")
        when: dict[str, object] = {"timeCreated": "2026-11-29T09:19:28.250Z"} if "timeCreated" in fields else {}
        return answer(200, b"{" if asked.method == "POST" else described(4, SMALL_CRC, 7, **when))

    async with answering(serve) as (url, _):
        destination = GcsDestination("b", url, http, Token(None))
        assert (await destination.write(replace(SMALL, generation=6), small())).created == 1_795_943_968.25


async def test_bytes_that_arrived_as_others_do_not_stay(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(204) if asked.method == "DELETE" else answer(200, described(4, "AAAAAA=="))

    async with answering(serve) as (url, asked):
        with pytest.raises(Corrupt, match="taken back"):
            await GcsDestination("b", url, http, Token(None)).write(SMALL, small())
        assert [item.target.partition("?")[2] for item in asked[1:]] == ["ifGenerationMatch=7"]


@pytest.mark.parametrize("said", [b"", b"<Initiate", b"<A></A>"])
async def test_an_upload_without_an_id_may_be_begun_again(http: Http, said: bytes) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200, said if asked.method == "POST" else b"{}")

    async with answering(serve) as (url, _):
        with pytest.raises(Transient, match="names no id"):
            await GcsStaging("s", "d", url, http, Token(None), Log("ERROR")).begin(b"k")


async def test_a_move_that_says_nothing_is_not_taken_for_done(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200, b'{"done": true}')

    async with answering(serve) as (url, asked):
        staging = GcsStaging("s", "d", url, http, Token(None), Log("ERROR"))
        with pytest.raises(Transient, match="how to go on"):
            await staging.move(DestinationObject(b"k", 4, 1, SMALL_CRC), SMALL)
        assert len(asked) == 1


async def test_a_session_that_has_other_bytes_than_were_sent_is_begun_anew(http: Http) -> None:
    """One that stands before what was sent, or behind it, would make an object of other bytes."""
    for stands_at in (CHUNK_BYTES * 5, 1):
        gcs, puts = Gcs({}), 0

        async def elsewhere(asked: Asked, gcs: Gcs = gcs, stands_at: int = stands_at) -> bytes | None:
            nonlocal puts
            puts += asked.method == "PUT"
            if asked.method == "PUT" and puts == 2:
                return answer(308, Range=f"bytes=0-{stands_at - 1}")
            return await gcs(asked)

        async with answering(elsewhere) as (gcs.url, asked):
            with pytest.raises(Transient, match="begun anew"):
                await GcsDestination("b", gcs.url, http, Token(None)).write(UPLOAD, body(SIZE))
            assert asked[-1].method == "DELETE"


async def test_a_session_without_an_address_may_be_begun_again(http: Http) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200)

    async with answering(serve) as (url, _):
        with pytest.raises(Transient, match="without a URL"):
            await GcsDestination("b", url, http, Token(None)).write(UPLOAD, body(SIZE))


PART_CRC = {"X-Goog-Hash": f"crc32c={SMALL_CRC}"}


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"ETag": '"e"', **PART_CRC}, None),
        ({"ETag": '"e"', "X-Goog-Hash": "crc32c=AAAAAA=="}, Corrupt),
        (PART_CRC, Transient),
    ],
)
async def test_a_part_counts_once_it_arrived_as_it_was_sent(
    http: Http, headers: dict[str, str], error: type[ObjectError] | None
) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200, b"", None, **headers)

    async with answering(serve) as (url, _):
        staging = GcsStaging("s", "d", url, http, Token(None), Log("ERROR"))
        if error is None:
            assert (await staging.put(b"k", "u", 1, 4, small())).etag == "e"
        else:
            with pytest.raises(error):
                await staging.put(b"k", "u", 1, 4, small())


async def test_a_completion_that_fails_in_its_body_has_failed(http: Http) -> None:
    """As S3's: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""

    async def serve(asked: Asked) -> bytes:
        return answer(200, b"<Error><Code>InternalError</Code></Error>")

    async with answering(serve) as (url, _):
        with pytest.raises(Transient, match="completing k"):
            await GcsStaging("s", "d", url, http, Token(None), Log("ERROR")).complete(b"k", "u", ["e"])


async def test_a_listing_out_of_order_is_not_compared(http: Http) -> None:
    """A name that comes too late would be missing where it belongs, and its object copied again or judged wrongly."""

    async def serve(asked: Asked) -> bytes:
        names = ("b", "c") if "pageToken" not in asked.target else ("a", "d")
        items = [json.loads(described(4, SMALL_CRC)) | {"name": name} for name in names]
        return answer(200, json.dumps({"items": items, "nextPageToken": "more"}).encode())

    async with answering(serve) as (url, _):
        pages = GcsDestination("b", url, http, Token(None)).listing(b"", b"")
        assert (await anext(pages)).names == [b"b", b"c"]
        with pytest.raises(Unsorted, match="not in the order"):
            await anext(pages)


def page(*names: str, token: str = "") -> bytes:
    items = [json.loads(described(4, SMALL_CRC)) | {"name": name} for name in names]
    return answer(200, json.dumps({"items": items, **({"nextPageToken": token} if token else {})}).encode())


async def names(destination: GcsDestination, after: bytes = b"") -> list[bytes]:
    return [name async for found in destination.listing(b"", after) for name in found.names]


async def test_a_page_without_names_is_no_end(http: Http) -> None:
    """https://cloud.google.com/storage/docs/json_api/v1/objects/list: the next page may be empty."""

    async def serve(asked: Asked) -> bytes:
        if "pageToken=2" in asked.target:
            return page("b")
        return page(token="2") if "pageToken=1" in asked.target else page("a", token="1")

    async with answering(serve) as (url, _):
        assert await names(GcsDestination("b", url, http, Token(None))) == [b"a", b"b"]


@pytest.mark.parametrize("shown", [(), ("a", "b")], ids=["nothing", "what lies before"])
async def test_pages_that_lead_to_themselves_are_told(http: Http, shown: tuple[str, ...]) -> None:
    async def serve(asked: Asked) -> bytes:
        return page(*shown, token="same")

    async with asyncio.timeout(10), answering(serve) as (url, asked):
        with pytest.raises(Transient, match="name nothing more") as found:
            await names(GcsDestination("b", url, http, Token(None)), b"c")
        assert found.value.party is Party.DESTINATION
        assert len(asked) == 2


async def test_pages_that_lead_on_and_name_nothing_end(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BARREN_SECONDS", 0.2)

    async def serve(asked: Asked) -> bytes:
        return page(token=secrets.token_hex(8))

    async with asyncio.timeout(10), answering(serve) as (url, asked):
        with pytest.raises(Refused, match="name nothing more"):
            await names(GcsDestination("b", url, http, Token(None)))
        assert len(asked) > 2, "not at the first one"


async def test_names_that_an_empty_page_does_not_reach_are_asked_for(http: Http) -> None:
    """They were taken for names of no object, and each copy was written as a new one, and refused."""
    wanted = [b"k%02d" % number for number in range(20)]

    async def serve(asked: Asked) -> bytes:
        if "maxResults" in asked.target:
            return page(token="more")
        return answer(200, json.dumps(json.loads(described(4, SMALL_CRC)) | {"name": asked.target[-99:]}).encode())

    async with answering(serve) as (url, asked):
        await GcsDestination("b", url, http, Token(None)).stat_many(wanted)
        assert len(asked) == 1 + len(wanted)


@pytest.mark.parametrize("told", ['{"items": {"a": 1}}', '{"items": [1]}', '{"items": [], "nextPageToken": 7}', "[]"])
async def test_a_page_that_is_no_list_of_objects_is_told(http: Http, told: str) -> None:
    async def serve(asked: Asked) -> bytes:
        return answer(200, told.encode())

    async with answering(serve) as (url, asked):
        destination = GcsDestination("b", url, http, Token(None))
        with pytest.raises(Transient):
            await names(destination)
        with pytest.raises(Transient):
            await destination.stat_many([b"k%02d" % number for number in range(20)])
        assert len(asked) == 2 * QUESTIONS.tries
