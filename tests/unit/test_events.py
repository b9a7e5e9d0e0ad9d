"""Events as S3 and EventBridge write them, and which of two came later."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from local.sample import AWKWARD, UNSUPPORTED
from shared.aws.events import NotAnEvent, read_events
from shared.domain.events import ObjectEvent

AT = "2026-11-28T10:00:00.250Z"
SECONDS = 1795860000.25


def record(key: str, name: str = "ObjectCreated:Put", **item: Any) -> dict[str, Any]:
    told = {"key": key, "size": 3, "eTag": "abc", "sequencer": "0055AED6DCD90281E5", **item}
    return {"eventVersion": "2.1", "eventName": name, "eventTime": AT, "s3": {"bucket": {"name": "b"}, "object": told}}


def s3(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": records})


def bridged(key: str, kind: str = "Object Created", **item: Any) -> str:
    told = {"key": key, "size": 3, "etag": "abc", "sequencer": "617f08299329d189", **item}
    detail = {"bucket": {"name": "b"}, "object": told}
    return json.dumps({"source": "aws.s3", "detail-type": kind, "time": AT, "detail": detail})


@pytest.mark.parametrize("key", [*AWKWARD, *UNSUPPORTED, "a+b", "a b", "a%20b", "100%", "ü/ü"])
def test_every_awkward_key_is_read_as_it_is(key: str) -> None:
    """S3 leaves slashes as they are; other senders of its form encode them, too."""
    for safe in ("/", ""):
        (event,) = read_events(s3(record(quote_plus(key, safe=safe))), "b").events
        assert event == ObjectEvent(key.encode(), False, "0055AED6DCD90281E5", SECONDS, "abc", 3)
    (event,) = read_events(bridged(key), "b").events
    assert event == ObjectEvent(key.encode(), False, "617f08299329d189", SECONDS, "abc", 3)


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        ("ObjectCreated:Put", False),
        ("s3:ObjectCreated:CompleteMultipartUpload", False),
        ("ObjectRemoved:Delete", True),
        ("ObjectRemoved:DeleteMarkerCreated", True),
    ],
)
def test_what_is_created_or_removed_is_an_event(name: str, removed: bool) -> None:
    (event,) = read_events(s3(record("k", name)), "b").events
    assert event.removed is removed
    assert (event.etag, event.size) == (("", 0) if removed else ("abc", 3))


def test_a_removal_by_way_of_eventbridge_needs_neither_size_nor_etag() -> None:
    said = json.loads(bridged("k", "Object Deleted"))
    del said["detail"]["object"]["size"], said["detail"]["object"]["etag"]
    (event,) = read_events(json.dumps(said), "b").events
    assert event.removed


def test_what_is_about_something_else_is_counted() -> None:
    assert read_events('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}', "b").others == 1
    assert read_events(bridged("k", "Object Tags Added"), "b").others == 1
    told = read_events(s3(record("k"), record("k", "ObjectTagging:Put")), "b")
    assert (len(told.events), told.others) == (1, 1)


UNREADABLE = [
    "",
    "no event",
    "[]",
    "{}",
    "1" * 5000,
    "[" * 100_000,
    s3({**record("k"), "eventVersion": "3.0"}),
    s3(record("%FF")),
    s3(record("k" * 1025)),
    s3(record("")),
    s3(record("k", size=-1)),
    s3(record("k", size="3")),
    s3(record("k", size=True)),
    s3(record("k", eTag=None)),
    s3(record("k", sequencer="no number")),
    s3({**record("k"), "eventTime": "yesterday"}),
    s3({**record("k"), "s3": []}),
    bridged("\ud800"),
    json.dumps({"Records": 5}),
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_nobody_can_read_is_no_event(body: str) -> None:
    with pytest.raises(NotAnEvent):
        read_events(body, "b")


def test_an_event_of_another_bucket_is_none_of_ours() -> None:
    for body in (s3(record("k")), bridged("k")):
        with pytest.raises(NotAnEvent, match="the job's is 'other'"):
            read_events(body, "other")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", False),
        ("0055aed6dcd90281e5", "0055AED6DCD90281E5", False),
        ("0055", "005500", False),
        ("0056", "0055FF", True),
        ("0055FF", "0056", False),
        ("", "0055", True),
        ("0055", "", True),
    ],
)
def test_the_greater_sequencer_is_newer_padded_on_the_right(one: str, other: str, newer: bool) -> None:
    assert ObjectEvent(b"k", False, one, 0).is_newer(other) is newer
