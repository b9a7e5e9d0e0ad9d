"""A process whose clock is wrong by CLOCK_SKEW_SECONDS: Python imports this at its start where its folder is in
PYTHONPATH (https://docs.python.org/3/library/site.html#module-sitecustomize). time.time is wrong, time.monotonic right.

gRPC is told the machine's time: it hands deadlines made of it to a library in C, which reads the machine's clock.
"""

import os
import sys
import time

_SKEW = float(os.environ.get("CLOCK_SKEW_SECONDS", "0"))
_right, _right_ns = time.time, time.time_ns


def _wrong() -> float:
    asker = str(sys._getframe(1).f_globals.get("__name__", ""))
    return _right() if asker.startswith("grpc") else _right() + _SKEW


def _wrong_ns() -> int:
    return _right_ns() + int(_SKEW * 1e9)


if _SKEW:
    time.time, time.time_ns = _wrong, _wrong_ns
