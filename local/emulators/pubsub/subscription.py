"""One subscription's queue: leases, retries with backoff, dead letters."""

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.emulators.pubsub.protos import PubsubMessage, ReceivedMessage

DEFAULT_DEADLINE_SECONDS = 10
_MIN_BACKOFF, _MAX_BACKOFF = 10.0, 600.0


@dataclass(slots=True)
class Held:
    """A message of one subscription, with the times it was delivered."""

    message: Any
    attempts: int = 0


@dataclass(slots=True)
class Leased:
    held: Held
    until: float


class Subscription:
    """config: the google.pubsub.v1.Subscription. dead_letter: publishes to another topic."""

    def __init__(self, config: Any, dead_letter: Callable[[str, Any], None]) -> None:
        self.config = config
        self.closed = False
        self._dead_letter = dead_letter
        self._ready: deque[Held] = deque()
        self._delayed: list[tuple[float, int, Held]] = []
        self._leased: dict[str, Leased] = {}
        self._expiries: list[tuple[float, str]] = []
        self._numbers = itertools.count()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    @property
    def deadline_seconds(self) -> float:
        return float(self.config.ack_deadline_seconds or DEFAULT_DEADLINE_SECONDS)

    @property
    def backlog(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self._ready) + len(self._delayed) + len(self._leased)

    def oldest_seconds(self) -> int:
        """The age of the oldest message that is not acknowledged, 0 for none."""
        waiting = [*self._ready, *(item[2] for item in self._delayed), *(item.held for item in self._leased.values())]
        times = (held.message.publish_time.seconds for held in waiting)
        return max(0, int(time.time()) - min(times, default=int(time.time())))

    def add(self, message: Any) -> None:
        self._ready.append(Held(message))
        self._wake()

    def take(self, most: int, lease_seconds: float | None = None) -> list[Any]:
        """Lease up to `most` messages, as ReceivedMessages."""
        taken: list[Any] = []
        until = time.monotonic() + (lease_seconds or self.deadline_seconds)
        while self._ready and len(taken) < most:
            held = self._ready.popleft()
            held.attempts += 1
            ack_id = f"{held.message.message_id}-{next(self._numbers)}"
            self._leased[ack_id] = Leased(held, until)
            heapq.heappush(self._expiries, (until, ack_id))
            received = ReceivedMessage(ack_id=ack_id, message=held.message)
            if self.config.dead_letter_policy.dead_letter_topic:
                received.delivery_attempt = held.attempts
            taken.append(received)
        self._arm()
        if self._ready:
            self._wake()
        return taken

    async def wait(self, seconds: float) -> None:
        """Until a message is ready, or the time is over."""
        if self._ready:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            return

    def ack(self, ack_id: str) -> None:
        self._leased.pop(ack_id, None)

    def extend(self, ack_id: str, seconds: float) -> None:
        """Prolong a lease; zero gives the message back."""
        leased = self._leased.get(ack_id)
        if leased is None:
            return
        if seconds <= 0:
            self.nack(ack_id)
            return
        leased.until = time.monotonic() + seconds
        heapq.heappush(self._expiries, (leased.until, ack_id))
        self._arm()

    def is_leased(self, ack_id: str) -> bool:
        return ack_id in self._leased

    def nack(self, ack_id: str, backoff_seconds: float = 0.0) -> None:
        """Give a message back: dead-lettered after its last attempt, else delayed by the retry policy, or
        by `backoff_seconds` where there is none.
        """
        leased = self._leased.pop(ack_id, None)
        if leased is None:
            return
        held, policy = leased.held, self.config.dead_letter_policy
        if policy.dead_letter_topic and held.attempts >= (policy.max_delivery_attempts or 5):
            self._dead_letter(policy.dead_letter_topic, self._dead(held))
            return
        if self.config.HasField("retry_policy"):
            low = _seconds(self.config.retry_policy.minimum_backoff, _MIN_BACKOFF)
            high = _seconds(self.config.retry_policy.maximum_backoff, _MAX_BACKOFF)
            backoff_seconds = min(high, low * 2 ** (held.attempts - 1))
        if backoff_seconds:
            heapq.heappush(self._delayed, (time.monotonic() + backoff_seconds, next(self._numbers), held))
            self._arm()
        else:
            self._ready.append(held)
            self._wake()

    def _dead(self, held: Held) -> Any:
        """https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic"""
        message = PubsubMessage()
        message.CopyFrom(held.message)
        _, project, _, name = self.config.name.split("/")
        prefix = "CloudPubSubDeadLetterSource"
        message.attributes[f"{prefix}DeliveryCount"] = str(held.attempts)
        message.attributes[f"{prefix}Subscription"] = name
        message.attributes[f"{prefix}SubscriptionProject"] = project
        message.attributes[f"{prefix}TopicPublishTime"] = held.message.publish_time.ToJsonString()
        return message

    def close(self) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake_all()

    def _wake(self) -> None:
        while self._waiters and self._ready:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _wake_all(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _arm(self) -> None:
        """One timer for whatever is due next, an expiry or the end of a backoff."""
        due = min((queue[0][0] for queue in (self._expiries, self._delayed) if queue), default=None)
        if due is None or self.closed:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = asyncio.get_running_loop().call_later(max(0.001, due - time.monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._expiries and self._expiries[0][0] <= now:
            _, ack_id = heapq.heappop(self._expiries)
            leased = self._leased.get(ack_id)
            if leased is not None and leased.until <= now:
                self.nack(ack_id)
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        self._wake()
        self._arm()


def _seconds(duration: Any, default: float) -> float:
    return float(duration.seconds + duration.nanos / 1e9) or default
