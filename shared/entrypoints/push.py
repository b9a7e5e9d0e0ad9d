"""From a pushed Pub/Sub message to a finished workflow: decode, run, and answer ack (return) or nack (raise)."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from shared.bootstrap import App
from shared.domain.budget import Budget
from shared.domain.errors import BucketError, Busy, MalformedMessage, ObjectError, OutOfService, Postponed
from shared.domain.messages import Message, RangeMessage, TransferMessage, decode
from shared.domain.reasons import Party, Reason, Scope
from shared.domain.text import writable
from shared.entrypoints import runtime
from shared.entrypoints.instance import Instance
from shared.ports.queue import Queue
from shared.telemetry import about

RENEW_AT = 15
"""A message that is delivered for so many times is published anew, if it is no fault of its own: Pub/Sub puts it aside
after max_delivery_attempts (20 in terraform/modules/job/pubsub.tf), and what has crashed or got lost counts as well.
https://cloud.google.com/pubsub/docs/handling-failures#track_delivery_attempts
"""

REPORT_AGAIN_SECONDS = 300.0
"""How long a fault that fails every message is reported only once."""

ATTRIBUTE_BYTES = 1024
"""https://cloud.google.com/pubsub/quotas#resource_limits"""

ANSWER_SECONDS = 595.0
"""A push that is not answered after 600 s is delivered again while it is still being worked on
(https://cloud.google.com/pubsub/docs/push). Budgets end long before; this is for services that take minutes to answer
what follows a budget. What is cut off is as if the instance had died: the next delivery goes on.
"""

M = TypeVar("M", bound=Message)

