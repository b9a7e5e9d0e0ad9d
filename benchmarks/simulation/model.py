"""S3, Pub/Sub and instances as the production lister meets them.

One simulated object stands for PAGE_KEYS = 1,000 of the bucket's: so every page of a listing is one object, and the
lister splits, probes, batches and budgets on real keys, page by page, in minutes instead of days of CPU. What it writes
and sends for such an object is counted as the batches of KEYS_PER_MESSAGE keys that it stands for.
"""

import asyncio
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.simulation import limits
from benchmarks.simulation.virtual_time import VirtualClock
from shared.domain.budget import Budget
from shared.domain.instance import KEYS_PER_MESSAGE
from shared.domain.messages import ListMessage, Message
from shared.domain.page import Page
from shared.domain.splitting import beyond
from shared.ports.source import Children
from shared.pricing.estimate import KEY_BYTES

PAGE_KEYS = 1000
BATCHES_A_PAGE = PAGE_KEYS // KEYS_PER_MESSAGE


@dataclass(slots=True)
class Bill:
    """What is counted, by the names of the price list's meters, and when each document was written (seconds)."""

    counts: Counter[str] = field(default_factory=Counter)
    recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    hottest: tuple[float, str] = (0.0, "")

    def wrote(self, document: str, at: float, window: float = 60.0) -> None:
        self.counts["firestore.writes"] += 1
        times = self.recent[document]
        times.append(at)
        while times[0] < at - window:
            times.popleft()
        self.hottest = max(self.hottest, (len(times) / window, document))


@dataclass(frozen=True, slots=True)
class ModelBucket:
    """`shared.ports.source.Source`. keys: every PAGE_KEYS-th of the bucket, in order. size: bytes of so many."""

    keys: Sequence[bytes]
    size: int
    clock: VirtualClock
    bill: Bill

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        position = bisect_right(self.keys, after)
        while position < len(self.keys):
            await self._request(limits.S3_LIST_SECONDS)
            yield Page([self.keys[position]], ["e"], [self.size], ["2026-01-01T00:00:00.000Z"], ["STANDARD"])
            position += 1

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        await self._request(limits.S3_PROBE_SECONDS)
        position = bisect_right(self.keys, after)
        return self.keys[position] if position < len(self.keys) else None

    async def children(self, prefix: bytes, after: bytes) -> Children:
        await self._request(limits.S3_LIST_SECONDS)
        found: list[bytes] = []
        position = bisect_right(self.keys, max(prefix, after))
        while position < len(self.keys) and len(found) < PAGE_KEYS and self.keys[position].startswith(prefix):
            key = self.keys[position]
            slash = key.find(b"/", len(prefix))
            if slash < 0:
                return Children(found, False)
            found.append(key[: slash + 1])
            position = bisect_right(self.keys, (beyond(found[-1].decode()) or "").encode())
        return Children(found, len(found) < PAGE_KEYS)

    async def _request(self, seconds: float) -> None:
        self.bill.counts["s3.list"] += 1
        await self.clock.sleep(seconds)


@dataclass(slots=True)
class ModelQueue:
    """`shared.ports.queue.Queue`: list messages go to instances, batches to the transfer's backlog. looks: messages
    that have the ends of runs be looked at.
    """

    clock: VirtualClock
    bill: Bill
    deliver: Callable[[ListMessage], None]
    published: Callable[[int], None]
    looks: int = 0

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if topic == "list":
            for message in messages:
                self.bill.counts["pubsub.billed_bytes"] += 2 * max(1000, len(message.encode()))
                self.deliver(message)  # type: ignore[arg-type]
        elif topic == "verify":
            self.looks += len(messages)
        else:
            count = len(messages) * PAGE_KEYS
            self.bill.counts["pubsub.billed_bytes"] += 2 * count * KEY_BYTES
            self.published(count)
        await self.clock.sleep(limits.PUBSUB_SECONDS)


@dataclass(slots=True)
class Instances:
    """Cloud Run: at most so many invocations at a time, started as they are needed; messages wait for a place. start:
    one more instance, as what it does with a message. Each message goes to the one that has least to do, where least is
    shared with other invocations.
    """

    clock: VirtualClock
    budget_seconds: float
    start: Callable[[int], Callable[[ListMessage, str, Budget], Any]]
    busy: int = 0
    peak: int = 0
    invocations: int = 0
    busy_seconds: float = 0.0
    _started: list[Callable[[ListMessage, str, Budget], Any]] = field(default_factory=list)
    _working: list[int] = field(default_factory=list)
    _waiting: deque[ListMessage] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def places(self) -> int:
        """What has been started by now."""
        by_now = 1 + self.clock.monotonic() / limits.MINUTE * limits.INSTANCES_A_MINUTE
        for number in range(len(self._started), int(min(by_now, limits.LISTER_INSTANCES))):
            self._started.append(self.start(number))
            self._working.append(0)
        return len(self._started) * limits.LISTER_CONCURRENCY

    def deliver(self, message: ListMessage) -> None:
        self._waiting.append(message)
        self.admit()

    def admit(self) -> None:
        while self._waiting and self.busy < self.places:
            self.busy += 1
            self.peak = max(self.peak, self.busy)
            self.invocations += 1
            instance = min(range(len(self._working)), key=self._working.__getitem__)
            self._working[instance] += 1
            task = asyncio.ensure_future(self._invoke(self._waiting.popleft(), instance))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _invoke(self, message: ListMessage, instance: int) -> None:
        await self.clock.sleep(limits.DELIVERY_SECONDS)
        started = self.clock.monotonic()
        await self._started[instance](message, "list-first", Budget(started, self.budget_seconds))
        self._working[instance] -= 1
        self.busy_seconds += self.clock.monotonic() - started
        self.busy -= 1
        self.admit()

    @property
    def idle(self) -> bool:
        return not self._waiting and not self.busy and not self._tasks
