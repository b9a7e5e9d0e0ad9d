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


@pytest.mark.parametrize(("auth", "columns"), [("sigv4", "80"), ("signed-url", "120"), ("public", "200")])
def test_the_demo_passes_and_shows_its_books(auth: str, columns: str) -> None:
    done = run(OBJECTS="300", CDN_AUTH=auth, COLUMNS=columns)
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= int(columns)
    assert "…" not in done.stdout
    heads = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("run "))
    assert heads == ["run", "copied", "unchanged", "unsupported", "listed", "written", "took"]
    rows = [line.split() for line in done.stdout.splitlines() if line.rstrip().endswith(" s")]
    events = next(row for row in rows if row[:2] == ["S3's", "events"])
    assert events[-8:-2] == ["1", "0", "0", "1", "8", "B"], "what was copied has its bytes beside it"
    assert done.stdout.index("S3's events followed: 1 listed = 1 copied") < done.stdout.index("measured bill")
    for words in ("first run: 300 listed = 297 copied, 3 unsupported", "0 differences", "everything adds up", "US$"):
        assert words in " ".join(done.stdout.split())


@pytest.mark.parametrize(("count", "said"), [("many", "is not a number"), ("5", "too few")])
def test_a_bad_size_is_refused(count: str, said: str) -> None:
    done = run(OBJECTS=count)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
