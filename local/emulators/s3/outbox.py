"""Events that wait to be sent, in as few requests as they need: one by one as they come, several where some wait.

A request takes ten messages of SQS's, together 1 MiB at the most, or ten entries of EventBridge's. An event bears a key
of at most 1,024 bytes, threefold if it is encoded, so ten of them are less than 64 KiB and fit either.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp

MOST_A_REQUEST = 10
_EVENTS_AT_ONCE = 16
_WAITS = (0.0, 0.2, 1.0, 3.0)
"""Seconds before each attempt to send the same event."""

_TIMEOUT = aiohttp.ClientTimeout(total=60)
_PASSING = frozenset({"InternalFailure", "InternalException", "ThrottlingException"})
"""Errors of an entry of EventBridge's that may pass:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"""

Event = Mapping[str, object]
Refused = tuple[int, str, bool]
"""Which event of a request, why, and whether it may be sent again."""


class Target(Protocol):
    """Who takes events. action, service, protocol: as its headers say."""

    action: str
    service: str
    protocol: str
    region: str

    def asked(self, events: Sequence[Event]) -> Mapping[str, object]: ...

    def refused(self, answer: Mapping[str, Any]) -> list[Refused]: ...


class Queue:
    """Of SQS's. An event is the body of its message."""

    action, service, protocol = "AmazonSQS.SendMessageBatch", "sqs", "1.0"

    def __init__(self, url: str, region: str) -> None:
        self._url, self.region = url, region

    def asked(self, events: Sequence[Event]) -> Mapping[str, object]:
        entries = [{"Id": str(number), "MessageBody": json.dumps(event)} for number, event in enumerate(events)]
        return {"QueueUrl": self._url, "Entries": entries}

    def refused(self, answer: Mapping[str, Any]) -> list[Refused]:
        failed = answer.get("Failed") or ()
        return [(int(item["Id"]), f"{item['Code']} {item.get('Message')}", not item["SenderFault"]) for item in failed]


class Bridge:
    """EventBridge's default bus. An event is an entry."""

    action, service, protocol = "AWSEvents.PutEvents", "events", "1.1"

    def __init__(self, region: str) -> None:
        self.region = region

    def asked(self, events: Sequence[Event]) -> Mapping[str, object]:
        return {"Entries": list(events)}

    def refused(self, answer: Mapping[str, Any]) -> list[Refused]:
        """Its answers are in the order of what was asked."""
        return [
            (number, f"{item['ErrorCode']} {item.get('ErrorMessage')}", item["ErrorCode"] in _PASSING)
            for number, item in enumerate(answer.get("Entries") or ())
            if item.get("ErrorCode")
        ]


class Outbox:
    """server: its URL. a_request: how many events one takes at the most. Two requests are under way at a time, or as
    many as carry sixteen events. What fails is sent again a few times, so it may arrive twice, as S3's own may; what
    nobody takes is printed.
    """

    def __init__(self, server: str, target: Target, a_request: int = MOST_A_REQUEST) -> None:
        self._server, self._target, self._a_request = server, target, a_request
        self._at_once = max(2, _EVENTS_AT_ONCE // a_request)
        self._waiting: deque[Event] = deque()
        self._senders = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def put(self, event: Event) -> None:
        """Send it soon."""
        self._waiting.append(event)
        if self._senders < self._at_once:
            self._senders += 1
            task = asyncio.get_running_loop().create_task(self._send_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """What waits is sent."""
        await asyncio.gather(*self._tasks)
        if self._session is not None:
            await self._session.close()

    async def _send_waiting(self) -> None:
        """Until nothing waits. Whoever puts something in then finds one sender less, and begins another."""
        try:
            while self._waiting:
                some = min(self._a_request, len(self._waiting))
                await self._deliver([self._waiting.popleft() for _ in range(some)])
        finally:
            self._senders -= 1

    async def _deliver(self, events: Sequence[Event]) -> None:
        why = ""
        for wait in _WAITS:
            await asyncio.sleep(wait)
            try:
                answer = await self._ask(events)
            except (aiohttp.ClientError, OSError) as failure:  # a timeout is an OSError
                why = f"{type(failure).__name__} {failure}"
                continue
            refused = self._target.refused(answer)
            for number, reason, again in refused:
                if not again:
                    print(f"an event was refused: {reason}: {json.dumps(events[number])}", flush=True)
            passing = [(events[number], reason) for number, reason, again in refused if again]
            if not passing:
                return
            events, why = [event for event, _ in passing], passing[0][1]
        print(f"{len(events)} events were not sent: {why}", flush=True)

    async def _ask(self, events: Sequence[Event]) -> Mapping[str, Any]:
        """Raises aiohttp.ClientError for any status but 200, and OSError."""
        self._session = self._session or aiohttp.ClientSession(timeout=_TIMEOUT)
        target = self._target
        headers = {
            "Content-Type": f"application/x-amz-json-{target.protocol}",
            "X-Amz-Target": target.action,
            "Authorization": f"AWS4-HMAC-SHA256 Credential=s3/20260101/{target.region}/{target.service}/aws4_request",
        }
        body = json.dumps(target.asked(events))
        async with self._session.post(self._server + "/", data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise aiohttp.ClientError(f"{answer.status} {text}")
            try:
                said = json.loads(text)
            except ValueError:
                said = {}
            return said if isinstance(said, dict) else {}
