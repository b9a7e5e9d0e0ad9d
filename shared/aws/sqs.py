"""A queue of S3's events, by SQS's JSON protocol.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.credentials import SigningKeys
from shared.aws.events import NotAnEvent, read_events
from shared.aws.sigv4 import signed_headers
from shared.domain.backoff import QUESTIONS
from shared.domain.errors import Corrupt
from shared.domain.reasons import Party
from shared.http.classification import Classifier
from shared.http.client import Answer, Http, Request
from shared.http.retry import read
from shared.ports.event_queue import MOST_MESSAGES, EventMessage

_SQS = Classifier(Party.SQS)
_DELETES_AT_ONCE = 16
_SLACK_SECONDS = 20.0
"""An answer to a long poll may come so much later than the wait that it asks for."""


class SqsEvents:
    """`shared.ports.event_queue.EventQueue` over one queue. bucket: whose events are followed."""

    def __init__(self, queue_url: str, region: str, bucket: str, keys: SigningKeys, http: Http) -> None:
        scheme, _, rest = queue_url.partition("://")
        self._host = rest.partition("/")[0]
        self._url, self._queue_url = f"{scheme}://{self._host}/", queue_url
        self._region, self._bucket, self._keys, self._http = region, bucket, keys, http

    async def receive(self, wait_seconds: int) -> list[EventMessage]:
        asked = {"MaxNumberOfMessages": MOST_MESSAGES, "WaitTimeSeconds": wait_seconds}
        answer = await self._ask("ReceiveMessage", asked, wait_seconds + _SLACK_SECONDS)
        return [self._message(item) for item in answer.get("Messages") or ()]

    async def delete(self, handles: Sequence[str]) -> int:
        """Ten a request, some requests side by side. A refusal of one handle is no error: its message comes again.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
        """
        tens = [handles[start : start + MOST_MESSAGES] for start in range(0, len(handles), MOST_MESSAGES)]
        refused = 0
        for start in range(0, len(tens), _DELETES_AT_ONCE):
            refused += sum(await asyncio.gather(*map(self._delete, tens[start : start + _DELETES_AT_ONCE])))
        return refused

    async def _delete(self, handles: Sequence[str]) -> int:
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        answer = await self._ask("DeleteMessageBatch", {"Entries": entries})
        return len(answer.get("Failed") or ())

    def _message(self, item: Mapping[str, Any]) -> EventMessage:
        handle = str(item["ReceiptHandle"])
        try:
            told = read_events(str(item.get("Body", "")), self._bucket)
        except NotAnEvent as unreadable:
            return EventMessage(handle, unreadable=str(unreadable))
        return EventMessage(handle, told.events, told.others)

    async def _ask(self, action: str, fields: Mapping[str, object], stall: float | None = None) -> dict[str, Any]:
        body = json.dumps({"QueueUrl": self._queue_url, **fields}).encode()
        what = f"sqs {action}"

        async def send() -> Answer:
            digest = hashlib.sha256(body).hexdigest()
            named = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
            keys, now = await self._keys.current(), self._http.clock.now()
            headers = signed_headers(
                "POST", self._host, "/", "", keys, self._region, now, named, body_sha256=digest, service="sqs"
            )
            answer = await self._http.send(
                Request("POST", self._url, headers, body, idempotent=True, stall_seconds=stall)
            )
            if answer.status != 200:
                raise _SQS(what, answer.status, answer.headers, answer.body)
            return answer

        return await read(QUESTIONS, self._http.clock, what, _SQS, send, lambda answer: _read(what, answer))


def _read(what: str, answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body or b"{}")
        if isinstance(said, dict):
            return said
    except ValueError:
        pass
    raise Corrupt(f"{what}: an answer that is no JSON object", party=Party.SQS)
