"""The real functions, killed at random moments: nothing is lost, nothing is there twice, the books balance."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from google.cloud.firestore import Client

from local import runs
from local.clients import gcs_client, s3_client
from local.comparison import compare
from local.names import DESTINATION, PROJECT, SOURCE
from local.sample import MIB, Sample, load
from local.stack import Stack
from shared.domain.counts import Outcome
from shared.ledger.table import Packed, Table

OBJECTS = 400
SEED = 20_261_121


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Small batches, so that many messages are under way at any moment."""
    with Stack(settings={"KEYS_PER_MESSAGE": "10", "LEASE_SECONDS": "2"}) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def objects(stack: Stack) -> list[Sample]:
    chance = random.Random(SEED)
    found = [Sample(f"k/{n:05d}", chance.randrange(20_000), n) for n in range(OBJECTS)]
    found += [Sample(f"large/{n}", 12 * MIB + n, 10_000 + n) for n in range(4)]
    load(s3_client(stack.environment), SOURCE, found, lambda size: None)
    return found


@contextmanager
def killing(stack: Stack, function: str, every_seconds: float) -> Iterator[Callable[[], int]]:
    """Kill and restart a function at random moments for as long as the block runs."""
    chance, stop, kills = random.Random(SEED), threading.Event(), [0]
    child = stack.children[function]

    def loop() -> None:
        while not stop.wait(chance.uniform(0.3, 1.7) * every_seconds):
            child.kill()
            kills[0] += 1
            child.start()
            child.wait_ready()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield lambda: kills[0]
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("function", ["transfer", "lister"])
def test_killed_at_random_moments(stack: Stack, objects: list[Sample], function: str) -> None:
    stack.fault("gcs", op="gcs.class_a", do="delay", seconds=0.3, times=150)
    stack.fault("s3", op="s3.list", do="delay", seconds=1.0, times=6)
    before = stack.bill()
    message = stack.tick("list")
    with killing(stack, function, every_seconds=1.6) as kills:
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline and (kills() < 4 or any((stack.backlog() or {}).values())):
            time.sleep(0.1)
    run = asyncio.run(runs.wait(stack, message, 120))
    assert kills() >= 2
    summary = asyncio.run(runs.summary(run))
    assert summary.balanced, summary
    assert summary.listed_keys == len(objects)
    assert set(summary.outcomes.keys) <= {Outcome.COPIED, Outcome.UNCHANGED}
    gcs = gcs_client(stack.environment)
    result = compare(s3_client(stack.environment), SOURCE, gcs, DESTINATION, set())
    assert result.differences == []
    assert stack.backlog() == {"lister": 0, "transfer": 0, "first": 0, "verifier": 0, "dead-letters": 0}
    written = stack.bill()["gcs.ingress_bytes"] - before.get("gcs.ingress_bytes", 0)
    assert written == sum(item.size for item in objects), "an object was written twice"


def test_a_lister_killed_while_it_cuts_a_long_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key is listed in one range and published in one batch, whoever died when."""
    count = 40_000
    settings = {"KEYS_PER_MESSAGE": "1000", "LEASE_SECONDS": "2"}
    with Stack(functions=("lister",), settings=settings) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        wish = {"bucket": SOURCE, "key": "flat/{}", "size": 1, "count": count, "etag": "opaque", "checksum": None}
        stack.post("s3", "/_local/patterns", wish)
        stack.fault("s3", op="s3.list", do="delay", seconds=0.5, times=60)
        message = stack.tick("list")
        with killing(stack, "lister", every_seconds=1.6) as kills:
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and (kills() < 4 or (stack.backlog() or {}).get("lister")):
                time.sleep(0.1)
        stack.clear("s3", "/_local/faults")
        runs.wait_until(lambda: (stack.backlog() or {}).get("lister") == 0, 120)
        run = asyncio.run(runs.run_name(message))
        summary = asyncio.run(runs.summary(run))
        assert kills() >= 2
        assert (summary.listed_keys, summary.open_ranges, summary.pending) == (count, 0, count)
        ledger = Client(project=PROJECT).collection("jobs/default/ledger").stream()
        keys = [key for record in ledger for key in Table(Packed(record.get("table"), record.get("detail"))).keys]
        assert len(keys) == len(set(keys)) == count
        assert Client(project=PROJECT).collection("jobs/default/ranges").count().get()[0][0].value >= 4  # type: ignore[no-untyped-call]
