"""How a message is answered: when it comes again, what is said of it, and when it goes on as a new one."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import ServiceUnavailable

from shared.domain.budget import Budget
from shared.domain.errors import Busy, OutOfService, Postponed, SettingsError, Transient
from shared.domain.messages import ListMessage, ObjectEntry, TransferMessage
from shared.domain.reasons import Party, Reason
from shared.entrypoints import push
from shared.entrypoints.push import ATTRIBUTE_BYTES, RENEW_AT, Handler
from shared.telemetry import Log
from tests.fakes import FakeClock, FakeQueue, FakeStores

MESSAGE = TransferMessage(run="r", batch="b", objects=(ObjectEntry(key=b"k", etag="0" * 32, size=1),))
SUBSCRIPTION = "projects/p/subscriptions/transfer"
TOPICS = {name: name for name in ("list", "transfer", "verify", "first")}


class Door:
    """A function's door with a workflow of the test's own behind it."""

    def __init__(self, work: Callable[[Any, str, Budget], Awaitable[None]], model: type = TransferMessage) -> None:
        self.queue, self.clock, stores = FakeQueue(), FakeClock(), FakeStores()
        self.app = SimpleNamespace(adapters=SimpleNamespace(queue=self.queue, clock=self.clock, stores=stores))
        instance = SimpleNamespace(
            settings=SimpleNamespace(budget_seconds=540.0, topics=TOPICS, first_topic="first"), log=Log()
        )
        kind = "transfer" if model is TransferMessage else "list"
        self.work = work
        self.handler: Handler[Any] = Handler(kind, model, lambda app: work, instance)  # type: ignore[arg-type]

    async def push(
        self, data: bytes, attempt: int | None = None, message_id: str = "7", subscription: str = SUBSCRIPTION
    ) -> None:
        body: dict[str, object] = {
            "message": {"data": base64.b64encode(data).decode(), "messageId": message_id},
            "subscription": subscription,
        }
        if attempt is not None:
            body["deliveryAttempt"] = attempt
        await self.handler._handle(self.app, self.work, body)  # type: ignore[arg-type]


def raising(error: Exception) -> Callable[[Any, str, Budget], Awaitable[None]]:
    async def work(_message: Any, _run: str, _budget: Budget) -> None:
        raise error

    return work


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


DOWN = OutOfService("firestore: unavailable", Party.FIRESTORE, Reason.UNREACHABLE)


@pytest.mark.parametrize("error", [Busy("finishing"), Postponed("the edge is down"), DOWN])
async def test_near_the_limit_of_deliveries_a_message_goes_on_as_a_new_one(error: Exception) -> None:
    door = Door(raising(error))
    with pytest.raises(type(error)):
        await door.push(MESSAGE.encode(), RENEW_AT - 1)
    with pytest.raises(type(error)):
        await door.push(MESSAGE.encode())
    assert not door.queue.sent
    await door.push(MESSAGE.encode(), RENEW_AT)
    assert door.queue.sent == [("transfer", MESSAGE)]


async def test_a_push_is_answered_in_time_whatever_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pub/Sub would deliver it again, and two would work on it."""
    assert 540 < push.ANSWER_SECONDS < 600
    monkeypatch.setattr(push, "ANSWER_SECONDS", 0.01)
    ended: list[str] = []

    async def slow(_message: Any, _run: str, _budget: Budget) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cut off")

    with pytest.raises(Postponed):
        await Door(slow).push(MESSAGE.encode())
    assert ended == ["cut off"]
    with pytest.raises(TimeoutError):
        await Door(raising(TimeoutError("of something else"))).push(MESSAGE.encode())


async def test_if_it_cannot_be_published_it_is_not_acknowledged() -> None:
    door = Door(raising(Postponed("the edge is down")))

    async def publish(_topic: str, _messages: object) -> None:
        raise OutOfService("pubsub: unavailable", Party.PUBSUB, Reason.UNREACHABLE)

    door.queue.publish = publish  # type: ignore[assignment, method-assign]
    with pytest.raises(Postponed):
        await door.push(MESSAGE.encode(), 19)


