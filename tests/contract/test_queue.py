"""`shared.ports.queue.Queue` on our Pub/Sub and on Google's."""

import pytest
from google.api_core.exceptions import DeadlineExceeded

from local.clients import pubsub_clients
from local.stack import Stack
from shared.domain.errors import BucketError
from shared.domain.messages import ListMessage, decode
from shared.gcp.pubsub import PubSubQueue


def subscribed(stack: Stack, name: str) -> tuple[str, object]:
    publisher, subscriber = pubsub_clients(stack.environment)
    topic = publisher.topic_path("local-project", name)
    publisher.create_topic(name=topic)
    path = subscriber.subscription_path("local-project", name)
    subscriber.create_subscription(name=path, topic=topic)
    return path, subscriber


def pull(subscriber: object, path: str, wanted: int) -> list[object]:
    found: list[object] = []
    for _ in range(20):
        if len(found) >= wanted:
            break
        try:
            answer = subscriber.pull(subscription=path, max_messages=1000, timeout=5)  # type: ignore[attr-defined]
        except DeadlineExceeded:
            continue
        found += [item.message for item in answer.received_messages]
        ids = [item.ack_id for item in answer.received_messages]
        subscriber.acknowledge(subscription=path, ack_ids=ids)  # type: ignore[attr-defined]
    return found


async def test_messages_arrive_several_a_call(google_like: Stack, fresh: str) -> None:
    path, subscriber = subscribed(google_like, fresh)
    queue = PubSubQueue("local-project", "dead-letters")
    sent = [ListMessage(prefix=f"{number}/".encode()) for number in range(1200)]
    await queue.publish(fresh, sent)
    messages = pull(subscriber, path, 1200)
    assert {decode(ListMessage, item.data).prefix for item in messages} == {item.prefix for item in sent}  # type: ignore[attr-defined]


async def test_a_body_that_nobody_can_read_is_kept_with_the_reason(google_like: Stack, fresh: str) -> None:
    path, subscriber = subscribed(google_like, fresh)
    await PubSubQueue("local-project", fresh).reject(b"\xff not json", {"reason": "not JSON", "function": "list"})
    (message,) = pull(subscriber, path, 1)
    assert message.data == b"\xff not json"  # type: ignore[attr-defined]
    assert dict(message.attributes) == {"reason": "not JSON", "function": "list"}  # type: ignore[attr-defined]


async def test_a_missing_topic_is_an_error_of_ours(google_like: Stack) -> None:
    with pytest.raises(BucketError, match="no-such-topic"):
        await PubSubQueue("local-project", "dead-letters").publish("no-such-topic", [ListMessage()])


async def test_one_call_for_many_messages(embedded: Stack, monkeypatch: pytest.MonkeyPatch, fresh: str) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", embedded.environment["PUBSUB_EMULATOR_HOST"])
    subscribed(embedded, fresh)
    before = embedded.bill().get("pubsub.publish", 0)
    await PubSubQueue("local-project", "dead-letters").publish(fresh, [ListMessage()] * 20)
    assert embedded.bill()["pubsub.publish"] - before == 1
