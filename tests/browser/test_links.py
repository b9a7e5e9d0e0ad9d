"""Where a page is opened there may be no files beside it: then its links lead to those beside its own place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.clients import gcs_client
from local.names import REPORTS
from local.stack import Stack
from shared.gcp.api import GCS_ENDPOINT
from shared.gcp.reports import BROWSER, GcsReports
from shared.gcp.token import Token
from shared.http.client import Http
from shared.reporting.index_page import index_page, next_page
from shared.reporting.page import page
from tests.browser import sample
from tests.fakes import FakeClock

COPYING, COMPARING = sample.copying().run, sample.comparing().run
HTML = "text/html; charset=utf-8"


def place(endpoint: str) -> GcsReports:
    return GcsReports(REPORTS, endpoint, Http(1, FakeClock()), Token(None))


def pages(reports: GcsReports) -> dict[str, str]:
    """A job's files by their names, each knowing where it lies."""
    found = {}
    for report in (sample.copying(), sample.comparing()):
        name = f"job/{report.run}/report.html"
        found[name] = page(replace(report, address=reports.link(name)))
        leads = f"job/{report.run}/next.html"
        found[leads] = next_page(report.run, COMPARING if report.run == COPYING else "", reports.link(leads))
    found["job/index.html"] = index_page(
        "job", "s3://a", "gs://b", sample.index_rows()[:3], reports.link("job/index.html")
    )
    found[f"job/{COMPARING}/manifest.json"] = "{}"
    return found


@pytest.fixture(scope="module")
def stored() -> Iterator[GcsReports]:
    """The files in the local stack's bucket of reports."""
    with Stack(functions=()) as stack:
        reports = place(stack.environment["STORAGE_EMULATOR_HOST"])
        bucket = gcs_client(stack.environment).bucket(REPORTS)
        for name, text in pages(reports).items():
            bucket.blob(name).upload_from_string(text, content_type=HTML)
        yield reports


def test_a_link_to_a_file_s_media_leads_to_the_media_of_others(browser: Any, stored: GcsReports) -> None:
    view = browser.new_page()
    wrong: list[str] = []
    view.on("pageerror", lambda error: wrong.append(str(error)))
    view.on("response", lambda answer: wrong.extend([answer.url] * (answer.status >= 400)))
    view.goto(stored.link(f"job/{COPYING}/report.html"))
    view.get_by_role("link", name="the next run").click()
    view.wait_for_url(stored.link(f"job/{COMPARING}/report.html"))
    view.get_by_role("link", name="manifest.json").click()
    view.wait_for_url(stored.link(f"job/{COMPARING}/manifest.json"))
    view.go_back()
    view.get_by_role("link", name="the next run").click()
    view.wait_for_url(stored.link(f"job/{COMPARING}/next.html"))
    assert "No run has begun after" in view.locator("h1").inner_text()
    view.get_by_role("link", name="all runs").click()
    view.wait_for_url(stored.link("job/index.html"))
    assert [url for url in wrong if not url.endswith("/favicon.ico")] == []
    view.close()


@pytest.mark.parametrize("saved_as", [f"{COMPARING}.html", "proof.html"])
def test_a_page_that_was_saved_alone_leads_to_the_bucket(browser: Any, tmp_path: Path, saved_as: str) -> None:
    path = tmp_path / saved_as
    path.write_text(pages(place(GCS_ENDPOINT))[f"job/{COMPARING}/report.html"], encoding="utf-8")
    view = browser.new_page()
    view.goto(path.as_uri())
    links = view.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    here = f"{BROWSER}/{REPORTS}/job"
    assert {f"{here}/index.html", f"{here}/{COPYING}/report.html", f"{here}/{COMPARING}/manifest.json"} <= set(links)
    assert all(link.startswith(f"{here}/") for link in links)
    view.close()


def test_a_folder_of_pages_leads_to_the_files_in_it(browser: Any, tmp_path: Path) -> None:
    for name, text in pages(place(GCS_ENDPOINT)).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    view = browser.new_page()
    view.goto((tmp_path / "job" / COMPARING / "report.html").as_uri())
    links = view.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    assert links
    assert all(link.startswith((tmp_path / "job").as_uri()) for link in links)
    view.close()
