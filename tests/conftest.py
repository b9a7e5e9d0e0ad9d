"""Servers that several suites are held against, and which tests run side by side."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from local.children import Child, clean_environment
from local.emulators.loopback import HOST, free_port

settings.register_profile("no timings", deadline=None)
settings.load_profile("no timings")
"""How long an example takes is the machine's business, and no property of the code."""

GOOGLES = "googles"
"""Google's emulators take long to start: all that asks them is one group."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` what shares a module's stack goes to one worker, and so do unit tests of a file; what
    starts a stack of its own is a group of its own.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    used: dict[str, Any] = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    if GOOGLES in used or GOOGLES in parameters.values():
        return GOOGLES
    shared = [name for name, found in used.items() if found[-1].scope in ("module", "class", "package")]
    file = item.path.relative_to(item.config.rootpath).as_posix()
    if shared:
        return " ".join([file, *(str(parameters[name]) for name in shared if name in parameters)])
    return file if file.startswith("tests/unit/") else item.nodeid


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
