"""Servers to hold the adapters, and each other, to the same behaviour."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import google
from local.children import Child, clean_environment
from local.serving import HOST, free_port
from local.stack import Flavour, Stack

_numbers = itertools.count()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stack]:
    with Stack(functions=()) as stack:
        yield stack


@pytest.fixture(scope="session")
def googles() -> Iterator[Stack]:
    """Google's own Pub/Sub and Firestore emulators."""
    missing = google.available()
    if missing:
        pytest.skip(missing)
    with Stack(Flavour.GOOGLE, functions=()) as stack:
        yield stack


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a moto server, the oracle for S3."""
    port, log = free_port(), tmp_path_factory.mktemp("moto") / "log"
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(port)]
    child = Child("moto", command, clean_environment({}), port, log)
    child.start()
    try:
        child.wait_ready()
        yield f"http://{HOST}:{port}"
    finally:
        child.stop()


@pytest.fixture
def fresh() -> str:
    """A name that no other test uses."""
    return f"fresh-{next(_numbers)}"


@pytest.fixture(params=["embedded", "googles"])
def google_like(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose Pub/Sub and Firestore the client libraries find in the environment: ours, then Google's."""
    stack: Stack = request.getfixturevalue(request.param)
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    return stack
