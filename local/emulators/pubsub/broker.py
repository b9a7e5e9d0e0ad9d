"""Topics and subscriptions."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from local.emulators.instruments import Instruments
from local.emulators.pubsub.push import Pusher
from local.emulators.pubsub.subscription import DEFAULT_DEADLINE_SECONDS, Subscription

MIN_BILLED_BYTES = 1000
"""A request counts as at least 1,000 bytes: https://cloud.google.com/pubsub/pricing"""


class PubSubError(Exception):
    """An error with its gRPC status."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


class Broker:
    """Names are full resource names: projects/P/topics/T, projects/P/subscriptions/S."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._ids = itertools.count(1)
        self._pushes: dict[str, asyncio.Task[None]] = {}

    def topic(self, name: str) -> Any:
        if name not in self.topics:
            raise PubSubError(
                grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', maxsplit=1)[-1]})."
            )
        return self.topics[name]

    def create_topic(self, topic: Any) -> Any:
        _check_name(topic.name, "topics")
        if topic.name in self.topics:
            raise PubSubError(
                grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists (resource={topic.name.split('/')[-1]})."
            )
        self.topics[topic.name] = topic
        return topic

    def delete_topic(self, name: str) -> None:
        self.topic(name)
        del self.topics[name]
        for subscription in self.subscriptions_of(name):
            subscription.config.topic = "_deleted-topic_"

    def subscription(self, name: str) -> Subscription:
        if name not in self.subscriptions:
            raise PubSubError(
                grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', maxsplit=1)[-1]})."
            )
        return self.subscriptions[name]

    def subscriptions_of(self, topic: str) -> list[Subscription]:
        return [item for item in self.subscriptions.values() if item.config.topic == topic]

    def create_subscription(self, config: Any) -> Any:
        _check_name(config.name, "subscriptions")
        self.topic(config.topic)
        if config.filter or config.enable_message_ordering:
            raise PubSubError(grpc.StatusCode.UNIMPLEMENTED, "the local Pub/Sub has no filters and no ordering")
        if config.name in self.subscriptions:
            raise PubSubError(
                grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists (resource={config.name.split('/')[-1]})."
            )
        config.ack_deadline_seconds = config.ack_deadline_seconds or DEFAULT_DEADLINE_SECONDS
        self.subscriptions[config.name] = Subscription(config, self._dead_letter)
        self.push_if_asked(config.name)
        return config

    def delete_subscription(self, name: str) -> None:
        self.subscription(name).close()
        del self.subscriptions[name]
        push = self._pushes.pop(name, None)
        if push is not None:
            push.cancel()

    def push_if_asked(self, name: str) -> None:
        """Begin pushing if the subscription has an endpoint and nobody pushes yet."""
        subscription = self.subscriptions[name]
        running = self._pushes.get(name)
        if subscription.config.push_config.push_endpoint and (running is None or running.done()):
            self._pushes[name] = asyncio.create_task(Pusher(subscription, self.instruments).run())

    async def publish(self, topic: str, messages: Sequence[Any]) -> list[str]:
        self.topic(topic)
        if not messages:
            raise PubSubError(grpc.StatusCode.INVALID_ARGUMENT, "The request contains no messages.")
        if any(not message.data and not message.attributes for message in messages):
            raise PubSubError(grpc.StatusCode.INVALID_ARGUMENT, "Some messages in the batch are empty.")
        await self.instruments.enter("pubsub.publish", topic)
        self.instruments.count("pubsub.messages", len(messages))
        size = sum(message.ByteSize() for message in messages)
        self.instruments.count("pubsub.billed_bytes", max(MIN_BILLED_BYTES, size))
        return self._put(topic, messages)

    def _put(self, topic: str, messages: Sequence[Any]) -> list[str]:
        now = Timestamp()
        now.GetCurrentTime()
        subscriptions = self.subscriptions_of(topic)
        for message in messages:
            message.message_id = str(next(self._ids))
            message.publish_time.CopyFrom(now)
            for subscription in subscriptions:
                subscription.add(message)
        return [message.message_id for message in messages]

    def _dead_letter(self, topic: str, message: Any) -> None:
        if topic in self.topics:
            self._put(topic, [message])

    def backlog(self) -> dict[str, int]:
        """Unacknowledged messages by subscription."""
        return {name: item.backlog for name, item in self.subscriptions.items()}


def _check_name(name: str, kind: str) -> None:
    steps = name.split("/")
    if len(steps) != 4 or steps[0] != "projects" or steps[2] != kind or not 3 <= len(steps[3]) <= 255:
        raise PubSubError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid resource name given (name={name}).")
