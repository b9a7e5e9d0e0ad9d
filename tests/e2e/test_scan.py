"""What a scan bills, on the real function and the local counters; figures are scaled to a million keys."""

import asyncio
from collections.abc import Iterator

import pytest
from google.cloud.firestore import Client

from benchmarks.scan_wires import fill_ledger, scan
from local import runs
from local.names import PROJECT, SOURCE
from local.stack import Stack
from shared.domain.counts import Outcome

KEYS = 100_000
DOCUMENT_BYTES = 900 * 1024


@pytest.fixture
def stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """With the functions that the test names. The lease is long: on a slow machine no renewal adds a heartbeat, which the
    next run would delete.
    """
    with Stack(functions=request.param, settings={"LEASE_SECONDS": "600"}) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def billed(stack: Stack, before: dict[str, int], counter: str) -> int:
    return stack.bill().get(counter, 0) - before.get(counter, 0)


def ledger() -> list[tuple[int, int]]:
    """Keys and packed bytes of every record."""
    documents = Client(project=PROJECT).collection("jobs/default/ledger").stream()
    return [(item.get("keys"), len(item.get("table")) + len(item.get("detail"))) for item in documents]


@pytest.mark.parametrize("stack", [("lister",)], indirect=True)
def test_a_delta_scan_of_unchanged_keys_costs_next_to_nothing(stack: Stack) -> None:
    wish = {"bucket": SOURCE, "key": "photos/{}", "size": 100, "count": KEYS, "etag": "opaque", "checksum": None}
    stack.post("s3", "/_local/patterns", wish)
    asyncio.run(fill_ledger(stack))
    before = stack.bill()
    scan(stack, "the scan that merges", KEYS)
    merges = billed(stack, before, "firestore.writes") * 1e6 / KEYS
    assert merges <= 45_000 - 20_000, "with the two writes a batch of the first run"
    documents = ledger()
    assert sum(keys for keys, _ in documents) == KEYS
    assert max(size for _, size in documents) <= DOCUMENT_BYTES

    before = stack.bill()
    scan(stack, "the scan after it", KEYS)
    assert billed(stack, before, "firestore.reads") * 1e6 / KEYS <= 2_500
    assert billed(stack, before, "firestore.writes") <= 10, (
        "of the run: itself, its range, its prefix, the last run's end"
    )
    assert billed(stack, before, "firestore.deletes") == 0
    assert billed(stack, before, "s3.list") == KEYS // 1000
    assert sorted(ledger()) == sorted(documents), "and none in the ledger"


@pytest.mark.parametrize("stack", [("lister", "transfer")], indirect=True)
def test_a_first_run_writes_twice_a_batch(stack: Stack) -> None:
    count = 3_000
    stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": "photos/{}", "size": 10, "count": count})
    before = stack.bill()
    run = asyncio.run(runs.wait(stack, stack.tick("list"), 120))
    summary = asyncio.run(runs.summary(run))
    assert summary.outcomes.keys == {Outcome.COPIED: count}
    fixed = 10
    assert (billed(stack, before, "firestore.writes") - fixed) * 1e6 / count <= 45_000
