"""Memory that bodies leave is used again, and not asked of the kernel anew."""

import ctypes
import subprocess
import sys

import pytest

BODIES = """
import resource, sys
if sys.argv[1] == "kept":
    from shared.entrypoints.heap import keep_freed_memory
    keep_freed_memory()
for turn in range(9):
    if turn == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bodies = [bytearray(512 * 1024) for _ in range(40)]
    del bodies
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Forty pieces of bodies at a time, eight times over: 160 MiB, in 40,960 pages of 4 KiB."""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", BODIES, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no mallopt here")
def test_what_bodies_leave_is_kept() -> None:
    assert faults("given back") > 20_000
    assert faults("kept") < 400
