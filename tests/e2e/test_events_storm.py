"""Events that are dropped, come twice, late, or in another order, while the lister is killed: the books say which.

EVENTS_STORM is how many objects are written once, besides those that are written often.
"""

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import runs
from local.clients import S3Client, gcs_client, pubsub_clients, s3_client, sqs_client
from local.comparison import compare
from local.faults.client import Faults
from local.faults.fault import Kind
from local.names import AWS_ACCOUNT, DESTINATION, EVENTS, LIST, PROJECT, SOURCE
from local.ports import Ports
from local.stack import Stack
from shared.domain.counts import Outcome
from shared.domain.missed import Change

OBJECTS = int(os.environ.get("EVENTS_STORM", "120"))
SHARE = 0.3
SEED = 20_261_129

OFTEN, VERSIONS = 2, 3
BASE = 3
FIRST = next(power for power in range(40) if BASE**power > 2 * OBJECTS)
"""The sizes of what is written often are powers of BASE from BASE**FIRST on, so that the bytes that the destination
has taken in say how often it took each version: a digit each. What is written once has a byte.
"""

BEGINNING = "beginning"
"""An object without bytes whose event the first run of events begins with: of what was written before that run, whole
seconds, nobody can say whether events had missed it.
"""

LATE_SECONDS = 1.0
"""A change that is older when the delta reads the ledger, and that it finds, is one that events missed."""

HIDDEN_SECONDS = 2
TICK_SECONDS = 1.0

MISFORTUNES: tuple[Mapping[str, Any], ...] = (
    {"kind": Kind.REFUSED, "status": 200},
    {"kind": Kind.AGAIN, "seconds": 0.0},
    {"kind": Kind.AGAIN, "seconds": 1.5},
    {"kind": Kind.DELAY, "seconds": 1.5},
    {"kind": Kind.OVERTAKEN, "seconds": 2.0},
)
"""Of an event on its way to the queue. The first: S3 believes that it was taken, and nobody hears of it."""


@dataclass(frozen=True, slots=True)
class Storm:
    """dropped: keys whose events are to be dropped."""

    stack: Stack
    faults: Faults
    dropped: frozenset[str]


@pytest.fixture
def storm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storm]:
    """S3's way to the queue, and the lister's, lead through the proxy. A request has one event, so that what happens to
    a request happens to no other event.
    """
    ports = Ports()
    with Faults({"events": ports.sqs, "queue": ports.sqs}, {}, tmp_path) as faults:
        settings = {
            "EVENTS_QUEUE_URL": f"http://{faults.address('queue')}/{AWS_ACCOUNT}/{EVENTS}",
            "EVENTS_QUIET_SECONDS": "4",
            "EVENTS_LATE_SECONDS": str(LATE_SECONDS),
            "LEASE_SECONDS": "2",
            "KEYS_PER_MESSAGE": "20",
        }
        servers = {"EVENT_QUEUES": f"http://{faults.address('events')}", "EVENTS_A_REQUEST": "1"}
        with Stack(events=True, ports=ports, settings=settings, servers=servers) as stack:
            for name, value in stack.environment.items():
                monkeypatch.setenv(name, value)
            hidden = {"VisibilityTimeout": str(HIDDEN_SECONDS)}
            sqs_client(stack.url("sqs")).set_queue_attributes(QueueUrl=queue_url(stack), Attributes=hidden)
            yield Storm(stack, faults, planned(faults))


def planned(faults: Faults) -> frozenset[str]:
    """Something happens to a share of the events, by their keys, and to some of the lister's requests."""
    draw = random.Random(SEED)
    unlucky = draw.sample([once(number) for number in range(OBJECTS)], round(SHARE * OBJECTS))
    what = {key: MISFORTUNES[number % len(MISFORTUNES)] for number, key in enumerate(unlucky)}
    plan = [{"door": "events", "body": f'*ObjectCreated*{key}\\"*', **fault} for key, fault in what.items()]
    plan += [
        {"door": "events", "body": f"*ObjectCreated*{often(number)}*", "kind": Kind.OVERTAKEN, "every": 2}
        for number in range(OFTEN)
    ]
    for asked in ("*WaitTimeSeconds*", "*Entries*"):
        plan.append({"door": "queue", "kind": Kind.LOST_REQUEST, "body": asked})
        plan.append({"door": "queue", "kind": Kind.LOST_ANSWER, "body": asked, "every": 2})
    faults.plan(plan)
    return frozenset(key for key, fault in what.items() if fault["kind"] is Kind.REFUSED)


