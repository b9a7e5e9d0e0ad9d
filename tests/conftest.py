"""Servers that several suites are held against, and which tests run side by side."""

import re
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

ALONE = (
    "tests/e2e/test_acceptance.py::test_each_declared_index",
    "tests/e2e/test_acceptance.py::test_every_question",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_kill.py",
    "tests/e2e/test_large.py",
    "tests/e2e/test_leftovers.py",
    "tests/e2e/test_memory.py",
    "tests/e2e/test_scan.py",
    "tests/e2e/test_verify.py::test_an_archived_object",
    "tests/functions/test_replicate.py::test_a_cdn_that_cannot_be_reached",
    "tests/functions/test_start.py",
    "tests/schedules/test_schedules.py::test_the_same_seed",
    "tests/schedules/test_schedules.py::test_what_is_taken_away",
)
"""Tests that start their own processes. All others of a file share a stack, a folder or a history."""

HISTORIES = re.compile(r"^(tests/schedules/.*)\[(lister|verifier)\b")
"""Schedules of one function are run once for all laws."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n 2` two processes run tests side by side, in the order of the command line; what shares something goes to
    one of them. By node ids, as these are all that the process knows that gives out the work.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  only where it is asked for

    class ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    config.option.loadscopereorder = False
    return ByWhatIsShared(config, log)


def group(nodeid: str) -> str:
    """What a test shares something with."""
    if nodeid.startswith(ALONE):
        return nodeid
    if "[googles" in nodeid:
        return "Google's emulators, which take long to start"
    history = HISTORIES.match(nodeid)
    return history[2] if history else nodeid.partition("::")[0]


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
