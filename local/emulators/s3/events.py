"""A bucket's events, as S3 sends them: into a queue, keys as in a form, with a test event at the beginning; or to
EventBridge, keys as they are, from where rules send them on.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from urllib.parse import quote_plus
from xml.etree import ElementTree

import aiohttp

from local.emulators.s3.store import S3Error, StoredObject

_AT_ONCE = 16
_REGION = "us-east-1"

_REASONS = {"Put": "PutObject", "Copy": "CopyObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}
"""How EventBridge's events call what a notification's name ends with."""


class Notifier:
    """server: URL of the one that has queues and EventBridge, "" for none."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._queues: dict[str, tuple[str, str]] = {}
        self._bridged: set[str] = set()
        self._numbers = count(time.time_ns())
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def configure(self, bucket: str, body: bytes) -> None:
        """PutBucketNotificationConfiguration: one queue for all events, EventBridge, both or neither. Raises S3Error
        for anything else.
        """
        try:
            named = [(item.tag.rpartition("}")[2], item.text or "") for item in ElementTree.fromstring(body).iter()]
        except ElementTree.ParseError:
            raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed") from None
        arns = [text.split(":") for tag, text in named if tag == "Queue"]
        bridged = any(tag == "EventBridgeConfiguration" for tag, _ in named)
        wrong = len(arns) > 1 or any(len(parts) != 6 for parts in arns) or not (self._server or not (arns or bridged))
        if wrong or any(tag in ("Topic", "CloudFunction") for tag, _ in named):
            raise S3Error(400, "InvalidArgument", "Unable to validate the following destination configurations")
        self._queues.pop(bucket, None)
        self._bridged.discard(bucket)
        if bridged:
            self._bridged.add(bucket)
        for parts in arns:
            self._queues[bucket] = f"{self._server}/{parts[4]}/{parts[5]}", parts[3]
            self._notify(bucket, {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": _now(), "Bucket": bucket})

    def created(self, bucket: str, key: bytes, how: str, stored: StoredObject) -> None:
        size, etag = stored.content.size, stored.etag
        detail = {"reason": _REASONS[how]}
        self._tell(
            bucket, key, f"ObjectCreated:{how}", {"size": size, "eTag": etag}, {"size": size, "etag": etag}, detail
        )

    def removed(self, bucket: str, key: bytes) -> None:
        detail = {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"}
        self._tell(bucket, key, "ObjectRemoved:Delete", {}, {}, detail)

    async def close(self) -> None:
        """What is under way is sent."""
        await asyncio.gather(*self._sending)
        if self._session is not None:
            await self._session.close()

    def _tell(
        self,
        bucket: str,
        key: bytes,
        name: str,
        notified: Mapping[str, object],
        bridged: Mapping[str, object],
        detail: Mapping[str, object],
    ) -> None:
        """Both forms are of the same change, so they say the same sequencer."""
        sequencer = f"00{next(self._numbers):016X}"
        if bucket in self._queues:
            record = {
                "eventVersion": "2.5",
                "eventSource": "aws:s3",
                "awsRegion": self._queues[bucket][1],
                "eventTime": _now(),
                "eventName": name,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": quote_plus(key, safe="/"), "sequencer": sequencer, **notified},
                },
            }
            self._notify(bucket, {"Records": [record]})
        if bucket in self._bridged:
            item = {"key": key.decode(), "sequencer": sequencer, **bridged}
            said = {"version": "0", "event-version": "1.0", "bucket": {"name": bucket}, "object": item, **detail}
            entry = {
                "Source": "aws.s3",
                "DetailType": "Object Deleted" if name.startswith("ObjectRemoved") else "Object Created",
                "Time": int(time.time()),
                "Resources": [f"arn:aws:s3:::{bucket}"],
                "Detail": json.dumps(said),
            }
            self._send("AWSEvents.PutEvents", "events", _REGION, {"Entries": [entry]})

    def _notify(self, bucket: str, said: Mapping[str, object]) -> None:
        queue, region = self._queues[bucket]
        self._send("AmazonSQS.SendMessage", "sqs", region, {"QueueUrl": queue, "MessageBody": json.dumps(said)})

    def _send(self, action: str, service: str, region: str, said: Mapping[str, object]) -> None:
        headers = {
            "Content-Type": f"application/x-amz-json-1.{0 if service == 'sqs' else 1}",
            "X-Amz-Target": action,
            "Authorization": f"AWS4-HMAC-SHA256 Credential=s3/20260101/{region}/{service}/aws4_request",
        }
        task = asyncio.get_running_loop().create_task(self._deliver(headers, json.dumps(said)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, headers: Mapping[str, str], body: str) -> None:
        self._session = self._session or aiohttp.ClientSession()
        async with self._turns, self._session.post(self._server + "/", data=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200 or '"ErrorCode"' in text:
                print(f"an event was not sent: {answer.status} {text}", flush=True)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
