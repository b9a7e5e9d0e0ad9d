"""Dead letters in the subscription that keeps them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from cli.dead_letter import MOST, DeadLetter
from cli.exits import CommandError
from shared.settings import Settings

_SECONDS = 30.0

_SOURCE = "CloudPubSubDeadLetterSource"
"""How attributes begin that Pub/Sub adds. https://cloud.google.com/pubsub/docs/handling-failures#track_delivery_attempts"""


class PubSubDeadLetters:
    """`DeadLetters` in the subscriptions of the dead-letter topic."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher, self._subscriber = PublisherClient(), SubscriberClient()
        self._name, self._roles = "", dict[str, str]()

    async def look(self) -> Sequence[DeadLetter]:
        return await asyncio.to_thread(self._look)

    def _look(self) -> list[DeadLetter]:
        given, found = self._settings, list[DeadLetter]()
        try:
            topic = self._publisher.topic_path(given.google_cloud_project, given.dead_letter_topic)
            names = sorted(self._publisher.list_topic_subscriptions(topic=topic, timeout=_SECONDS))
            if not names:
                raise CommandError("nothing keeps dead letters: apply Terraform")
            self._name = names[0]
            while len(found) < MOST:
                asked: dict[str, Any] = {
                    "subscription": self._name,
                    "max_messages": MOST - len(found),
                    "return_immediately": True,
                }
                answer = self._subscriber.pull(request=asked, timeout=_SECONDS)
                if not answer.received_messages:
                    break
                found += [self._read(item) for item in answer.received_messages]
        except GoogleAPICallError as error:
            raise CommandError(f"dead letters cannot be looked at: {error}") from error
        return found

    def _read(self, received: Any) -> DeadLetter:
        message = received.message
        topic, reason = message.attributes.get("function", ""), message.attributes.get("reason", "")
        source = message.attributes.get(f"{_SOURCE}Subscription", "")
        if source:
            project = message.attributes.get(f"{_SOURCE}SubscriptionProject") or self._settings.google_cloud_project
            topic, reason = self._role(f"projects/{project}/subscriptions/{source}"), ""
        at = message.publish_time.timestamp()
        return DeadLetter(message.message_id, message.data, topic, reason, at, received.ack_id)

    def _role(self, subscription: str) -> str:
        """Of the topic that a subscription is on: letters by the thousand come from one of three."""
        if subscription not in self._roles:
            try:
                topic = self._subscriber.get_subscription(subscription=subscription, timeout=_SECONDS).topic
            except NotFound:
                topic = ""
            roles = {name: role for role, name in self._settings.topics.items()}
            self._roles[subscription] = roles.get(topic.rpartition("/")[2], "")
        return self._roles[subscription]

    async def take_away(self, letters: Iterable[DeadLetter]) -> None:
        handles = [letter.handle for letter in letters]
        if handles:
            await asyncio.to_thread(self._subscriber.acknowledge, subscription=self._name, ack_ids=handles)

    async def give_back(self, letters: Iterable[DeadLetter]) -> None:
        handles = [letter.handle for letter in letters]
        if handles:
            await asyncio.to_thread(
                self._subscriber.modify_ack_deadline,
                subscription=self._name,
                ack_ids=handles,
                ack_deadline_seconds=0,
            )
