"""The queue of S3's events, against the stack's SQS, which is moto's; by way of its EventBridge, too."""

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from botocore.credentials import Credentials
from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, SQSBackend

from local.children import Child, clean_environment
from local.clients import eventbridge_client, sqs_client
from local.emulators.blob import Blob
from local.emulators.loopback import HOST, free_port
from local.emulators.s3.events import Notifier
from local.emulators.s3.store import S3Error, StoredObject
from local.queues import is_kept
from local.sample import AWKWARD
from shared.aws.credentials import SigningKeys
from shared.aws.sqs import SqsEvents
from shared.clock import SystemClock
from shared.domain.errors import ObjectError
from shared.domain.reasons import Party
from shared.http.client import Http
from shared.ports.event_queue import EventMessage


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, log = free_port(), tmp_path_factory.mktemp("queues") / "log"
    child = Child(
        "queues", [sys.executable, "-m", "local.queues", "--port", str(port)], clean_environment({}), port, log
    )
    child.start()
    child.wait_ready()
    yield f"http://{HOST}:{port}"
    child.stop()


@pytest.fixture
def queue(server: str) -> Iterator[tuple[Any, str]]:
    client = sqs_client(server)
    url = client.create_queue(QueueName="events", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    yield client, url
    client.delete_queue(QueueUrl=url)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    opened = Http(16, SystemClock())
    yield opened
    await opened.close()


def events(url: str, http: Http) -> SqsEvents:
    return SqsEvents(url, "us-east-1", "source", SigningKeys(Credentials("test", "test")), http)


def told(key: str) -> str:
    item = {"key": key, "size": 1, "eTag": "e", "sequencer": "01"}
    record = {"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-28T10:00:00.000Z"}
    return json.dumps({"Records": [{**record, "s3": {"bucket": {"name": "source"}, "object": item}}]})


async def test_what_is_deleted_is_gone_and_all_else_comes_again(queue: tuple[Any, str], http: Http) -> None:
    client, url = queue
    for number in range(25):
        client.send_message(QueueUrl=url, MessageBody=told(f"k{number}"))
    client.send_message(QueueUrl=url, MessageBody="no event")
    ours = events(url, http)
    found: list[EventMessage] = []
    while len(found) < 26:
        brought = await ours.receive(1)
        assert 1 <= len(brought) <= 10
        found += brought
    keys = {event.key for message in found for event in message.events}
    assert keys == {f"k{number}".encode() for number in range(25)}
    (unreadable,) = [message for message in found if message.unreadable]
    assert "neither S3's nor EventBridge's form" in unreadable.unreadable
    assert await ours.delete([message.handle for message in found if not message.unreadable]) == 0
    again = await ours.receive(2)
    assert [message.unreadable for message in again] == [unreadable.unreadable]


async def test_a_queue_that_is_empty_brings_nothing(queue: tuple[Any, str], http: Http) -> None:
    assert await events(queue[1], http).receive(0) == []


async def test_a_queue_that_does_not_exist_is_named_by_its_code(server: str, http: Http) -> None:
    with pytest.raises(ObjectError, match="sqs ReceiveMessage: HTTP 400 QueueDoesNotExist") as caught:
        await events(f"{server}/123456789012/none", http).receive(0)
    assert caught.value.party is Party.SQS
    assert not caught.value.reason.retryable


async def test_a_handle_that_nobody_gave_is_counted_and_no_error(queue: tuple[Any, str], http: Http) -> None:
    assert await events(queue[1], http).delete(["no handle"]) == 1


NOTIFY = (
    "<NotificationConfiguration><QueueConfiguration><Queue>{}</Queue></QueueConfiguration></NotificationConfiguration>"
)
BRIDGE = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>"
ARN = "arn:aws:sqs:us-east-1:123456789012:events"


@pytest.mark.parametrize("way", ["notification", "eventbridge"])
async def test_every_key_comes_as_it_is_either_way(server: str, queue: tuple[Any, str], http: Http, way: str) -> None:
    """What the embedded S3 says of a change, by the queue itself or by a rule, with which the queue gets this bucket's
    events only.
    """
    url = queue[1]
    notifier = Notifier(server)
    if way == "eventbridge":
        bridge = eventbridge_client(server)
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["source"]}}}
        bridge.put_rule(Name="events", EventPattern=json.dumps(pattern))
        bridge.put_targets(Rule="events", Targets=[{"Id": "queue", "Arn": ARN}])
        notifier.configure("other", BRIDGE.encode())
    notifier.configure("source", (BRIDGE if way == "eventbridge" else NOTIFY.format(ARN)).encode())
    keys = [key.encode() for key in AWKWARD]
    stored = StoredObject(Blob(b"12345"), "b1946ac92492d2347c6235b4d2611184", {})
    for key in keys:
        notifier.created("source", key, "Put", stored)
    notifier.created("other", b"k", "Put", stored)
    notifier.removed("source", keys[0])
    found: list[EventMessage] = []
    ours = events(url, http)
    async with asyncio.timeout(20):
        while sum(len(message.events) for message in found) < len(keys) + 1:
            brought = await ours.receive(1)
            await ours.delete([message.handle for message in brought])
            found += brought
    assert not [message.unreadable for message in found if message.unreadable]
    told = [event for message in found for event in message.events]
    created = {event.key: event for event in told if not event.removed}
    assert set(created) == set(keys)
    assert {(event.size, event.etag) for event in created.values()} == {(5, stored.etag)}
    (removed,) = [event for event in told if event.removed]
    assert removed.is_newer(created[keys[0]].sequencer)
    assert not created[keys[0]].is_newer(removed.sequencer)
    assert sum(message.others for message in found) == (1 if way == "notification" else 0)
    await notifier.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Notification", "MalformedXML"),
        (NOTIFY.format("none").encode(), "InvalidArgument"),
        (
            b"<NotificationConfiguration><TopicConfiguration><Topic>t</Topic></TopicConfiguration></NotificationConfiguration>",
            "InvalidArgument",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(server: str, body: bytes, code: str) -> None:
    with pytest.raises(S3Error) as refused:
        Notifier(server).configure("source", body)
    assert refused.value.code == code
    assert refused.value.status == 400


@pytest.mark.parametrize("age_seconds", [0, 59, 61, 86_400])
def test_how_long_a_queue_keeps_its_messages_is_as_moto_has_it(age_seconds: int) -> None:
    """What the stack's server asks for each message is asked in another way, and means the same."""
    backend = SQSBackend("us-east-1", "123456789012")
    backend.create_queue("short", MessageRetentionPeriod=60)
    message = Message("m", "body")
    message.sent_timestamp = int(unix_time_millis()) - age_seconds * 1000  # type: ignore[assignment]
    kept = backend.is_message_valid_based_on_retention_period("short", message)
    assert is_kept(backend, "short", message) is kept is (age_seconds < 60)


async def test_requests_are_counted_by_action(server: str, queue: tuple[Any, str], http: Http) -> None:
    def asked() -> dict[str, int]:
        with urllib.request.urlopen(f"{server}/_local/bill", timeout=10) as answer:
            return dict(json.load(answer))

    before = asked()
    await events(queue[1], http).receive(0)
    after = asked()
    assert after["AmazonSQS.ReceiveMessage"] == before.get("AmazonSQS.ReceiveMessage", 0) + 1
    assert sum(after.values()) == sum(before.values()) + 1
