"""Child processes: started with a clean environment, waited for, stopped without leftovers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.emulators.loopback import HOST

ROOT = Path(__file__).resolve().parent.parent
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "LOCAL_DATA_DIR", "VIRTUAL_ENV")
_TAIL_LINES = 12
START_SECONDS = 60.0
_PATIENCE_SECONDS = 5.0
_TETHER = [sys.executable, "-S", "-E", str(ROOT / "local" / "tether.py")]


class StackError(Exception):
    """Something of the stack cannot run; the text is for a person."""


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Proxies, CA bundles and cloud accounts of the user's shell stay out of the stack."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def interruptible() -> None:
    """Have both SIGINT and SIGTERM end this process in order, also where a shell started it in the background
    with SIGINT ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@dataclass(slots=True)
class Child:
    """A process that listens on `port` once it is ready, and ends when this one does, in whatever way.

    log: the file its output goes to. folder: where it runs, and is searched for modules first.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    port: int
    log: Path
    folder: Path = ROOT
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*_TETHER, *self.command],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Raises StackError with the end of its output if it dies or never listens."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise StackError(f"{self.name} did not start:\n{self.tail()}")
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(0.05)
        raise StackError(f"{self.name} does not listen on port {self.port} after {START_SECONDS:.0f} s:\n{self.tail()}")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def kill(self) -> None:
        """End the process and its children at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it politely, then not."""
        self.ask_to_end()
        self.see_it_end()

    def ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)

    def see_it_end(self) -> None:
        """Wait for a process that was asked to end; one that does not is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._signal(signal.SIGKILL)

    def tail(self) -> str:
        """The last lines of its output."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
