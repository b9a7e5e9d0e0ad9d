"""The simulation is only worth as much as it agrees with itself: small ones, against what can be worked out."""

import asyncio

import pytest

from benchmarks.simulation import limits
from benchmarks.simulation.documents import Documents
from benchmarks.simulation.model import Bill
from benchmarks.simulation.run import Scenario, simulate
from benchmarks.simulation.runs import ModelRuns
from benchmarks.simulation.transfer import Transfer
from benchmarks.simulation.virtual_time import Ramp, VirtualClock, VirtualLoop
from shared.domain.counts import Outcome
from shared.domain.instance import KEYS_PER_MESSAGE
from shared.gcp.firestore.sums import MOST_SUMMED, groups
from shared.ports.run_store import PartialSummary
from shared.pricing import speed


@pytest.mark.parametrize("folder_objects", [75, 0])
def test_every_key_is_listed_and_copied_once(folder_objects: int) -> None:
    found = simulate(Scenario("small", 3_000_000, 1e6, folder_objects))
    _, listed, copied, _, open_ranges = found["progress"][-1]
    assert listed == found["objects"] == 3_000_000
    assert copied == pytest.approx(3_000_000)
    assert open_ranges == 0
    assert found["list requests"] >= 3000
    assert found["list requests above one a page"] < 0.5
    assert found["its writes a second"] <= limits.DOCUMENT_WRITES_A_SECOND
    assert 2e6 / KEYS_PER_MESSAGE <= found["firestore writes a million keys"] <= 45_000
    assert found["dollars"]["CloudFront"] == pytest.approx((3e12 / 2**30 - 1024) * 0.085), "and 10 M requests are free"
    assert found["dollars"]["S3"] == pytest.approx(3e6 * 0.0000004 + found["list requests"] * 0.000005)
    assert sum(found["dollars"].values()) == pytest.approx(found["dollars in all"])
    assert found["its share"] < 0.015
    assert 2 <= found["minutes until its end is seen and its counts are added up"] < 3, "one message of the scheduler's"
    assert 0 < found["seconds of the longest aggregation"] <= limits.AGGREGATION_SECONDS


def test_time_passes_as_it_is_waited_for() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop)

    async def wait() -> None:
        await asyncio.gather(clock.sleep(3600), clock.sleep(7200))

    loop.run_until_complete(wait())
    loop.close()
    assert clock.monotonic() == pytest.approx(7200)


def test_a_ramp_lets_through_what_it_may_and_then_more() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    ramp = Ramp(clock, 500, 1.5, 300)

    async def push() -> float:
        for _ in range(3000):
            await clock.sleep(ramp.take(100))
        return clock.monotonic()

    taken = loop.run_until_complete(push())
    loop.close()
    assert taken == pytest.approx(300 + 150_000 / 750, rel=0.05)


def model_runs(records: int) -> ModelRuns:
    clock = VirtualClock(VirtualLoop())
    documents = Documents(clock, Bill(), Ramp(clock, 500, 1.5, 300), records)
    return ModelRuns(documents, lambda _: None, lambda: 100_000, lambda: True, lambda: (records * 100, 0))


def test_thirty_million_records_are_added_up_in_stretches_and_paid_by_the_entry() -> None:
    runs = model_runs(30_000_000)

    async def add_up() -> PartialSummary:
        partial = PartialSummary(None)
        while not partial.complete:
            partial = await runs.add_up("run", partial)
        return partial

    partial = runs.documents.clock.loop.run_until_complete(add_up())
    assert partial.summary.finished
    assert partial.summary.listed_keys == 3_000_000_000
    assert runs.documents.longest <= limits.FIRESTORE_SECONDS + (MOST_SUMMED + 1) / limits.AGGREGATED_A_SECOND
    of_records = len(groups("outcomes", Outcome)) * 30_000
    assert of_records <= runs.documents.bill.counts["firestore.reads"] <= 1.25 * of_records


def test_an_aggregation_over_too_much_ends_the_simulation() -> None:
    documents = model_runs(0).documents
    with pytest.raises(SystemExit, match="would end an aggregation over 4,000,000 index entries"):
        documents.clock.loop.run_until_complete(documents.aggregate(4_000_000))


def test_the_flow_is_as_fast_as_its_narrowest_place() -> None:
    transfer = Transfer(object_bytes=1e9, backlog=1e6)
    for second in range(0, 600, 10):
        transfer.step(float(second), 10)
    rate = speed.INSTANCE_BYTES_A_SECOND / 1e9 * limits.TRANSFER_INSTANCES
    assert transfer.step(600, 10) == pytest.approx(min(rate, limits.CDN_BYTES_A_SECOND / 1e9) * 10)
    assert transfer.binding.most_common(1)[0][0] in ("instances of the transfer", "CloudFront bandwidth")
