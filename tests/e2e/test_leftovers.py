"""The local stack leaves no folder behind, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from local.children import ROOT
from local.emulators.loopback import HOST, free_port
from local.stack import Stack


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """How many folders a stack and its servers have where this test's temporary files are."""
    with tempfile.TemporaryDirectory(prefix="left-") as place:  # short, as a socket's path is 108 bytes at the most
        monkeypatch.setenv("TMPDIR", place)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield lambda: len(list(Path(place).glob("local-stack-*")))
        monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_stack_that_is_stopped_leaves_no_folder(folders: Callable[[], int]) -> None:
    with Stack(functions=()):
        assert folders() == 4, "Pub/Sub's, Firestore's, Secret Manager's; the logs"
    assert folders() == 0


def test_servers_whose_starter_is_killed_leave_no_folder(folders: Callable[[], int]) -> None:
    """Nobody can take away the logs of a starter that was killed; they say what it was killed of."""
    code = (
        "import time; from local.stack import Stack\nwith Stack(functions=()): print('up', flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    assert folders() == 4
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    deadline = time.monotonic() + 20
    while folders() > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert folders() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_twice_takes_its_folder_away(
    folders: Callable[[], int], number: signal.Signals
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "local.emulators", "secrets", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    heard = partial(signal.signal, number, signal.SIG_DFL)  # whoever runs these tests behind his shell ignores SIGINT
    server = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=heard)  # noqa: PLW1509
    deadline = time.monotonic() + 30
    while True:
        try:
            client = socket.create_connection((HOST, port), timeout=1)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 404"
        assert folders() == 1
        server.send_signal(number)
        server.send_signal(number)
        server.wait(5)
    assert folders() == 0
