"""Law 7: bytes in flight have a ceiling that depends neither on the objects' size nor on their number."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.processes import of_group
from local import runs
from local.names import SOURCE
from local.sample import MIB
from local.stack import Stack

CEILING = 256 * MIB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
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
