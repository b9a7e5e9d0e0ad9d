"""A headless Chromium, or the reason why there is none."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.reporting.index_page import index_page, next_page
from shared.reporting.page import page
from tests.browser import sample

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""As Debian, Ubuntu and Google name it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """`apt-get install chromium` brings one. It ends with the module: as long as it is there, its driver's event loop runs
    in this thread, and no test of a coroutine could.
    """
    missing = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} of requirements-dev.txt are not installed: no page was seen by a browser")
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here ({', '.join(_NAMES)}): no page was seen by one; apt-get install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job's folder of reports, as its bucket has it."""
    job = tmp_path_factory.mktemp("reports") / "default"
    pages = {
        f"{report.run}/report.html": page(report)
        for report in (sample.copying(), sample.comparing())
    }  # fmt: skip
    pages["green/report.html"] = page(sample.green())
    pages["quiet/report.html"] = page(sample.quiet())
    pages["running/report.html"] = page(sample.running())
    pages["index.html"] = index_page("default", "s3://media-archive", "gs://copy", sample.index_rows())
    pages[f"{sample.copying().run}/next.html"] = next_page(sample.copying().run, sample.comparing().run)
    pages[f"{sample.comparing().run}/next.html"] = next_page(sample.comparing().run, "")
    for name, text in pages.items():
        path = job / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return job
