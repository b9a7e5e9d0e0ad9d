"""The laws on the real functions and real wires."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.firestore import Client

from local import runs
from local.clients import gcs_client, s3_client
from local.comparison import compare
from local.names import DESTINATION, PROJECT, SOURCE
from local.sample import AWKWARD, UNSUPPORTED, Sample, load
from local.stack import Stack
from shared.domain.counts import Outcome

COUNT = 200


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch, Stack() as running:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def objects(stack: Stack) -> list[Sample]:
    found = [Sample(key, 50 + n, n, "text/plain", {"n": str(n)}) for n, key in enumerate(AWKWARD + UNSUPPORTED)]
    found += [Sample(f"k/{n:05d}", n * 100, 1000 + n) for n in range(COUNT - len(found))]
    load(s3_client(stack.environment), SOURCE, found, lambda size: None)
    return found


def outcomes(stack: Stack, job: str) -> dict[str, int]:
    run = asyncio.run(runs.wait(stack, stack.tick(job), 120))
    summary = asyncio.run(runs.summary(run))
    assert summary.balanced, summary
    return summary.outcomes.keys


def differences(stack: Stack) -> list[str]:
    gcs = gcs_client(stack.environment)
    return compare(s3_client(stack.environment), SOURCE, gcs, DESTINATION, set(UNSUPPORTED)).differences


@pytest.fixture(scope="module")
def copied(stack: Stack, objects: list[Sample]) -> None:
    expected = {Outcome.COPIED: COUNT - len(UNSUPPORTED), Outcome.UNSUPPORTED: len(UNSUPPORTED)}
    assert outcomes(stack, "list") == expected
    assert differences(stack) == []


@pytest.mark.usefixtures("copied")
def test_a_delta_with_nothing_to_do_costs_next_to_nothing(stack: Stack) -> None:
    before = stack.bill()
    asyncio.run(runs.wait(stack, stack.tick("list"), 120))
    after = stack.bill()
    ledger = -(-COUNT // 100)
    assert after["cdn.request"] == before["cdn.request"]
    assert after["gcs.ingress_bytes"] - before["gcs.ingress_bytes"] < 44_000, "the report and the index"
    assert after["firestore.reads"] - before["firestore.reads"] <= ledger + runs.FIXED_READS
    assert after["s3.list"] - before["s3.list"] == 1


@pytest.mark.usefixtures("copied")
def test_the_memory_is_packed(stack: Stack) -> None:
    """Never one document a key."""
    assert Client(project=PROJECT).collection("jobs/default/ledger").count().get()[0][0].value <= 2 * COUNT / 50  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("copied")
def test_the_memory_can_be_lost(stack: Stack) -> None:
    before = stack.bill()["gcs.ingress_bytes"]
    client = Client(project=PROJECT)
    for collection in ("ledger", "ranges", "runs", "prefixes"):
        for reference in client.collection(f"jobs/default/{collection}").list_documents():
            reference.delete()
    assert outcomes(stack, "list")[Outcome.UNCHANGED] == COUNT - len(UNSUPPORTED)
    assert stack.bill()["gcs.ingress_bytes"] == before, "nothing is copied twice"


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize(
    "fault",
    [
        {"server": "edge", "op": "cdn.request", "do": "status", "status": 503, "times": 5},
        {"server": "edge", "op": "cdn.request", "do": "reset", "times": 5},
        {"server": "edge", "op": "cdn.request", "do": "truncate", "bytes": 10, "times": 2},
        {"server": "edge", "op": "cdn.request", "do": "corrupt", "times": 2},
        {"server": "gcs", "op": "gcs.class_a", "do": "status", "status": 429, "times": 5},
        {"server": "gcs", "op": "gcs.class_b", "do": "status", "status": 500, "times": 5},
        {"server": "pubsub", "op": "pubsub.publish", "do": "status", "times": 1, "key": "*/topics/transfer"},
        {"server": "firestore", "op": "firestore.commit", "do": "status", "times": 1},
    ],
    ids=lambda fault: f"{fault['server']}-{fault['do']}",
)
def test_bad_weather_passes(stack: Stack, fault: dict[str, Any]) -> None:
    s3 = s3_client(stack.environment)
    name = f"weather/{fault['server']}-{fault['do']}-{fault['op']}"
    changed = [Sample(f"{name}/{n}", 5000 + n, n) for n in range(30)]
    load(s3, SOURCE, changed, lambda size: None)
    stack.fault(**fault)
    assert outcomes(stack, "list")[Outcome.COPIED] == len(changed)
    assert differences(stack) == []


@pytest.mark.usefixtures("copied")
def test_damage_of_every_kind_is_found_and_repaired(stack: Stack) -> None:
    bucket = gcs_client(stack.environment).bucket(DESTINATION)
    bucket.blob("k/00100").upload_from_string(bytes(10_000))
    bucket.blob("k/00101").upload_from_string(b"short")
    bucket.blob("k/00102").delete()
    bucket.blob("only/here").upload_from_string(b"extra")
    run = asyncio.run(runs.wait(stack, stack.tick("verify"), 120))
    summary = asyncio.run(runs.summary(run))
    assert summary.balanced, summary
    found = {name: count for name, count in summary.verdicts.keys.items() if name not in ("same", "unsupported")}
    assert found == {"checksum_differs": 1, "size_differs": 1, "missing": 1, "extra": 1}
    assert summary.outcomes.keys[Outcome.COPIED] == 3
    assert differences(stack) == ["'only/here': only at the destination"]
    bucket.blob("only/here").delete()
    assert outcomes(stack, "verify").get(Outcome.COPIED, 0) == 0
