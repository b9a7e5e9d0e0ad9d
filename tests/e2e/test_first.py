"""What a person asks for while a large run waits in the queue is copied before it, not behind it."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator

import pytest

from local import runs
from local.clients import gcs_client, pubsub_clients
from local.names import DESTINATION, LIST, PROJECT, SOURCE
from local.stack import Stack
from shared.domain.counts import Outcome

COUNT = 12_000
BATCHES = COUNT // 100


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A run that has been listed and waits: Cloud Storage answers after half a second."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Stack(settings={"ROUTE": "direct", "KEYS_PER_MESSAGE": "100"}) as running,
    ):
        for name, value in running.environment.items():
            patch.setenv(name, value)
        running.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": "k/{}", "size": 100, "count": COUNT})
        running.fault("gcs", op="*", do="delay", seconds=0.5, times=10**9)
        yield running


def test_a_run_of_the_whole_job_does_not_delay_what_somebody_waits_for(stack: Stack) -> None:
    bucket = gcs_client(stack.environment).bucket(DESTINATION)
    publisher, _ = pubsub_clients(stack.environment)
    topic = publisher.topic_path(PROJECT, LIST)
    started = stack.tick("list")
    runs.wait_until(
        lambda: (stack.backlog() or {})["transfer"] > BATCHES // 2 and not (stack.backlog() or {})["lister"], 60
    )
    names = ("named", "prefix/0000001")
    for key, count in (("named", 1), ("prefix/{}", 3), ("asked", 1)):  # the run has not listed them
        stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": key, "size": 100, "count": count})
    for body in ({"keys": ["named"], "force": True}, {"prefix": "prefix/", "force": True}):
        publisher.publish(topic, json.dumps(body).encode()).result()
    request = urllib.request.Request(stack.url("transfer") + "/v1/replicate", b'{"key": "asked", "force": true}')
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 201
    runs.wait_until(lambda: all(bucket.get_blob(name) is not None for name in names), 60)
    waiting = (stack.backlog() or {})["transfer"]
    print(f"{waiting} of {BATCHES} batches still wait")
    assert waiting > BATCHES // 4
    stack.clear("gcs", "/_local/faults")
    summary = asyncio.run(runs.summary(asyncio.run(runs.wait(stack, started, 120))))
    assert summary.balanced
    assert summary.outcomes.keys == {Outcome.COPIED: COUNT}
