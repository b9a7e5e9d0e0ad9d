"""The page's verdict, a row a line, and that nothing in it can be taken for markup."""

from dataclasses import replace

import pytest

from shared.core.report import Beat, Report, together
from shared.core.report_page import page
from shared.core.sums import Sum, Sums

GOOD = Report(
    run="verify-1", kind="verify", prefix="", source="s3://a", destination="gs://b", state="finished", started_at=0,
    ended_at=7200, listed=(10, 1000), pending=0, outcomes=[("unchanged", 10, 1000)], filters=[],
    verdicts=[("same", 10, 1000)], sums=Sums(), failed=[], beats=[], files=[],
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "tone", "words"),
    [
        ({}, "good", "agree on all 10 keys"),
        ({"kind": "list"}, "good", "All 10 keys are settled; 0 were copied."),
        ({"kind": "list", "outcomes": [("copied", 8, 1), ("unsupported", 2, 1)]}, "good", "8 were copied, 2 are unsup"),
        ({"listed": (0, 0), "outcomes": [], "verdicts": []}, "warning", "No key was listed"),
        ({"verdicts": [("missing", 1, 1)], "outcomes": [("copied", 1, 1)]}, "warning", "1 of 10 keys did not agree; 1"),
        ({"outcomes": [("failed", 3, 1)]}, "bad", "3 of 10 keys are not at the destination"),
        ({"pending": 4}, "bad", "4 of 10 keys are not"),
        ({"state": "stopped"}, "bad", "has stopped: not every key was looked at"),
        ({"state": "stalled"}, "bad", "has stalled"),
    ],
)
def test_the_verdict_stands_at_the_top(change: dict[str, object], tone: str, words: str) -> None:
    report = replace(GOOD, **change)  # type: ignore[arg-type]
    assert report.verdict()[0] == tone
    assert words in report.verdict()[1]
    assert f'<header class="{tone}"><h1>' in page(report)


def test_what_comes_from_keys_is_never_markup() -> None:
    evil = "<script>alert(1)</script>&\"'"
    sums = Sums(folders={evil.encode(): Sum(1, 2, 3, 4, 5, 6)})
    shown = page(replace(GOOD, prefix=evil, failed=[(evil, 1, f"gone: {evil}")], sums=sums, files=[evil]))
    assert "<script>alert" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert "it was deleted at the source" in shown


def test_plots_are_drawn_from_what_there_is() -> None:
    sums = Sums()
    sums.sizes.update({0: 2, 11: 5, 30: 1})
    beats = [Beat(0, 5, 1000), Beat(60, 10, 4000), Beat(180, 1, 1)]
    shown = page(replace(GOOD, sums=sums, beats=beats))
    assert "Line: 16 objects copied" in shown
    assert "1.0 KiB and more: 5 objects" in shown
    assert shown.count("<svg") == 2
    assert page(GOOD).count("<svg") == 0


def test_beats_of_several_instances_are_added_up() -> None:
    assert together([Beat(60, 1, 10), Beat(0, 1, 1), Beat(60, 2, 20)]) == [Beat(0, 1, 1), Beat(60, 3, 30)]
