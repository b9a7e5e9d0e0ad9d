"""A run's report in the tool: the verdict, the figures, the page in a file, the browser, the index's links."""

import json
import webbrowser
from pathlib import Path

import pytest

from shared.domain.errors import Forbidden
from shared.domain.messages import ListMessage, VerifyMessage
from shared.domain.runs import RunState
from shared.reporting.units import in_time
from tests.operator import Operator
from tests.world import World, filled

REPORTS = {"report_bucket": "reports"}
KEPT = ("sentence", "tone", "listed", "outcomes", "verdicts", "proofs", "started_at", "ended_at")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Operator, str, str]:
    """A listing and a comparison that have ended, and a listing behind them that has not."""
    operator = Operator(world, monkeypatch, **REPORTS)
    first = operator.run()
    world.clock.time += 60
    second = operator.run(VerifyMessage())
    world.clock.time += 60
    operator.run(VerifyMessage(close=True))
    return operator, first, second


def test_the_newest_report_is_shown_and_saved(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(6)
    operator, _, second = told(world, monkeypatch)
    page = world.reports.files[f"job/{second}/report.html"][0]
    shown = operator.types("report").stdout.splitlines()
    assert shown[:2] == [second, "good: All 6 keys are the same: 6 by MD5."]
    assert shown[-1] == f"saved as {second}.html; https://reports.test/job/{second}/report.html"
    assert (here / f"{second}.html").read_bytes() == page
    world.clock.time += 60
    third = operator.run()
    found = operator.asks("report", "--output", "page.html")
    assert (found["run"], found["newer_without_report"]) == (second, [third])
    assert (here / "page.html").read_bytes() == page
    assert f"newer, and without a report: {third}" in operator.types("report").stdout


def test_figures_are_the_report_s_own_and_those_of_an_older_one_are_counted_anew(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    world = filled(6)
    operator, first, second = told(world, monkeypatch)
    own = operator.asks("report", first)["figures"]
    assert own["written"] is True
    assert own["outcomes"]["copied"]["keys"] == 6
    assert 0 < own["copying"]["routes"]["cdn"]["keys"] <= 6
    for run in (first, second):
        written = operator.asks("report", run)["figures"]
        del world.reports.files[f"job/{run}/report.json"]
        anew = operator.asks("report", run)["figures"]
        for name in KEPT:
            assert anew[name] == written[name], name
    assert "less than $0.01, by CloudFront" in operator.types("report", first).stdout
    assert "its report is of an older version" in operator.types("report", first).stdout
    del world.stores.runs.documents[first]
    shown = operator.types("report", first).stdout
    assert "its figures are kept no more: the page has them" in shown


def test_copies_that_were_looked_at_are_not_told_as_remembered(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """Nothing is remembered where the ledger was told to forget: every copy was looked at."""
    operator, _, _ = told(filled(6), monkeypatch)
    operator.asks("forget", "", "--yes")
    second = operator.run(ListMessage())
    operator.run(VerifyMessage(close=True))
    third = operator.run(ListMessage())
    operator.run(VerifyMessage(close=True))
    shown = operator.types("report", second).stdout
    assert (
        "settled: Nothing to copy of 6 keys: 6 found there already. A copy that was found there has the size" in shown
    )
    assert "remembered" not in shown
    shown = operator.types("report", third).stdout
    assert "settled: Nothing to copy of 6 keys: 6 unchanged as remembered. This run proves none of them" in shown


def test_causes_of_some_failed_keys_are_not_told_as_those_of_all(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(4)
    world.cdn.faults |= {b"k/001": [Forbidden("denied")] * 9, b"k/002": [Forbidden("denied")] * 9}
    operator, first, _ = told(world, monkeypatch)
    assert "failed      2 forbidden\n" in operator.types("report", first, status=3).stdout
    name = f"job/{first}/report.json"
    written = world.reports.files[name]
    many = json.loads(written[0]) | {"causes": {"cancelled": 500}, "causes_complete": False}
    many["outcomes"]["failed"] = {"keys": 11_000, "bytes": 1}
    world.reports.files[name] = (json.dumps(many).encode(), written[1])
    shown = operator.types("report", first, status=3).stdout
    assert "failed      500 cancelled, of the first 500 looked at, of 11,000\n" in shown


def test_one_run_has_one_duration_and_each_rate_says_over_what(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(4)
    operator, first, _ = told(world, monkeypatch)
    page = here / f"{first}.html"
    name = f"job/{first}/report.json"
    written = world.reports.files[name]
    figures = json.loads(written[0])
    figures |= {"seconds": 9.95, "copying": {**figures["copying"], "objects": 10_500, "bytes": 0, "seconds": 8.0}}
    world.reports.files[name] = (json.dumps(figures).encode(), written[1])
    shown = operator.types("report", first).stdout
    assert f"took        {in_time(9.95)}, until its end was seen" in shown
    assert in_time(9.95) == "10 s"
    assert "copying     1,312 objects/s, 0 B/s, while objects were copied, as the instances told\n" in shown
    assert page.exists()


def test_a_bad_verdict_is_an_exit_status(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(4)
    world.cdn.faults[b"k/001"] = [Forbidden("denied")] * 9
    operator, first, _ = told(world, monkeypatch)
    shown = operator.types("report", first, status=3).stdout
    assert "bad: 1 of 4 keys is not at the destination" in shown
    assert "failed      1 forbidden" in shown
    assert "Below is why" not in shown, "it is below in the page only"
    found = operator.asks("report", first, status=3)["figures"]
    assert found["causes"] == {"forbidden": 1}
    assert "Below" not in found["sentence"]
    assert "Below is why." in (here / f"{first}.html").read_text()
    name = f"job/{first}/report.json"
    written = world.reports.files[name]
    older = {**json.loads(written[0]), "sentence": f"{found['sentence']} Below is why."}
    world.reports.files[name] = (json.dumps(older).encode(), written[1])
    assert "Below is why" not in operator.types("report", first, status=3).stdout, "as earlier versions wrote it"


def test_what_is_not_there_is_a_line(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(4)
    operator, first, _ = told(world, monkeypatch)
    running = operator.run()
    assert "has no report yet" in operator.types("report", running, status=1).stderr
    assert "no run 'never'" in operator.types("report", "never", status=1).stderr
    del world.reports.files[f"job/{first}/report.html"]
    assert "refused it when the run ended, or it was deleted" in operator.types("report", first, status=1).stderr
    world.reports.files.clear()
    assert "no report of the last 3 runs is in gs://reports/job/" in operator.types("report", status=1).stderr
    assert "REPORT_BUCKET" in Operator(world, monkeypatch).types("report", status=1).stderr
    assert list(here.iterdir()) == []


def test_a_browser_is_asked_only_where_there_is_something_to_see_it_on(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    operator, _, second = told(filled(4), monkeypatch)
    asked: list[str] = []

    def shows(url: str) -> bool:
        asked.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", shows)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    result = operator.types("report", "--open", "--json")
    assert (json.loads(result.stdout)["opened"], asked) == (False, [])
    assert result.stderr == f"no browser can be shown here: open {second}.html by yourself\n"
    monkeypatch.setenv("DISPLAY", ":0")
    assert operator.asks("report", "--open")["opened"] is True
    assert asked == [(here / f"{second}.html").as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    assert "open " in operator.types("report", "--open").stderr


def test_the_index_of_runs_has_the_links_of_their_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    world = filled(4)
    operator, first, second = told(world, monkeypatch)
    running = operator.run(ListMessage())
    links = {run["run"]: run["report"] for run in operator.asks("runs")}
    assert links == {
        name: {"page": f"gs://reports/job/{name}/report.html", "link": f"https://reports.test/job/{name}/report.html"}
        for name in (first, second)
    } | {running: None}
    shown = operator.types("runs").stdout.splitlines()
    assert shown[0].split()[-1] == "report"
    assert shown[1].endswith(f"https://reports.test/job/{first}/report.html")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for columns, fits in (("80", False), ("250", True)):
        monkeypatch.setenv("COLUMNS", columns)
        drawn = operator.types("runs").stdout
        assert (f"https://reports.test/job/{first}/report.html" in drawn) is fits
        assert ("`bucket-transfer report RUN` shows a report" in drawn) is not fits
        assert first in drawn, "a name that is broken cannot be copied"
    assert shown[3].endswith("4 unchanged")


def test_the_page_of_a_running_run_is_no_report(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    world = filled(6)
    operator, first, second = told(world, monkeypatch)
    live = world.reports.files[f"job/{second}/report.html"][0].replace(
        b'<html lang="en">', b'<html lang="en" data-interim>'
    )
    world.reports.files[f"job/{first}/report.html"] = live, "text/html"
    refused = operator.types("report", first, status=1).stderr
    assert "is of when" in refused
    assert "was running" in refused
    assert not (here / f"{first}.html").exists()
    world.stores.runs.documents[first].state = RunState.RUNNING
    refused = operator.types("report", first, status=1).stderr
    assert f"how far it is: https://reports.test/job/{first}/report.html" in refused


def test_where_nothing_has_run_there_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Operator(World(), monkeypatch, **REPORTS).types("report", status=1).stderr
    assert said == "bucket-transfer: no run of the last 180 days is known, so there is no report\n"
