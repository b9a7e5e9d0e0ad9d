"""One event loop a process, in a thread of its own, shared by all invocations.

functions-framework calls a function from many threads; the pooled connections, the memory ceiling and the
gRPC channels all belong to this one loop and live as long as the instance.
"""

import asyncio
import gc
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the instance's loop and wait for its result; its exceptions are raised here."""
    return asyncio.run_coroutine_threadsafe(work, loop()).result()


def loop() -> asyncio.AbstractEventLoop:
    """The instance's loop, started by the first call: a loop must not be started before gunicorn forks."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = _new_loop()
            threading.Thread(target=_loop.run_forever, name="event-loop", daemon=True).start()
    return _loop


def spare_what_stays() -> None:
    """The cycle collector need not look through what an instance keeps for its life. Called once all is connected.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
