"""A service that becomes slow is nobody's fault: nothing is handed back for it, no attempt spent, no key lost."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import runs
from local.names import SOURCE
from local.stack import Stack
from shared.domain.counts import Outcome

COUNT, SIZE = 600, 1000
USUAL, TENFOLD = 0.02, 0.2
"""Seconds before each answer."""

FOR_EVER = 10**9
SLOWED = ("gcs", "firestore")
GIVEN_BACK = ("requeued", "put off", "nacked", "published anew", "no last look")
WAITED = ("copying slows down", "copying waits: this fails for every key")
FUNCTIONS = ("lister", "transfer", "verifier")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    logs = tmp_path_factory.mktemp("logs")
    with (
        pytest.MonkeyPatch.context() as patch,
        Stack(settings={"ROUTE": "direct", "KEYS_PER_MESSAGE": "100"}, logs=logs) as running,
    ):
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@dataclass
class Stage:
    """What happened while services were as slow as `seconds`."""

    outcomes: dict[str, int]
    said: Counter[str]
    batches: list[dict[str, Any]]
    messages: int
    pushes: int
    waits: Counter[str]


def lines(logs: Path) -> list[dict[str, Any]]:
    """What the functions have logged so far."""
    texts = [text for name in FUNCTIONS for text in (logs / f"{name}.log").read_text().splitlines()]
    return [json.loads(text) for text in texts if text.startswith("{")]


def stage(stack: Stack, name: str, seconds: float) -> Stage:
    """A run over new objects, with both services as slow as that."""
    stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": f"{name}/{{}}", "size": SIZE, "count": COUNT})
    for server in SLOWED:
        stack.clear(server, "/_local/faults")
        stack.fault(server, op="*", do="delay", seconds=seconds, times=FOR_EVER)
    before, bill = len(lines(stack.logs)), stack.bill()
    run = asyncio.run(runs.wait(stack, stack.tick("list"), 100))
    for server in SLOWED:
        stack.clear(server, "/_local/faults")
    summary = asyncio.run(runs.summary(run))
    assert summary.balanced, summary
    now, found = stack.bill(), sorted(lines(stack.logs), key=lambda line: str(line["time"]))[before:]
    spent = Counter({name: now[name] - bill.get(name, 0) for name in now})
    return Stage(
        outcomes=summary.outcomes.keys,
        said=Counter(str(line["message"]) for line in found),
        batches=[line for line in found if line["message"] == "batch"],
        messages=spent["pubsub.messages"],
        pushes=spent["pubsub.push"],
        waits=spent,
    )


def test_services_ten_times_slower_cost_nothing_but_time(stack: Stack) -> None:
    usual = stage(stack, "a", USUAL)
    slow = stage(stack, "b", TENFOLD)
    after = stage(stack, "c", USUAL)
    for number, found in enumerate((usual, slow, after)):
        assert found.outcomes == {Outcome.COPIED: COUNT} | ({Outcome.UNCHANGED: number * COUNT} if number else {})
        assert not [name for name in (*GIVEN_BACK, *WAITED) if found.said[name]]
        assert [line["attempt"] for line in found.batches] == [1] * (COUNT // 100)
        assert [(line["copied"], line["left"]) for line in found.batches] == [(100, 0)] * (COUNT // 100)
        assert found.pushes == found.messages
    # it was as slow as that: a batch at least looks at the destination, copies, and is put on record
    assert min(line["seconds"] for line in slow.batches) >= 3 * TENFOLD
    assert slow.waits["gcs.class_a"] >= COUNT
    assert slow.waits["firestore.commit"] >= COUNT // 100
    rates = [COUNT / sum(line["seconds"] for line in found.batches) for found in (usual, slow, after)]
    print("objects a second of a message's time, before, during and after: " + ", ".join(f"{r:.0f}" for r in rates))
