"""A bucket's events, sent to a queue as S3 does: keys as in a form, a sequencer, a test event at the beginning.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
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


class Notifier:
    """queues: URL of the server that has the queues, "" for none."""

    def __init__(self, queues: str) -> None:
        self._server = queues
        self._queues: dict[str, tuple[str, str]] = {}
        self._numbers = count(time.time_ns())
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def configure(self, bucket: str, body: bytes) -> None:
        """PutBucketNotificationConfiguration: one queue for all events. Raises S3Error for anything else."""
        named = ElementTree.fromstring(body).iter()
        arns = [item.text or "" for item in named if item.tag.rpartition("}")[2] == "Queue"]
        if not arns:
            self._queues.pop(bucket, None)
            return
        parts = arns[0].split(":")
        if len(arns) != 1 or len(parts) != 6 or not self._server:
            raise S3Error(400, "InvalidArgument", "Unable to validate the following destination configurations")
        self._queues[bucket] = f"{self._server}/{parts[4]}/{parts[5]}", parts[3]
        test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": _now(), "Bucket": bucket}
        self._send(bucket, test)

    def created(self, bucket: str, key: bytes, how: str, stored: StoredObject) -> None:
        self._tell(bucket, key, f"ObjectCreated:{how}", {"size": stored.content.size, "eTag": stored.etag})

    def removed(self, bucket: str, key: bytes) -> None:
        self._tell(bucket, key, "ObjectRemoved:Delete", {})

    def _tell(self, bucket: str, key: bytes, name: str, more: dict[str, object]) -> None:
        if bucket not in self._queues:
            return
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self._queues[bucket][1],
            "eventTime": _now(),
            "eventName": name,
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                "object": {"key": quote_plus(key, safe="/"), "sequencer": f"00{next(self._numbers):016X}", **more},
            },
        }
        self._send(bucket, {"Records": [record]})

    def _send(self, bucket: str, said: Mapping[str, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(*self._queues[bucket], json.dumps(said)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, queue: str, region: str, body: str) -> None:
        self._session = self._session or aiohttp.ClientSession()
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.SendMessage",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=s3/20260101/{region}/sqs/aws4_request",
        }
        said = json.dumps({"QueueUrl": queue, "MessageBody": body})
        async with self._turns, self._session.post(self._server + "/", data=said, headers=headers) as answer:
            if answer.status != 200:
                print(f"an event was not sent: {answer.status} {await answer.text()}", flush=True)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
