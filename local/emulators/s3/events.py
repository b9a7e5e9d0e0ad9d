"""A bucket's events, as S3 sends them: into a queue, keys as in a form, with a test event at the beginning; or to
EventBridge, keys as they are, from where rules send them on.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from urllib.parse import quote_plus
from xml.etree import ElementTree

from local.emulators.s3.outbox import MOST_A_REQUEST, Bridge, Outbox, Queue, Target
from local.emulators.s3.store import S3Error, StoredObject

_REGION = "us-east-1"

_REASONS = {"Put": "PutObject", "Copy": "CopyObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}
"""How EventBridge's events call what a notification's name ends with."""


class Notifier:
    """server: URL of the one that has queues and EventBridge, "" for none. a_request: how many events one request takes
    at the most; one, if whatever happens to a request is to happen to one event.
    """

    def __init__(self, server: str, a_request: int = MOST_A_REQUEST) -> None:
        self._server, self._a_request = server, a_request
        self._queues: dict[str, tuple[Outbox, str]] = {}
        self._bridged: set[str] = set()
        self._outboxes: dict[str, Outbox] = {}
        self._numbers = count(time.time_ns())

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
            queue = f"{self._server}/{parts[4]}/{parts[5]}"
            outbox = self._outbox(queue, Queue(queue, parts[3]))
            self._queues[bucket] = outbox, parts[3]
            outbox.put({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": _now(), "Bucket": bucket})

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
        """What waits is sent."""
        for outbox in self._outboxes.values():
            await outbox.close()

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
            outbox, region = self._queues[bucket]
            record = {
                "eventVersion": "2.5",
                "eventSource": "aws:s3",
                "awsRegion": region,
                "eventTime": _now(),
                "eventName": name,
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
                    "object": {"key": quote_plus(key, safe="/"), "sequencer": sequencer, **notified},
                },
            }
            outbox.put({"Records": [record]})
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
            self._outbox("", Bridge(_REGION)).put(entry)

    def _outbox(self, name: str, target: Target) -> Outbox:
        """That of a queue, or of EventBridge, whose name is "". A queue may be named by several buckets."""
        return self._outboxes.setdefault(name, Outbox(self._server, target, self._a_request))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
