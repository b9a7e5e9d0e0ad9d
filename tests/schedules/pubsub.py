"""Pub/Sub with push: at least once, in no order, until acknowledged or for the dead letters.

https://cloud.google.com/pubsub/docs/push, https://cloud.google.com/pubsub/docs/handling-failures
"""

import base64
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.domain.messages import ListMessage, Message, TransferMessage, VerifyMessage
from shared.domain.page import rfc3339
from tests.schedules.loop import EPOCH

if TYPE_CHECKING:
    from tests.schedules.world import World

ACK_SECONDS = 600.0
MOST_DELIVERIES = 20
"""Terraform's max_delivery_attempts and ack_deadline_seconds."""

ATTRIBUTE_BYTES = 1024
MESSAGE_BYTES = 10_000_000
"""https://cloud.google.com/pubsub/quotas#resource_limits"""

_MODELS: dict[str, type[Message]] = {"list": ListMessage, "transfer": TransferMessage, "verify": VerifyMessage}


@dataclass(slots=True)
class Sent:
    """A message of a subscription. published: epoch seconds. deliveries: how often it was pushed."""

    number: int
    topic: str
    data: bytes
    published: float
    message: Any
    deliveries: int = 0
    acked: bool = False

    @property
    def name(self) -> str:
        return f"m{self.number}"

    def body(self) -> dict[str, object]:
        """The push, as its JSON arrives."""
        message = {
            "data": base64.b64encode(self.data).decode(),
            "messageId": str(self.number),
            "publishTime": rfc3339(self.published),
        }
        subscription = f"projects/test/subscriptions/{self.topic}"
        return {"deliveryAttempt": self.deliveries, "message": message, "subscription": subscription}


@dataclass(slots=True)
class PubSub:
    """`shared.ports.queue.Queue` on the side of the service. waiting: what no acknowledgement has ended. repeats: how
    many that are acknowledged will be pushed once more. pending: by topic, what no instance has room for.
    """

    world: "World"
    waiting: dict[int, Sent] = field(default_factory=dict)
    dead: list[Sent] = field(default_factory=list)
    rejected: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    repeats: int = 0
    pending: dict[str, deque[tuple[Sent, bool]]] = field(default_factory=lambda: defaultdict(deque))
    _numbers: int = 0

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        for message in messages:
            self.send(topic, message.encode())

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if len(value.encode()) > ATTRIBUTE_BYTES:
                self.world.laws.broken("limits", f"attribute {name} has {len(value.encode())} bytes")
        self.rejected.append((data, attributes))
        if not any(b'"run":"%s"' % run.encode() in data for run in self.world.truth.holes):
            self.world.laws.broken("readable messages", f"rejected: {data[:200]!r} {attributes}")

    def send(self, topic: str, data: bytes) -> None:
        """Accept a message, and push it when its time has come."""
        if len(data) > MESSAGE_BYTES:
            self.world.laws.broken("limits", f"a message of {len(data)} bytes")
        try:
            message = _MODELS[topic].model_validate_json(data)
        except ValueError as error:
            self.world.laws.broken("readable messages", f"{topic} cannot read {data[:200]!r}: {error}")
            return
        self._numbers += 1
        now = self.world.loop.time()
        sent = Sent(self._numbers, topic, data, EPOCH + now, message)
        self.waiting[sent.number] = sent
        draw = self.world.chance.of("queue")
        delay = 10 ** draw.uniform(-2, 0)
        if self.world.swarm.late and now < self.world.weather.ends and draw.random() < 0.2:
            delay += draw.choice((5, 60, 700))
        self.world.loop.later(delay, self.push, sent)
        if topic in self.world.disturbed and self.world.swarm.duplicates and draw.random() < 0.2:
            self.repeats += 1
            self.world.loop.later(delay + 10 ** draw.uniform(-3, 1.5), self.push, sent, True)

    def push(self, sent: Sent, repeat: bool = False) -> None:
        """Give it to an instance, or wait until there is room for it."""
        if sent.acked and not repeat:
            self.freed(sent.topic)
            return
        instance = self.world.fleet.room(sent.topic)
        if instance is None:
            self.pending[sent.topic].append((sent, repeat))
            return
        sent.deliveries += 1
        self.repeats -= repeat
        instance.take(sent)

    def freed(self, topic: str) -> None:
        """There may be room for one that waits."""
        pending = self.pending[topic]
        if pending:
            self.world.loop.later(self.world.chance.of("room").random(), self.push, *pending.popleft())

    def answered(self, sent: Sent, ok: bool) -> None:
        """2xx acknowledges; anything else, or silence until the deadline, delivers again with backoff."""
        world = self.world
        self.freed(sent.topic)
        if ok:
            first = not sent.acked
            sent.acked = True
            self.waiting.pop(sent.number, None)
            if first:
                world.laws.acknowledged(sent)
                self._repeat(sent)
            return
        if sent.acked:
            return
        if sent.deliveries >= MOST_DELIVERIES:
            self.waiting.pop(sent.number, None)
            sent.acked = True
            self.dead.append(sent)
            world.laws.broken("dead letters", f"{sent.name} {sent.data[:300].decode()}")
            return
        backoff = min(600.0, 10.0 * 2 ** min(sent.deliveries - 1, 10))
        world.loop.later(backoff * world.chance.of("queue").uniform(0.8, 1.2), self.push, sent)

    def _repeat(self, sent: Sent) -> None:
        """At least once is sometimes twice, at once or hours later."""
        world, draw = self.world, self.world.chance.of("duplicates")
        if sent.topic not in world.disturbed or world.loop.time() >= world.weather.ends:
            return
        if world.swarm.duplicates and draw.random() < 0.2:
            self.repeats += 1
            world.loop.later(draw.choice((0.01, 1.0, 30.0)), self.push, sent, True)
        if world.swarm.late and draw.random() < 0.1:
            self.repeats += 1
            world.loop.later(draw.choice((900.0, 4000.0, 8000.0)), self.push, sent, True)
