"""Ports for servers: two processes that run tests side by side get different ones."""

import random
import subprocess
import sys

from local.children import ROOT
from local.emulators.loopback import free_port

DRAW = "import random; random.seed(7); from local.emulators.loopback import free_port; print([free_port() for _ in range(5)])"


def test_no_two_processes_are_given_the_same_port() -> None:
    state = random.getstate()
    random.seed(7)
    ours = [free_port() for _ in range(5)]
    random.setstate(state)
    command = [sys.executable, "-c", DRAW]
    theirs = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(ours).isdisjoint(map(int, theirs.strip("[]\n").split(", ")))
