"""Push delivery over HTTP. https://cloud.google.com/pubsub/docs/push"""

import asyncio
import base64
import json
from typing import Any

import aiohttp

from local.emulators.instruments import Instruments
from local.emulators.pubsub.subscription import Subscription

ACKS = frozenset({102, 200, 201, 202, 204})
MOST_OUTSTANDING = 64
_FIRST_BACKOFF, _LAST_BACKOFF = 0.1, 60.0


class Pusher:
    """Pushes one subscription's messages; the window opens with every success and halves on a failure."""

    def __init__(self, subscription: Subscription, instruments: Instruments) -> None:
        self._subscription = subscription
        self._instruments = instruments
        self._window = 8
        self._pushes: set[asyncio.Task[None]] = set()
        self._failures = 0

    async def run(self) -> None:
        """Until the subscription is closed or has no endpoint any more."""
        subscription = self._subscription
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            while not subscription.closed and subscription.config.push_config.push_endpoint:
                if len(self._pushes) >= self._window:
                    await asyncio.wait(self._pushes, return_when=asyncio.FIRST_COMPLETED)
                    continue
                await subscription.wait(5)
                for received in subscription.take(self._window - len(self._pushes)):
                    push = asyncio.create_task(self._push(http, received))
                    self._pushes.add(push)
                    push.add_done_callback(self._pushes.discard)

    async def _push(self, http: aiohttp.ClientSession, received: Any) -> None:
        if await self._delivered(http, received):
            self._subscription.ack(received.ack_id)
            self._window = min(MOST_OUTSTANDING, self._window + 1)
            self._failures = 0
            return
        self._window = max(1, self._window // 2)
        self._failures += 1
        backoff = min(_LAST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self._failures, 10))
        self._subscription.nack(received.ack_id, backoff)

    async def _delivered(self, http: aiohttp.ClientSession, received: Any) -> bool:
        config = self._subscription.config
        body = json.dumps(envelope(received, config.name)).encode()
        self._instruments.count("pubsub.push")
        self._instruments.count("pubsub.billed_bytes", max(1000, len(received.message.data)))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        }
        timeout = aiohttp.ClientTimeout(total=self._subscription.deadline_seconds)
        try:
            async with http.post(
                config.push_config.push_endpoint, data=body, headers=headers, timeout=timeout
            ) as answer:
                await answer.read()
                return answer.status in ACKS
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def envelope(received: Any, subscription: str) -> dict[str, Any]:
    """The JSON that a push carries."""
    message = received.message
    published = message.publish_time.ToJsonString()
    inner: dict[str, Any] = {
        "data": base64.b64encode(message.data).decode(),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.attributes:
        inner["attributes"] = dict(message.attributes)
    body: dict[str, Any] = {"message": inner, "subscription": subscription}
    if received.delivery_attempt:
        body["deliveryAttempt"] = received.delivery_attempt
    return body
