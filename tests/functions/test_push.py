"""What comes to a function's door: pushes, CloudEvents, and everything that is neither."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.firestore import Client

from local.clients import gcs_client, pubsub_clients, s3_client
from local.deployed import FUNCTIONS
from local.names import DESTINATION, PROJECT, SOURCE
from local.runs import wait_until
from local.stack import Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(settings={"SOURCE_PREFIX": "root/"}) as running:
        yield running


def post(stack: Stack, function: str, body: bytes, **headers: str) -> int:
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(stack.url(function) + "/", data=body, headers=given, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def push(data: bytes, number: str = "1") -> bytes:
    message = {"data": base64.b64encode(data).decode(), "messageId": number, "publishTime": "2026-11-21T05:00:00.5Z"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def rejected(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.environment["FIRESTORE_EMULATOR_HOST"])
    documents = Client(project=PROJECT).collection("jobs/default/rejected").stream()
    return {item.id: item.to_dict() for item in documents}


def dead_letters(stack: Stack) -> list[Any]:
    _, subscriber = pubsub_clients(stack.environment)
    name = subscriber.subscription_path(PROJECT, "dead-letters")
    answer = subscriber.pull(subscription=name, max_messages=100, timeout=10)
    subscriber.acknowledge(subscription=name, ack_ids=[item.ack_id for item in answer.received_messages])
    return [item.message for item in answer.received_messages]


BAD = [
    ("lister", b"prefix = a", "not JSON"),
    ("lister", b'{"prefix": 5}', '"prefix"'),
    ("lister", b'{"prefix": "root/", "colour": "red"}', 'unknown field "colour"'),
    ("lister", b'{"prefix": "elsewhere/"}', "outside the job's root"),
    ("lister", b'{"keys": ["elsewhere/k"]}', "outside the job's root"),
    ("transfer", b"{}", '"objects"'),
    ("transfer", b'{"run": "r", "batch": "b", "objects": [{"key": "k"}]}', '"objects.0.etag"'),
    ("verifier", b'{"repair": "perhaps"}', '"repair"'),
    ("lister", b'{"run": "x"}', 'leave "run" out'),
    ("lister", b'{"run": "list-20261129T100000-7", "prefix": "root/"}', 'leave "run" out'),
    ("verifier", b'{"run": "verify-20261129T100000-7", "prefix": "root/"}', 'leave "run" out'),
]


@pytest.mark.parametrize(("function", "body", "said"), BAD)
def test_a_malformed_message_is_logged_counted_and_dead_lettered_at_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, function: str, body: bytes, said: str
) -> None:
    number = f"bad-{BAD.index((function, body, said))}"
    assert post(stack, function, push(body, number)) in (200, 204)
    log = [json.loads(line) for line in stack.children[function].log.read_text().splitlines() if line.startswith("{")]
    (line,) = [item for item in log if item.get("message_id") == number]
    assert (line["severity"], line["message"]) == ("ERROR", "malformed message")
    assert said in line["reason"]
    assert said in " ".join(rejected(stack, monkeypatch)[number]["problems"])
    (dead,) = dead_letters(stack)
    assert dead.data == body
    assert said in dead.attributes["reason"]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("body", [b"{}", b'{"message": 5}', b'{"message": {"data": "%%%", "messageId": "x"}}'])
def test_what_is_not_a_push_does_no_harm(stack: Stack, function: str, body: bytes) -> None:
    assert post(stack, function, body) < 600
    assert stack.children[function].alive
    while any((stack.backlog() or {}).values()):
        dead_letters(stack)


def test_bad_messages_do_not_stop_the_good_ones(stack: Stack) -> None:
    publisher, _ = pubsub_clients(stack.environment)
    topic = publisher.topic_path(PROJECT, "list")
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key="root/between", Body=b"good")
    for body in (b"no", b'{"prefix": "root/between"}', b'{"prefix": false}'):
        publisher.publish(topic, body).result(timeout=10)
    wait_for(stack, "root/between")
    assert len(dead_letters(stack)) == 2


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_eventarc_cloud_event_is_read_like_a_push(stack: Stack, function: str) -> None:
    number = f"event-{function}"
    binary = {"ce_id": number, "ce_source": "//pubsub.googleapis.com/projects/p/topics/t", "ce_specversion": "1.0",
              "ce_type": "google.cloud.pubsub.topic.v1.messagePublished"}  # fmt: skip
    assert post(stack, function, push(b"malformed", number), **binary) in (200, 204)
    event = {"id": number, "source": "//pubsub/t", "specversion": "1.0", "type": binary["ce_type"],
             "data": json.loads(push(b"malformed", number))}  # fmt: skip
    structured = {"Content_Type": "application/cloudevents+json"}
    assert post(stack, function, json.dumps(event).encode(), **structured) in (200, 204)
    wait_until(lambda: stack.children[function].log.read_text().count(f'"message_id": "{number}"') == 2, 10)
    dead_letters(stack)


def test_an_eventarc_cloud_event_works_like_a_push(stack: Stack) -> None:
    s3_client(stack.environment).put_object(Bucket=SOURCE, Key="root/by-event", Body=b"good")
    headers = {
        "ce_id": "77",
        "ce_source": "//pubsub.googleapis.com/projects/p/topics/list",
        "ce_specversion": "1.0",
        "ce_type": "google.cloud.pubsub.topic.v1.messagePublished",
    }
    assert post(stack, "lister", push(b'{"prefix": "root/by-event"}', "77"), **headers) in (200, 204)
    wait_for(stack, "root/by-event")


def wait_for(stack: Stack, name: str) -> None:
    bucket = gcs_client(stack.environment).bucket(DESTINATION)
    deadline = time.monotonic() + 30
    while bucket.get_blob(name) is None:
        assert time.monotonic() < deadline, f"{name} did not arrive"
        time.sleep(0.1)


def test_a_nack_is_one_line_and_no_traceback_of_the_framework(stack: Stack) -> None:
    """Cloud Storage is down for longer than a verifier tries."""
    stack.fault("gcs", op="gcs.class_a", key="list *", do="status", status=503, times=4)
    assert post(stack, "verifier", push(b'{"repair": false}', "nacked")) == 503
    lines = [json.loads(text) for text in stack.children["verifier"].log.read_text().splitlines()]
    (line,) = [line for line in lines if line["severity"] == "ERROR" and line.get("message_id") == "nacked"]
    assert line["message"] == "nacked"
    assert "503" in line["reason"]
    assert post(stack, "verifier", push(b'{"repair": false}', "nacked")) == 503, "the lease is still held"


def test_logs_are_one_json_line_each(stack: Stack) -> None:
    for name in FUNCTIONS:
        for line in stack.children[name].log.read_text().splitlines():
            assert {"severity", "time", "message"} <= json.loads(line).keys()
