"""Law 7: bytes in flight have a ceiling that depends neither on the objects' size nor on their number."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.processes import of_group
from local import runs
from local.clients import s3_client
from local.names import SOURCE
from local.sample import MIB, Sample, load
from local.stack import Stack

CEILING = 256 * MIB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_an_instance_stays_small_under_a_heap_of_large_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [Sample(f"large/{n:03d}", 14 * MIB + n, n) for n in range(40)]
    objects += [Sample("huge", 200 * MIB, 99)] + [Sample(f"small/{n:03d}", 10_000, 200 + n) for n in range(200)]
    with Stack(settings={"KEYS_PER_MESSAGE": "10"}) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        load(s3_client(stack.environment), SOURCE, objects, lambda size: None)
        run = asyncio.run(runs.wait(stack, stack.tick("list"), 200))
        summary = asyncio.run(runs.summary(run))
        assert summary.balanced
        assert summary.outcomes.keys == {"copied": len(objects)}
        peak = of_group(stack.children["transfer"].pid).peak_bytes
    assert peak <= CEILING, f"{peak / MIB:.0f} MiB"
    print(f"peak RSS of the transfer instance: {peak / MIB:.0f} MiB")
