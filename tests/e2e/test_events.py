"""Events of the embedded S3, by way of a queue that speaks SQS, followed by the deployed lister."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local import runs
from local.clients import gcs_client, pubsub_clients, s3_client, sqs_client
from local.names import DESTINATION, LIST, PROJECT, SOURCE, VERIFY
from local.sample import AWKWARD
from local.stack import Stack


@pytest.fixture(scope="module", params=[False, True], ids=["notification", "eventbridge"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(
        events=True, bridged=request.param, settings={"EVENTS_QUIET_SECONDS": "12", "KEYS_PER_MESSAGE": "7"}
    ) as running:
        yield running


def said(stack: Stack, sentence: str) -> list[dict[str, Any]]:
    lines = stack.children["lister"].log.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["message"] == sentence]


def test_what_is_written_is_copied_within_seconds_and_counted(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    s3, copies = s3_client(stack.environment), gcs_client(stack.environment).bucket(DESTINATION)
    publisher, _ = pubsub_clients(stack.environment)
    publisher.publish(publisher.topic_path(PROJECT, LIST), b'{"events": true, "scheduled": true}').result()
    s3.put_object(Bucket=SOURCE, Key="first", Body=b"warm")
    runs.wait_until(lambda: copies.get_blob("first") is not None, 30)
    began = time.monotonic()
    s3.put_object(Bucket=SOURCE, Key="a b+c/ü%.txt", Body=b"now")
    runs.wait_until(lambda: copies.get_blob("a b+c/ü%.txt") is not None, 10)
    assert time.monotonic() - began < 5
    for key in AWKWARD:
        s3.put_object(Bucket=SOURCE, Key=key, Body=key.encode())
    for version in range(5):
        s3.put_object(Bucket=SOURCE, Key="often", Body=b"x" * version)
    s3.delete_object(Bucket=SOURCE, Key="first")
    queue = sqs_client(stack.url("sqs"))
    url = stack.function_environment["EVENTS_QUEUE_URL"]
    queue.send_message(QueueUrl=url, MessageBody="no event")
    runs.wait_until(lambda: bool(said(stack, "events followed")), 60)
    runs.wait_until(lambda: all(copies.get_blob(key) is not None for key in AWKWARD), 10)
    assert copies.get_blob("often").download_as_bytes() == b"xxxx"
    assert copies.get_blob("first") is not None, "only a comparison deletes"
    (line,) = said(stack, "events followed")
    bridged = "eventbridge" in request.node.name
    assert (line["removed"], line.get("others", 0)) == (1, 0 if bridged else 1), "a notification begins with a test"
    assert line["unreadable"] >= 1, "it is left to the dead letters"
    assert said(stack, "an event that nobody can read")
    summary = asyncio.run(runs.summary(line["run"]))
    assert summary.balanced
    assert summary.listed_keys == line["published"] <= len(AWKWARD) + 7
    publisher.publish(publisher.topic_path(PROJECT, VERIFY), b'{"close": true}').result()
    runs.wait_until(lambda: bool(said(stack, "batches of events are sorted")), 60)
    (tidied,) = said(stack, "batches of events are sorted")
    assert tidied["run"] == line["run"]
    counted = queue.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert sum(map(int, counted.values())) == 1, "all but the unreadable one are deleted"
