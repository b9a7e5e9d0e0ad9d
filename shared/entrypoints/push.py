"""From a pushed Pub/Sub message to a finished workflow: decode, run, and answer ack (return) or nack (raise)."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from shared.bootstrap import App
from shared.domain.budget import Budget
from shared.domain.errors import Busy, MalformedMessage
from shared.domain.messages import Message, decode
from shared.entrypoints import runtime
from shared.entrypoints.instance import Instance

M = TypeVar("M", bound=Message)

Work = Callable[[M, str, Budget], Awaitable[None]]
"""(message, name of the run if the message starts one, budget)"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One pushed message."""

    data: bytes
    message_id: str
    published: str
    subscription: str


class Handler(Generic[M]):
    """Handles the messages of one function. kind: what its runs are named after. start: makes its workflow."""

    def __init__(
        self, kind: str, model: type[M], start: Callable[[App], Work[M]], instance: Instance | None = None
    ) -> None:
        self._kind = kind
        self._model = model
        self._start = start
        self._instance = instance or Instance(kind)
        self._log = self._instance.log
        self._work: Work[M] | None = None

    def __call__(self, body: object) -> None:
        """Answer a push. Raises, so that Pub/Sub delivers again, only if the message may yet succeed.

        What is raised is an HTTP answer: the framework passes it on without a traceback of its own, because
        what happened is in the log already.
        """
        try:
            app = self._instance.app()
            work = self._work = self._work or self._start(app)
            runtime.run(self._handle(app, work, body))
        except Exception as error:
            self._log.error("nacked", error=None if isinstance(error, Busy) else error, reason=str(error))
            raise ServiceUnavailable from None

    async def _handle(self, app: App, work: Work[M], body: object) -> None:
        delivery = read_push(body)
        budget = Budget(app.adapters.clock.monotonic(), self._instance.settings.budget_seconds)
        try:
            message = decode(self._model, delivery.data)
            await work(message, self._run_name(delivery), budget)
        except MalformedMessage as malformed:
            await self._reject(app, delivery, malformed)

    def _run_name(self, delivery: Delivery) -> str:
        """The same for every delivery of a message, and in the order of publishing to the eye."""
        stamp = "".join(sign for sign in delivery.published.partition(".")[0] if sign not in "-:Z")
        return f"{self._kind}-{stamp or 'undated'}-{delivery.message_id}"[:100]

    async def _reject(self, app: App, delivery: Delivery, malformed: MalformedMessage) -> None:
        """Said, counted and dead-lettered; then the message is done with."""
        self._log.error(
            "malformed message",
            message_id=delivery.message_id,
            subscription=delivery.subscription,
            reason=str(malformed),
            body=delivery.data[:500].decode(errors="replace"),
        )
        await asyncio.gather(
            app.adapters.stores.rejected.note(
                delivery.message_id, self._kind, malformed.problems, app.adapters.clock.now()
            ),
            app.adapters.queue.reject(delivery.data, {"function": self._kind, "reason": str(malformed)[:1000]}),
        )


def read_push(body: object) -> Delivery:
    """The message in a push, whether it came raw or as an Eventarc CloudEvent's data.

    A CloudEvent in structured form carries the push as its data. What is not a push at all becomes a delivery with an
    unreadable body, so that it is dead-lettered.
    https://cloud.google.com/pubsub/docs/push#receive_push
    """
    envelope = body if isinstance(body, Mapping) else {}
    if "specversion" in envelope and isinstance(envelope.get("data"), Mapping):
        envelope = envelope["data"]
    message = envelope.get("message")
    if not isinstance(message, Mapping):
        return Delivery(f"not a Pub/Sub push: {body!r}"[:500].encode(), "none", "", "")
    try:
        data = base64.b64decode(str(message.get("data", "")), validate=True)
    except binascii.Error:
        data = b"message data is not base64"
    return Delivery(
        data=data,
        message_id=str(message.get("messageId") or message.get("message_id") or "none"),
        published=str(message.get("publishTime") or message.get("publish_time") or ""),
        subscription=str(envelope.get("subscription", "")),
    )
