"""Our Pub/Sub held to Google's emulator, through google-cloud-pubsub. No filters, no ordering, no seek."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import FlowControl
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy

from local.clients import pubsub_clients
from local.stack import Stack

MIB = 1024 * 1024


@pytest.fixture
def topic(google_like: Stack, fresh: str) -> tuple[Any, Any, str, str]:
    publisher, subscriber = pubsub_clients(google_like.environment)
    path, name = publisher.topic_path("local-project", fresh), subscriber.subscription_path("local-project", fresh)
    publisher.create_topic(name=path)
    return publisher, subscriber, path, name


def pull(subscriber: Any, name: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = subscriber.pull(subscription=name, max_messages=1, timeout=3, retry=None)
        except exceptions.DeadlineExceeded:
            continue
        if answer.received_messages:
            return answer.received_messages[0]
    return None


def test_pubsub_nack_and_ack(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    subscriber.create_subscription(name=name, topic=path)
    with pytest.raises(exceptions.AlreadyExists):
        publisher.create_topic(name=path)
    publisher.publish(path, b"m", a="1").result()
    first = pull(subscriber, name)
    subscriber.modify_ack_deadline(subscription=name, ack_ids=[first.ack_id], ack_deadline_seconds=0)
    second = pull(subscriber, name)
    assert second.message.message_id == first.message.message_id
    assert (second.message.data, dict(second.message.attributes)) == (b"m", {"a": "1"})
    subscriber.acknowledge(subscription=name, ack_ids=[second.ack_id])
    assert pull(subscriber, name, seconds=1) is None


def test_pubsub_dead_letters_after_the_last_attempt(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    publisher.create_topic(name=f"{path}-dead")
    subscriber.create_subscription(name=f"{name}-dead", topic=f"{path}-dead")
    policy = DeadLetterPolicy(dead_letter_topic=f"{path}-dead", max_delivery_attempts=5)
    retry = RetryPolicy(minimum_backoff=Duration(nanos=50_000_000), maximum_backoff=Duration(seconds=1))
    subscriber.create_subscription(
        request={"name": name, "topic": path, "dead_letter_policy": policy, "retry_policy": retry}
    )
    publisher.publish(path, b"poison").result()
    attempts: list[int] = []
    dead: Any = None
    while dead is None and len(attempts) < 10:
        received = pull(subscriber, name, seconds=4)
        if received is not None:
            attempts.append(received.delivery_attempt)
            subscriber.modify_ack_deadline(subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0)
        if len(attempts) >= 5:
            dead = pull(subscriber, f"{name}-dead", seconds=2)
    assert attempts == [1, 2, 3, 4, 5]
    assert dead.message.data == b"poison"


def test_pubsub_streaming_pull(topic: tuple[Any, Any, str, str]) -> None:
    publisher, subscriber, path, name = topic
    subscriber.create_subscription(name=name, topic=path)
    seen: set[str] = set()
    done = threading.Event()

    def take(message: Any) -> None:
        message.ack()
        seen.add(message.data.decode())
        if len(seen) == 300:
            done.set()

    future = subscriber.subscribe(name, take, flow_control=FlowControl(max_messages=50))
    for item in [publisher.publish(path, str(number).encode()) for number in range(300)]:
        item.result()
    assert done.wait(60)
    future.cancel()


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """An HTTP endpoint: its URL, what was pushed to it, and the statuses it will answer (then 204)."""
    pushes: list[dict[str, Any]] = []
    statuses: list[int] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pushes.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", pushes, statuses
    server.shutdown()


def test_pubsub_pushes_until_it_is_acknowledged(
    topic: tuple[Any, Any, str, str], hook: tuple[str, list[dict[str, Any]], list[int]]
) -> None:
    publisher, subscriber, path, name = topic
    url, pushes, statuses = hook
    statuses += [500, 503]
    subscriber.create_subscription(request={"name": name, "topic": path, "push_config": PushConfig(push_endpoint=url)})
    publisher.publish(path, b"hello", k="v").result()
    deadline = time.monotonic() + 60
    while len(pushes) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pushes) == 3
    assert len({push["message"]["messageId"] for push in pushes}) == 1
    assert pushes[0]["message"]["data"] == "aGVsbG8="
    assert pushes[0]["message"]["attributes"] == {"k": "v"}
    assert pushes[0]["subscription"] == name
    assert pushes[0]["message"]["publishTime"]