Work = Callable[[M, str, Budget], Awaitable[None]]
"""(message, name of the run if the message starts one, budget)"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One pushed message. attempt: how often it was delivered, this time included; 0 if the push does not say."""

    data: bytes
    message_id: str
    published: str
    subscription: str
    attempt: int = 0


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
        self._reported_at: dict[tuple[Party | None, Reason], float] = {}

    def __call__(self, body: object) -> None:
        """Answer a push. Raises, so that Pub/Sub delivers again, only if the message may yet succeed.

        What is raised is an HTTP answer: the framework passes it on without a traceback of its own, because
        what happened is in the log already.
        """
        try:
            app = self._instance.app()
            work = self._work = self._work or self._start(app)
        except Exception as error:
            if runtime.run(self._waits(body, error)):
                return
            raise ServiceUnavailable from None
        try:
            runtime.run(self._handle(app, work, body))
        except Exception:
            raise ServiceUnavailable from None

    async def _waits(self, body: object, why: Exception) -> bool:
        """Whether the message of a function that cannot start goes on as a new one: a secret may be unreadable for
        longer than Pub/Sub delivers a message.
        """
        delivery = read_push(body)
        with about(subscription=delivery.subscription, message_id=delivery.message_id):
            self._log.error("nacked", error=why, reason=f"the function cannot start: {why}")
            try:
                message = decode(self._model, delivery.data)
            except MalformedMessage:
                return False
            return await self._renewed(self._instance.queue, delivery, message)

    async def _handle(self, app: App, work: Work[M], body: object) -> None:
        delivery = read_push(body)
        with about(subscription=delivery.subscription, message_id=delivery.message_id):
            try:
                message = self._read(delivery)
                await self._do(app, work, delivery, message)
            except MalformedMessage as malformed:
                await self._reject(app, delivery, malformed)

    def _read(self, delivery: Delivery) -> M:
        """The message, and by which topic a batch came. Raises MalformedMessage."""
        message = decode(self._model, delivery.data)
        if isinstance(message, TransferMessage):
            message = message.model_copy(update={"first": self._came_first(delivery)})
        return message

    def _came_first(self, delivery: Delivery) -> bool:
        """By the topic of what somebody waits for: its subscription is named as it."""
        return delivery.subscription.rpartition("/")[2] == self._instance.settings.first_topic

    async def _do(self, app: App, work: Work[M], delivery: Delivery, message: M) -> None:
        budget = Budget(app.adapters.clock.monotonic(), self._instance.settings.budget_seconds)
        try:
            async with _within(ANSWER_SECONDS):
                await work(message, self._run_name(delivery, message), budget)
        except MalformedMessage:
            raise
        except Exception as error:
            if isinstance(error, BucketError) and await self._renewed(lambda: app.adapters.queue, delivery, message):
                return
            self._report(error, app.adapters.clock.monotonic())
            raise

    async def _renewed(self, queue: Callable[[], Queue], delivery: Delivery, message: M) -> bool:
        """Whether the message goes on as a new one, before Pub/Sub puts it aside. One that starts a run says from then
        on which: it would start another.
        """
        if delivery.attempt < RENEW_AT:
            return False
        if isinstance(message, RangeMessage) and message.run is None:
            message = message.model_copy(update={"starts": self._run_name(delivery, message)})
        role = "first" if isinstance(message, TransferMessage) and self._came_first(delivery) else self._kind
        try:
            await queue().publish(self._instance.settings.topics[role], [message])
        except OutOfService as fault:
            self._log.info("not published anew", reason=str(fault))
            return False
        self._log.info("published anew", deliveries=delivery.attempt)
        return True

    def _report(self, error: Exception, now: float) -> None:
        """What waits is no error, and what fails every message is reported once."""
        if isinstance(error, Busy | Postponed):
            self._log.info("put off", reason=str(error))
            return
        if isinstance(error, OutOfService) or (
            isinstance(error, ObjectError) and error.reason.scope is Scope.EVERYBODY
        ):
            cause = (error.party, error.reason)
            if now - self._reported_at.get(cause, float("-inf")) < REPORT_AGAIN_SECONDS:
                self._log.info("put off", reason=str(error))
                return
            self._reported_at[cause] = now
        if isinstance(error, OutOfService | ObjectError):
            self._log.error("nacked", error=error, reason=str(error), party=error.party, advice=error.reason.advice)
        else:
            self._log.error("nacked", error=error, reason=str(error))

    def _run_name(self, delivery: Delivery, message: M) -> str:
        """The same for every delivery of a message, and in the order of publishing to the eye."""
        if isinstance(message, RangeMessage) and message.starts is not None:
            return message.starts
        stamp = "".join(sign for sign in delivery.published.partition(".")[0] if sign not in "-:Z")
        return f"{self._kind}-{stamp or 'undated'}-{delivery.message_id}"[:100]

    async def _reject(self, app: App, delivery: Delivery, malformed: MalformedMessage) -> None:
        """Said, counted and dead-lettered; then the message is done with."""
        self._log.error(
            "malformed message",
            reason=str(malformed),
            body=delivery.data[:500].decode(errors="replace"),
        )
        await asyncio.gather(
            app.adapters.stores.rejected.note(
                delivery.message_id, self._kind, malformed.problems, app.adapters.clock.now()
            ),
            app.adapters.queue.reject(delivery.data, {"function": self._kind, "reason": _attribute(str(malformed))}),
        )


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Raises Postponed, and ends what is under way, if it takes longer."""
    end = asyncio.timeout(seconds)
    try:
        async with end:
            yield
    except TimeoutError:
        if not end.expired():
            raise
        raise Postponed(f"not done within {seconds:.0f} s") from None


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
        return Delivery(writable(f"not a Pub/Sub push: {body!r}"[:500]).encode(), "none", "", "")
    try:
        data = base64.b64decode(str(message.get("data", "")), validate=True)
    except ValueError:  # binascii.Error is one, and so is what text beyond ASCII raises
        data = b"message data is not base64"
    message_id = message.get("messageId") or message.get("message_id")
    published = message.get("publishTime") or message.get("publish_time")
    attempt = envelope.get("deliveryAttempt")
    return Delivery(
        data=data,
        message_id=message_id if isinstance(message_id, str) and _ID.fullmatch(message_id) else "none",
        published=published if isinstance(published, str) and _TIME.fullmatch(published) else "",
        subscription=writable(str(envelope.get("subscription", "")))[:_NAME_CHARACTERS],
        attempt=attempt if type(attempt) is int and 0 <= attempt <= _MOST_ATTEMPTS else 0,
    )


_ID = re.compile("[A-Za-z0-9_-]{1,80}")
"""Pub/Sub's are numbers. It becomes part of a run's name and of documents' ids, where nothing else may stand."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]{0,10}Z?", re.ASCII)

_NAME_CHARACTERS = 400
"""https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names: 255 of the subscription's own"""

_MOST_ATTEMPTS = 1000


def _attribute(text: str) -> str:
    """As much of a text as an attribute may have."""
    return text.encode()[:ATTRIBUTE_BYTES].decode(errors="ignore")