async def test_mistakes_of_ours_may_end_among_the_dead_letters() -> None:
    door = Door(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await door.push(MESSAGE.encode(), 19)
    assert not door.queue.sent


@pytest.mark.parametrize("given", [b"{}", b'{"prefix": "a/"}', b'{"keys": ["a/b"]}', b'{"scheduled": true}'])
async def test_a_message_that_starts_a_run_goes_on_as_one_that_starts_the_same(given: bytes) -> None:
    """A person's request was lost after an hour in which the state store failed now and then."""
    started: list[str] = []

    async def work(_message: Any, run: str, _budget: Budget) -> None:
        started.append(run)
        raise DOWN

    door = Door(work, ListMessage)
    await door.push(given, RENEW_AT)
    [(_, renewed)] = door.queue.sent
    with pytest.raises(OutOfService):
        await Door(work, ListMessage).push(renewed.encode(), 1, message_id="8")
    assert started == [started[0]] * 2
    assert isinstance(renewed, ListMessage)
    assert renewed.named("run", b"").starts is None


def test_terraform_allows_more_deliveries() -> None:
    text = (Path(__file__).parents[2] / "terraform/modules/job/pubsub.tf").read_text()
    found = re.search(r"max_delivery_attempts\s*=\s*(\d+)", text)
    assert found is not None
    assert int(found[1]) >= RENEW_AT + 3


@pytest.mark.parametrize("error", [Busy("finishing"), Postponed("the edge is down")])
async def test_what_waits_is_no_error(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error)):
        await Door(raising(error)).push(MESSAGE.encode())
    assert [(line["severity"], line["message"]) for line in lines(capsys)] == [("INFO", "put off")]


async def test_a_person_is_told_once_of_what_fails_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door(raising(DOWN))
    for _ in range(50):
        with pytest.raises(OutOfService):
            await door.push(MESSAGE.encode())
    told = [line for line in lines(capsys) if line["severity"] == "ERROR"]
    assert len(told) == 1
    assert (told[0]["party"], told[0]["advice"]) == ("firestore", Reason.UNREACHABLE.advice)


@pytest.mark.parametrize(
    ("subscription", "first"),
    [("projects/p/subscriptions/first", True), (SUBSCRIPTION, False), ("projects/p/subscriptions/not-first", False)],
)
async def test_a_batch_goes_on_by_the_topic_it_came_by(subscription: str, first: bool) -> None:
    """What its message says of that counts for nothing, and a copy of it says nothing."""
    seen: list[TransferMessage] = []

    async def work(message: TransferMessage, _run: str, _budget: Budget) -> None:
        seen.append(message)
        raise Postponed("later")

    door = Door(work)
    for said in (b"", b',"first":true', b',"first":false'):
        data = MESSAGE.encode()[:-1] + said + b"}"
        await door.push(data, RENEW_AT, subscription=subscription)
        topic, sent = door.queue.sent.pop()
        assert topic == ("first" if first else "transfer")
        assert sent.encode() == MESSAGE.encode()
    assert [message.first for message in seen] == [first] * 3


async def test_a_function_whose_settings_are_none_gives_its_messages_back() -> None:
    """Without a word of another error: which topic a batch came by is asked only once there are settings."""

    class Instance:
        log, queue = Log(), FakeQueue()

        @property
        def settings(self) -> Any:
            raise ValueError("SOURCE_BUCKET is missing")

    handler: Handler[Any] = Handler("transfer", TransferMessage, lambda app: None, Instance())  # type: ignore[arg-type,return-value]
    data = base64.b64encode(MESSAGE.encode()).decode()
    body = {"message": {"data": data, "messageId": "7"}, "subscription": SUBSCRIPTION}
    assert await handler._waits(body, ValueError("SOURCE_BUCKET is missing")) is False


