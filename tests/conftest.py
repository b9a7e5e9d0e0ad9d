"""Servers that several suites are held against."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from local.children import Child, clean_environment
from local.emulators.loopback import HOST, free_port

settings.register_profile("no timings", deadline=None)
settings.load_profile("no timings")
"""How long an example takes is the machine's business, and no property of the code."""


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
