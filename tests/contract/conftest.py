"""Servers to hold the adapters, and each other, to the same behaviour."""

import itertools
from collections.abc import Iterator

import pytest

from local import google
from local.choices import Flavour
from local.stack import Stack

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


@pytest.fixture
def fresh() -> str:
    """A name that no other test uses."""
    return f"fresh-{next(_numbers)}"


@pytest.fixture
def reachable(embedded: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Ours, where the client libraries find it in the environment."""
    return _reachable(embedded, monkeypatch)


@pytest.fixture(params=["embedded", "googles"])
def google_like(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose Pub/Sub and Firestore the client libraries find in the environment: ours, then Google's."""
    return _reachable(request.getfixturevalue(request.param), monkeypatch)


def _reachable(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    return stack