async def test_a_message_that_a_service_ended_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(_message: Any, _run: str, _budget: Budget) -> None:
        raise Transient("broke off", party=Party.S3)

    with pytest.raises(Transient):
        await Door(work).push(MESSAGE.encode())
    (line,) = lines(capsys)
    assert (line["message"], line["party"], line["reason"]) == ("nacked", Party.S3.value, "broke off")
    assert line["advice"]


async def test_every_line_about_a_message_names_message_and_subscription(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()

    async def work(_message: Any, _run: str, _budget: Budget) -> None:
        log.info("batch")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Door(work).push(MESSAGE.encode())
    await Door(work).push(b"{}")
    found = lines(capsys)
    assert [line["message"] for line in found] == ["batch", "nacked", "malformed message"]
    assert {(line["subscription"], line["message_id"]) for line in found} == {(SUBSCRIPTION, "7")}


async def test_a_dead_letter_s_attribute_is_no_longer_than_pubsub_takes() -> None:
    door = Door(raising(AssertionError()))
    await door.push(json.dumps({"\u6771" * 2000: 1}, ensure_ascii=False).encode())
    ((_, attributes),) = door.queue.rejected
    assert len(attributes["reason"].encode()) <= ATTRIBUTE_BYTES
    assert "unknown field" in attributes["reason"]


async def test_a_push_whose_data_is_no_base64_is_put_aside() -> None:
    """Text beyond ASCII was a fault of ours, and came again."""
    door = Door(raising(AssertionError()))
    for data in ("%", "\u6771"):
        body = {"message": {"data": data, "messageId": "7"}, "subscription": SUBSCRIPTION}
        await door.handler._handle(door.app, door.work, body)  # type: ignore[arg-type]
    assert [data for data, _ in door.queue.rejected] == [b"message data is not base64"] * 2


def test_a_function_that_cannot_start_keeps_its_messages_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Any:
        raise SettingsError("SOURCE_BUCKET is missing")

    instance = SimpleNamespace(
        settings=SimpleNamespace(budget_seconds=540.0, topics=TOPICS, first_topic="first"), log=Log(), app=broken
    )
    handler: Handler[Any] = Handler("transfer", TransferMessage, lambda app: raising(DOWN), instance)  # type: ignore[arg-type]
    body = {"message": {"data": "e30=", "messageId": "7"}, "subscription": SUBSCRIPTION}
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            handler(body)
        (said,) = lines(capsys)
        assert said["reason"] == "the function cannot start: SOURCE_BUCKET is missing"
        assert said["message_id"] == "7"


def test_an_outage_of_secrets_of_any_length_puts_no_message_aside() -> None:
    """What cannot start has nothing but the queue; Pub/Sub would put the message aside after its twentieth delivery."""

    def broken() -> Any:
        raise SettingsError("the secret cannot be read")

    queue = FakeQueue()
    settings = SimpleNamespace(budget_seconds=540.0, topics=TOPICS)
    instance = SimpleNamespace(settings=settings, log=Log(), app=broken, queue=lambda: queue)
    handler: Handler[Any] = Handler("list", ListMessage, lambda app: raising(DOWN), instance)  # type: ignore[arg-type]
    body = {
        "message": {"data": "e30=", "messageId": "7", "publishTime": "2026-11-28T10:00:00Z"},
        "subscription": SUBSCRIPTION,
        "deliveryAttempt": RENEW_AT,
    }
    handler(body)
    assert [message for _, message in queue.sent] == [ListMessage(starts="list-20261128T100000-7")]
    malformed = {**body, "message": {"data": "ew==", "messageId": "8"}}
    with pytest.raises(ServiceUnavailable):
        handler(malformed)
    with pytest.raises(ServiceUnavailable):
        handler({**body, "deliveryAttempt": RENEW_AT - 1})
    assert len(queue.sent) == 1
