"""`make demo`, small."""

import os
import subprocess
import sys

import pytest

from local.children import ROOT


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.demo"]
    given = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize("auth", ["sigv4", "signed-url", "public"])
def test_the_demo_passes_and_shows_its_books(auth: str) -> None:
    done = run(OBJECTS="300", CDN_AUTH=auth)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("first run: 300 listed = 297 copied, 3 unsupported", "0 differences", "everything adds up", "US$"):
        assert words in done.stdout


@pytest.mark.parametrize(("count", "said"), [("many", "is not a number"), ("5", "too few")])
def test_a_bad_size_is_refused(count: str, said: str) -> None:
    done = run(OBJECTS=count)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
