"""Runs a command that must not outlive whoever started it: `python tether.py command…`.

Standard input is a pipe that nobody writes to. When its other end is closed, because the starter ended in
whatever way, the command and all its children are ended, too.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3.0
"""Between SIGTERM and SIGKILL."""


def main() -> int:
    """The exit status of the command."""
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_watch, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: command.terminate())
    return command.wait()


def _watch() -> None:
    while os.read(0, 1024):
        continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
