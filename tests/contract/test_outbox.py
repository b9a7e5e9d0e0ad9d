"""Events on their way out of the embedded S3: few requests where some wait, and nothing is lost without a word.

The server is scripted, since moto refuses no single message of a batch, and does not fail.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from local.emulators.loopback import HOST, free_port
from local.emulators.s3 import outbox
from local.emulators.s3.outbox import Bridge, Outbox, Queue

Answer = Callable[[list[dict[str, Any]]], web.Response]


@dataclass
class Server:
    """answers: to the first requests, in order; to others all is well. asked: the entries of each request."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0
    answered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def handle(self, request: web.BaseRequest) -> web.Response:
        entries = (await request.json())["Entries"]
        assert len({entry["Id"] for entry in entries if "Id" in entry}) in (0, len(entries))
        self.asked.append(entries)
        answer = self.answers.pop(0) if self.answers else taken
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        self.answered.release()
        return answer(entries)

    @property
    def bodies(self) -> list[list[Any]]:
        return [[json.loads(entry["MessageBody"]) for entry in entries] for entries in self.asked]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    port = free_port()
    made = Server(f"http://{HOST}:{port}")
    runner = web.ServerRunner(web.Server(made.handle))
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    yield made
    await runner.cleanup()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_WAITS", (0.0, 0.01, 0.02))


def taken(entries: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"Successful": [{"Id": entry["Id"]} for entry in entries if "Id" in entry]})


def failing(place: int, sender_fault: bool) -> Answer:
    """One of a request's messages is refused."""

    def answer(entries: list[dict[str, Any]]) -> web.Response:
        failed = {"Id": entries[place]["Id"], "Code": "Code", "Message": "why", "SenderFault": sender_fault}
        return web.json_response({"Successful": [], "Failed": [failed]})

    return answer


def status(code: int) -> Answer:
    return lambda entries: web.Response(status=code, text="not now")


async def sent(server: Server, events: int, a_request: int = 10) -> None:
    out = Outbox(server.url, Queue(f"{server.url}/1/q", "us-east-1"), a_request)
    for number in range(events):
        out.put({"n": number})
    await out.close()


def numbers(server: Server) -> list[int]:
    return sorted(event["n"] for events in server.bodies for event in events)


async def test_what_waits_is_sent_ten_a_request_by_two_side_by_side(server: Server) -> None:
    await sent(server, 95)
    assert numbers(server) == list(range(95))
    assert len(server.asked) == 10
    assert server.most_at_once == 2


async def test_one_event_does_not_wait_for_others(server: Server) -> None:
    out = Outbox(server.url, Queue(f"{server.url}/1/q", "us-east-1"))
    for number in range(5):
        out.put({"n": number})
        async with asyncio.timeout(5):
            await server.answered.acquire()
    await out.close()
    assert [len(entries) for entries in server.asked] == [1] * 5


async def test_one_a_request_where_whatever_happens_to_a_request_is_to_happen_to_one_event(server: Server) -> None:
    await sent(server, 40, a_request=1)
    assert numbers(server) == list(range(40))
    assert len(server.asked) == 40
    assert server.most_at_once > 2


async def test_a_message_that_the_queue_fails_at_is_sent_again_alone(server: Server) -> None:
    server.answers = [failing(3, sender_fault=False)]
    await sent(server, 7)
    assert server.bodies[1:] == [[server.bodies[0][3]]]


async def test_a_message_that_is_refused_for_good_is_printed(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [failing(3, sender_fault=True)]
    await sent(server, 7)
    assert len(server.asked) == 1
    assert capsys.readouterr().out == 'an event was refused: Code why: {"n": 3}\n'


@pytest.mark.parametrize("code", [400, 500, 503])
async def test_a_request_that_fails_is_sent_again(server: Server, code: int) -> None:
    server.answers = [status(code)]
    await sent(server, 3)
    assert server.bodies[0] == server.bodies[1]
    assert len(server.asked) == 2


async def test_what_nobody_takes_is_printed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = [status(503)] * 3
    await sent(server, 2)
    assert capsys.readouterr().out == "2 events were not sent: ClientError 503 not now\n"


async def test_a_server_that_is_not_there_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    await sent(Server(f"http://{HOST}:{free_port()}"), 1)
    assert capsys.readouterr().out.startswith("1 events were not sent: ClientConnectorError")


@pytest.mark.parametrize(("code", "again"), [("InternalFailure", True), ("MalformedDetail", False)])
async def test_entries_of_eventbridge_are_told_apart_by_their_place(
    server: Server, capsys: pytest.CaptureFixture[str], code: str, again: bool
) -> None:
    def answer(entries: list[dict[str, Any]]) -> web.Response:
        said = [{"ErrorCode": code} if place == 1 else {"EventId": "e"} for place in range(len(entries))]
        return web.json_response({"FailedEntryCount": 1, "Entries": said})

    server.answers = [answer]
    out = Outbox(server.url, Bridge("us-east-1"))
    for number in range(3):
        out.put({"Detail": str(number)})
    await out.close()
    assert server.asked[1:] == ([[{"Detail": "1"}]] if again else [])
    assert bool(capsys.readouterr().out) is not again
