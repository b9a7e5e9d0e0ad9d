"""The queue: several messages a publish call, returned once Pub/Sub has them."""

import os
from collections.abc import Sequence

import grpc
from google.pubsub_v1 import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PubsubMessage

from shared.domain.messages import Message
from shared.domain.reasons import Party
from shared.gcp.faults import translated

MOST_MESSAGES = 1000
MOST_BYTES = 9_000_000
"""Under the limits of a publish request, 1,000 messages and 10 MB: https://cloud.google.com/pubsub/quotas"""


class PubSubQueue:
    """`shared.ports.queue.Queue`. Topics are short names in `project`."""

    def __init__(self, project: str, dead_letter_topic: str) -> None:
        self._project = project
        self._dead_letter_topic = dead_letter_topic
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        if emulator:
            channel = grpc.aio.insecure_channel(emulator)
            self._client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        else:
            self._client = PublisherAsyncClient()

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        batch: list[PubsubMessage] = []
        size = 0
        for data in (message.encode() for message in messages):
            if batch and (len(batch) == MOST_MESSAGES or size + len(data) > MOST_BYTES):
                await self._send(topic, batch)
                batch, size = [], 0
            batch.append(PubsubMessage(data=data))
            size += len(data)
        if batch:
            await self._send(topic, batch)

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        await self._send(self._dead_letter_topic, [PubsubMessage(data=data, attributes=attributes)])

    async def _send(self, topic: str, batch: list[PubsubMessage]) -> None:
        path = f"projects/{self._project}/topics/{topic}"
        with translated(Party.PUBSUB, f"publishing to {path}"):
            await self._client.publish(topic=path, messages=batch)
