"""One event loop for the whole process.

Clients of gRPC that are left to a loop which is closed report their ends to it, a traceback each, in whichever loop
comes next.
"""

import asyncio
import atexit
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_RUNNER = asyncio.Runner()
atexit.register(_RUNNER.close)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it returns or raises."""
    return _RUNNER.run(coroutine)
