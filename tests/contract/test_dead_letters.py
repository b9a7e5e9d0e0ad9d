"""Dead letters as the tool looks at them, on the embedded Pub/Sub."""

from collections import Counter

import pytest
from google.cloud.pubsub_v1 import SubscriberClient

from cli.dead_letter_box import PubSubDeadLetters
from local.clients import pubsub_clients
from local.names import PROJECT
from local.stack import Stack
from shared.settings import Settings
from tests.world import SETTINGS


async def test_where_letters_came_from_is_asked_once_a_subscription(
    reachable: Stack, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, subscriber = pubsub_clients(reachable.environment)
    for role in ("list", "dead"):
        topic = publisher.topic_path(PROJECT, f"{fresh}-{role}")
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscriber.subscription_path(PROJECT, f"{fresh}-{role}-sub"), topic=topic)
    for subscription in [f"{fresh}-list-sub"] * 5 + [f"{fresh}-gone-sub"] * 3:
        source = {
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
        }
        publisher.publish(publisher.topic_path(PROJECT, f"{fresh}-dead"), b"{}", **source).result()
    asked, ask = Counter[str](), SubscriberClient.get_subscription

    def counted(self: SubscriberClient, *, subscription: str, timeout: float) -> object:
        asked[subscription.rpartition("/")[2]] += 1
        return ask(self, subscription=subscription, timeout=timeout)

    monkeypatch.setattr(SubscriberClient, "get_subscription", counted)
    given = {**SETTINGS, "list_topic": f"{fresh}-list", "dead_letter_topic": f"{fresh}-dead"}
    letters = await PubSubDeadLetters(Settings(**{**given, "google_cloud_project": PROJECT})).look()
    assert Counter(letter.topic for letter in letters) == {"list": 5, "": 3}
    assert asked == {f"{fresh}-list-sub": 1, f"{fresh}-gone-sub": 1}