def once(number: int) -> str:
    return f"once/{number:05d}"


def often(number: int) -> str:
    return f"often/{number}"


def size_of(number: int, version: int) -> int:
    return int(BASE ** (FIRST + number * VERSIONS + version))


def write_all(s3: S3Client) -> None:
    """About a hundred objects a second; what is written often is spread over all of it, or comes in a burst."""
    rewritten = [(number, version) for version in range(VERSIONS) for number in range(OFTEN)]
    every = max(1, OBJECTS // len(rewritten))
    for number in range(OBJECTS):
        if number % every == 0 and rewritten:
            which, version = rewritten.pop(0)
            s3.put_object(Bucket=SOURCE, Key=often(which), Body=bytes([version]) * size_of(which, version))
        s3.put_object(Bucket=SOURCE, Key=once(number), Body=bytes([number % 256]))
    for which, version in rewritten:
        s3.put_object(Bucket=SOURCE, Key=often(which), Body=bytes([version]) * size_of(which, version))


def queue_url(stack: Stack) -> str:
    return f"{stack.url('sqs')}/{AWS_ACCOUNT}/{EVENTS}"


def test_after_one_delta_both_sides_agree_and_nothing_was_copied_twice(storm: Storm) -> None:
    stack = storm.stack
    s3, gcs = s3_client(stack.environment), gcs_client(stack.environment)
    publisher, _ = pubsub_clients(stack.environment)
    queue, path = sqs_client(stack.url("sqs")), publisher.topic_path(PROJECT, LIST)
    stop, kills = threading.Event(), [0]

    def tick() -> None:
        while not stop.wait(TICK_SECONDS):
            publisher.publish(path, b'{"events": true, "scheduled": true}').result()

    def kill() -> None:
        child = stack.children["lister"]
        for _ in range(max(2, OBJECTS // 500)):
            if stop.wait(random.Random(SEED + kills[0]).uniform(0.5, 2.0)):
                return
            child.kill()
            child.start()
            child.wait_ready()
            kills[0] += 1

    def left() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counted = queue.get_queue_attributes(QueueUrl=queue_url(stack), AttributeNames=names)["Attributes"]
        return sum(map(int, counted.values()))

    publisher.publish(path, b'{"events": true, "scheduled": true}').result()
    s3.put_object(Bucket=SOURCE, Key=BEGINNING, Body=b"")
    runs.wait_until(lambda: gcs.bucket(DESTINATION).get_blob(BEGINNING) is not None, 60)
    time.sleep(1)
    ticking, killing = threading.Thread(target=tick), threading.Thread(target=kill)
    ticking.start()
    killing.start()
    try:
        write_all(s3)
        killing.join()
        runs.wait_until(lambda: not storm.faults.told().under_way.get("events") and left() == 0, 60)
    finally:
        stop.set()
        ticking.join()
    told = storm.faults.told()
    assert told.never == [], "what was planned has happened"
    assert kills[0] >= 2
    runs.wait_until(lambda: not any((stack.backlog() or {}).values()), 60)
    time.sleep(LATE_SECONDS + 1)
    there = {blob.name for blob in gcs.list_blobs(DESTINATION)}
    expected = {once(number) for number in range(OBJECTS)} | {often(number) for number in range(OFTEN)} | {BEGINNING}
    assert expected - there == storm.dropped, "all that was told of is there, and nothing else"
    taken_in = stack.bill()["gcs.ingress_bytes"]  # the delta has reports written, too
    assert taken_in % BASE**FIRST == OBJECTS - len(storm.dropped), "what was written once is copied once"
    digits = [taken_in // size_of(0, place) % BASE for place in range(OFTEN * VERSIONS)]
    assert max(digits) == 1, f"each version was copied once at the most: {digits}"
    assert [digits[number * VERSIONS + VERSIONS - 1] for number in range(OFTEN)] == [1] * OFTEN
    run = asyncio.run(runs.wait(stack, stack.tick("list"), 60))
    summary = asyncio.run(runs.summary(run))
    assert summary.balanced
    assert summary.outcomes.keys[Outcome.COPIED] == len(storm.dropped), "what was dropped is copied by the delta"
    assert summary.changes.keys == {Change.MISSED: len(storm.dropped)}, "what events had missed is what was dropped"
    assert compare(s3, SOURCE, gcs, DESTINATION, set()).differences == []
    print(
        f"{OBJECTS} objects, {len(storm.dropped)} dropped, {kills[0]} kills, {sum(f.fired for f in told.faults)} faults"
    )
