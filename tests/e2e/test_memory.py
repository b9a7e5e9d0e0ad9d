"""Law 7: bytes in flight have a ceiling that depends neither on the objects' size nor on their number."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.processes import of_group
from benchmarks.transfer import Workload, check_and_empty, listing, ours
from local import runs
from local.names import SOURCE
from local.sample import MIB
from local.stack import Stack
from shared.domain.instance import Places

CEILING = 256 * MIB
"""Half of what Terraform gives an instance."""

ON_LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")


@ON_LINUX
@pytest.mark.parametrize(("size", "count"), [(10_000, 2400), (333 * 1024, 1200), (MIB, 400), (8 * MIB, 60)])
def test_as_many_copies_as_may_be_in_flight_stay_small(size: int, count: int) -> None:
    """Over TLS, as services speak, by all messages that an instance takes at a time; both sides keep it waiting, so that
    all its places are taken. Twice, because connections keep what they once needed.
    """
    workload = Workload("in flight", count, size, tls=True)
    with Stack(functions=("transfer",), settings={"ROUTE": "direct"}, tls=True) as stack:
        stack.post("s3", "/_local/patterns", {"bucket": SOURCE, "key": "k/{}", "size": size, "count": count})
        for server in ("s3", "gcs"):
            stack.fault(server, op="*", do="delay", seconds=0.2, times=10**9)
        listed = listing(stack)
        for _ in range(2):
            ours(stack, listed)
            check_and_empty(stack, workload)
        peak = of_group(stack.children["transfer"].pid).peak_bytes
    assert peak <= CEILING, f"{peak / MIB:.0f} MiB"
    print(f"{Places().of(size):.0f} copies of {size} bytes in flight: peak RSS {peak / MIB:.0f} MiB")


@ON_LINUX
def test_an_instance_stays_small_under_a_heap_of_large_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ({"key": "large/{}", "size": 14 * MIB + 1, "count": 40}, {"key": "huge", "size": 200 * MIB, "seed": 99})
    small = {"key": "small/{}", "size": 10_000, "count": 200, "seed": 200}
    with Stack(settings={"KEYS_PER_MESSAGE": "10"}) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        for wish in (*objects, small):
            stack.post("s3", "/_local/patterns", {"bucket": SOURCE, **wish})
        run = asyncio.run(runs.wait(stack, stack.tick("list"), 200))
        summary = asyncio.run(runs.summary(run))
        assert summary.balanced
        assert summary.outcomes.keys == {"copied": 40 + 1 + 200}
        peak = of_group(stack.children["transfer"].pid).peak_bytes
    assert peak <= CEILING, f"{peak / MIB:.0f} MiB"
    print(f"peak RSS of the transfer instance: {peak / MIB:.0f} MiB")
