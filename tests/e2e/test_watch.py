"""A browser is enough to watch a run: its page stands where its report will, written by the scheduler's ticks."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from google.cloud.storage import Bucket

from local import runs
from local.clients import gcs_client, s3_client
from local.names import REPORTS, SOURCE
from local.sample import Sample, load
from local.stack import Stack
from shared.reporting.index_rows import parse
from shared.reporting.report_running import is_interim

COUNT = 30


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Without a transfer, so that a run lists and then waits."""
    with Stack(functions=("lister", "verifier")) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        load(
            s3_client(running.environment),
            SOURCE,
            [Sample(f"a/{n:03d}", n, n) for n in range(COUNT)],
            lambda size: None,
        )
        yield running


def pages(bucket: Bucket) -> dict[str, int]:
    """The pages that there are, with their generations."""
    return {blob.name: blob.generation for blob in bucket.list_blobs() if blob.name.endswith("report.html")}


def test_a_running_run_has_a_page_and_is_in_the_index(stack: Stack) -> None:
    bucket = gcs_client(stack.environment).bucket(REPORTS)
    message = stack.tick("list")

    def listed() -> bool:
        try:
            run = asyncio.run(runs.run_name(message))
        except LookupError:
            return False
        return asyncio.run(runs.summary(run)).listed_keys == COUNT

    runs.wait_until(listed, 60)
    run = asyncio.run(runs.run_name(message))
    name = f"{runs.JOB}/{run}/report.html"
    stack.tick("close")
    runs.wait_until(lambda: name in pages(bucket), 60)
    page = bucket.blob(name).download_as_bytes()
    assert is_interim(page)
    (said,) = re.findall(r'<header class="running"><h1>(.*?)</h1>', page.decode())
    assert said == f"Running: 0 of {COUNT} keys that were listed so far have ended; all are listed."
    assert '<meta http-equiv="refresh" content="60">' in page.decode()
    (row,) = parse(bucket.blob(f"{runs.JOB}/index.html").download_as_bytes())
    assert (row.run, row.ended, row.sentence) == (run, None, "")
    before = pages(bucket)
    stack.tick("close")
    runs.wait_until(lambda: (stack.backlog() or {}).get("verifier") == 0, 30)
    assert pages(bucket) == before, "it is written at most once a minute"
