"""Events as S3 writes them into a queue, straight or by way of EventBridge.

    {"Records": [{"eventName": "ObjectCreated:Put", …}]}    S3; keys are URL-encoded as in a form, "+" for a space
    {"source": "aws.s3", "detail-type": "Object Created"}   EventBridge; keys stand as they are
    {"Event": "s3:TestEvent"}                               S3, once, when notifications are set up

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from shared.domain.events import ObjectEvent
from shared.domain.keys import MAX_KEY_BYTES
from shared.domain.text import writable

_MAJOR = "2"
"""Of the structure of S3's records, to be compared for equality; minor versions only add fields."""

_CREATED, _REMOVED = "ObjectCreated:", "ObjectRemoved:"
_SEQUENCER = re.compile(r"[0-9A-Fa-f]{0,64}")
_ETAG = re.compile(r"\"?[!#-~]{1,128}\"?")
_MOST_SAID = 300

_BRIDGED = {"Object Created": False, "Object Deleted": True}
"""Whether the object is gone, by EventBridge's names."""


class NotAnEvent(ValueError):
    """A message that says nothing which can be followed; the text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """events: of objects. others: how many events are about something else: tags, restores, a test."""

    events: tuple[ObjectEvent, ...] = ()
    others: int = 0


def read_events(body: str, bucket: str) -> Told:
    """What a message says of a bucket. Raises NotAnEvent for one that is neither form, or of another bucket."""
    try:
        said = json.loads(body)
        if not isinstance(said, dict):
            raise NotAnEvent("a message that is no JSON object")
        if said.get("Event") == "s3:TestEvent":
            return Told(others=1)
        if said.get("source") == "aws.s3":
            event = _bridged(said, bucket)
            return Told(others=1) if event is None else Told((event,))
        found = [_record(record, bucket) for record in said["Records"]]
    except NotAnEvent as why:
        raise NotAnEvent(_said(str(why))) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise NotAnEvent(_said(f"neither S3's nor EventBridge's form: {error!r}")) from None
    events = tuple(event for event in found if event is not None)
    return Told(events, len(found) - len(events))


def _said(text: str) -> str:
    """In text that a line of the log can hold."""
    return writable(text[:_MOST_SAID])


def _record(record: Mapping[str, Any], bucket: str) -> ObjectEvent | None:
    if record["eventVersion"].partition(".")[0] != _MAJOR:
        raise NotAnEvent(f"a record of version {record['eventVersion']}")
    name = record["eventName"].removeprefix("s3:")
    if not name.startswith((_CREATED, _REMOVED)):
        return None
    told = record["s3"]
    _same_bucket(told, bucket)
    item = told["object"]
    key = unquote_to_bytes(item["key"].replace("+", " "))
    return _event(key, name.startswith(_REMOVED), item, item.get("eTag"), record["eventTime"])


def _bridged(said: Mapping[str, Any], bucket: str) -> ObjectEvent | None:
    removed = _BRIDGED.get(said["detail-type"])
    if removed is None:
        return None
    detail = said["detail"]
    _same_bucket(detail, bucket)
    item = detail["object"]
    return _event(item["key"].encode(), removed, item, item.get("etag"), said["time"])


def _same_bucket(told: Mapping[str, Any], bucket: str) -> None:
    if told["bucket"]["name"] != bucket:
        raise NotAnEvent(f"an event of bucket {told['bucket']['name']!r}, and the job's is {bucket!r}")


def _event(key: bytes, removed: bool, item: Mapping[str, Any], etag: str | None, time: str) -> ObjectEvent:
    key.decode()
    if not 1 <= len(key) <= MAX_KEY_BYTES:
        raise NotAnEvent(f"a key of {len(key)} bytes")
    sequencer = item.get("sequencer") or ""
    if not _SEQUENCER.fullmatch(sequencer):
        raise NotAnEvent(f"a sequencer that is no hexadecimal number: {sequencer!r}")
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None or moment.timestamp() < 0:
        raise NotAnEvent(f"a time that is none: {time!r}")
    if removed:
        return ObjectEvent(key, True, sequencer, moment.timestamp())
    size = item["size"]
    if type(size) is not int or not 0 <= size < 2**63 or not _ETAG.fullmatch(etag or ""):
        raise NotAnEvent(f"a created object of size {size!r} and ETag {etag!r}")
    return ObjectEvent(key, False, sequencer, moment.timestamp(), (etag or "").strip('"'), size)
