"""Pages as a parser reads them: whole without anything from elsewhere, no key is markup, numbers have few digits."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from benchmarks.start import SETTINGS
from local.children import ROOT, clean_environment
from shared.domain.progress import Progress
from shared.domain.rollup import FolderRollup, Rollup
from shared.domain.runs import RunKind, RunState
from shared.domain.text import numbered
from shared.reporting.causes import groups
from shared.reporting.costs import costs
from shared.reporting.folder_map import HEIGHT, MOST_FOLDERS, WIDTH, folder_map
from shared.reporting.index_page import index_page, next_page
from shared.reporting.index_rows import IndexRow
from shared.reporting.model import MOST_FAILED
from shared.reporting.page import page
from shared.reporting.scale import of_bytes, of_counts, of_times
from shared.reporting.table import Cell
from shared.reporting.text import of_key, visible
from shared.reporting.tiles import tiles
from shared.reporting.timeline import stretches
from shared.reporting.units import in_count, in_time, in_units
from tests.browser import sample
from tests.browser.sample import BEGAN, GIB, HOSTILE

PAGES: dict[str, Callable[[], str]] = {
    "copying": lambda: page(sample.copying()),
    "comparing": lambda: page(sample.comparing()),
    "green": lambda: page(sample.green()),
    "quiet": lambda: page(sample.quiet()),
    "running": lambda: page(sample.running()),
    "index": lambda: index_page("job", "s3://a", "gs://b", sample.index_rows()),
    "next": lambda: next_page("list-1", "list-2"),
    "no next": lambda: next_page("list-<b>", ""),
}

TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "header",
        "h1",
        "h2",
        "h3",
        "p",
        "nav",
        "a",
        "main",
        "ul",
        "li",
        "span",
        "progress",
        "dl",
        "dt",
        "dd",
        "section",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "svg",
        "text",
        "line",
        "rect",
        "polygon",
        "polyline",
        "defs",
        "pattern",
        "g",
        "i",
        "footer",
        "script",
    ]
)
VOID = {"meta"}


class Reader(HTMLParser):
    """Everything that a browser would see of a page. It raises if tags are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_in_a_page_is_anything_but_what_we_wrote(name: str) -> None:
    read = Reader(PAGES[name]())
    assert {tag for tag, _ in read.elements} <= TAGS
    for tag, attributes in read.elements:
        assert not any(attribute.startswith("on") or attribute in ("style", "src") for attribute in attributes), tag
        assert ":" not in attributes.get("href", ""), "every link is relative"
    assert read.of("html")[0]["lang"] == "en"
    assert len(read.of("main")) == len(read.of("h1")) == 1
    (policy,) = [meta["content"] for meta in read.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    for kind, texts in (("style", read.inside("style")), ("script", read.inside("script")[-1:])):
        for text in texts:
            hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{hashed}';" in policy


@pytest.mark.parametrize("name", ["copying", "comparing", "index"])
def test_keys_are_shown_as_they_are_and_never_run(name: str) -> None:
    text = PAGES[name]()
    read = Reader(text)
    shown = "".join(data for tag, data in read.texts if tag not in ("script", "style"))
    used = HOSTILE if name != "index" else (HOSTILE[0], HOSTILE[2])
    for key in used:
        assert visible(key) in shown
    assert all(sign.isprintable() or sign == "\n" for tag, data in read.texts for sign in data)
    assert text.encode()


def test_the_verdict_is_there_without_a_script() -> None:
    read = Reader(PAGES["copying"]())
    assert read.inside("h1") == [sample.copying().verdict()[1]]
    assert not any("hidden" in attributes for _, attributes in read.elements)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain/ключ/鍵.jpg", "plain/ключ/鍵.jpg"),
        ("a\u202eb\u2066c\u2069", "a\\u202eb\\u2066c\\u2069"),
        ("a\x00b\x1bc\nd\x7f\x9b", "a\\u0000b\\u001bc\\u000ad\\u007f\\u009b"),
        ("zero\u200bwidth\u00ad\ufeff", "zero\\u200bwidth\\u00ad\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        (of_key(b"no\xffutf"), "no\\xffutf"),
        ("half\ud800", "half\\ud800"),
        ("no\u00a0break", "no\u00a0break"),
        ("line\u2028para\u2029", "line\\u2028para\\u2029"),
    ],
)
def test_what_would_be_invisible_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"), (0.0004126, "0.41 ms"), (0.041266, "41 ms"), (0.41266812, "0.41 s"), (9.53125, "9.5 s"), (9.96, "10 s"),
        (59.7, "1 min"), (61.2, "1 min 1 s"), (3600, "1 h"), (4711.5, "1 h 18 min"), (90_061, "1 d 1 h"),
    ],
)  # fmt: skip
def test_seconds_have_the_digits_that_somebody_needs(seconds: float, shown: str) -> None:
    assert in_time(seconds) == shown
    assert Cell.seconds(seconds).value == seconds, "sorted by all of its digits"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (0.5, "0.5 B"),
        (150 * 2**20, "150 MiB"),
        (2**60, "1,024 PiB"),
    ],
)
def test_bytes_have_a_unit(count: float, shown: str) -> None:
    assert in_units(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (1234567, "1,234,567"), (231.4, "231"), (12.34, "12.3"), (1.234, "1.23"), (0.0294, "0.029")])  # fmt: skip
def test_counts_and_rates_have_three_figures(count: float, shown: str) -> None:
    assert in_count(count) == shown


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, ["0 B", "1 B"]),
        (3, ["0 B", "1 B", "2 B", "3 B"]),
        (400 * 2**20, ["0 B", "128 MiB", "256 MiB", "384 MiB", "512 MiB"]),
        (1.3 * 2**40, ["0 B", "512 GiB", "1 TiB", "1.5 TiB"]),
    ],
)
def test_marks_of_bytes_are_powers_of_two(most: float, labels: list[str]) -> None:
    assert [mark.label for mark in of_bytes(most)] == labels


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0.3, ["0", "0.1", "0.2", "0.3"]),
        (1.5, ["0", "0.5", "1.0", "1.5"]),
        (0.03, ["0", "0.01", "0.02", "0.03"]),
        (7, ["0", "2", "4", "6", "8"]),
        (950, ["0", "500", "1,000"]),
        (20, ["0", "5", "10", "15", "20"]),
    ],
)
def test_marks_of_counts_are_round(most: float, labels: list[str]) -> None:
    assert [mark.label for mark in of_counts(most)] == labels


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (8, ["00:00:00", "00:00:02", "00:00:04", "00:00:06", "00:00:08"]),
        (4200, ["00:00", "00:15", "00:30", "00:45", "01:00"]),
        (3 * 86_400, ["11-29 00:00", "11-30 00:00", "12-01 00:00", "12-02 00:00"]),
        (40 * 86_400, ["12-05 00:00", "12-13 00:00", "12-21 00:00", "12-29 00:00", "01-06 00:00"]),
    ],
)
def test_marks_of_times_are_whole(span: float, labels: list[str]) -> None:
    assert [mark.label for mark in of_times(BEGAN, BEGAN + span)] == labels


def test_a_long_run_is_drawn_in_stretches_that_lose_nothing() -> None:
    told = sample.progress(1437)
    found = stretches(told)
    assert len(found) <= 90
    assert len({stretch.seconds for stretch in found}) == 1
    for name, keys in told.told().items():
        assert sum(stretch.ended.get(name, (0, 0))[0] for stretch in found) == keys
    assert stretches(sample.progress(1)) == []
    assert stretches(Progress()) == []


def test_a_map_has_every_folder_s_bytes_and_nothing_lies_outside() -> None:
    sums = Rollup()
    for number in range(200):
        sums.folders[b"f%03d/" % number] = FolderRollup(1, (number + 1) * GIB, 1, GIB, number == 150, number == 120)
    found = folder_map(sums)
    assert found is not None
    assert len(found.places) == MOST_FOLDERS + 1
    whole = sum(range(1, 201))
    for place in found.places:
        assert place.x >= 0
        assert place.y >= 0
        assert place.x + place.width <= WIDTH + 1e-6
        assert place.y + place.height <= HEIGHT + 1e-6
    assert sum(place.width * place.height for place in found.places) == pytest.approx(WIDTH * HEIGHT)
    first = found.places[0]
    areas = {place.title.partition(":")[0]: place.width * place.height / WIDTH / HEIGHT for place in found.places}
    assert areas["f199/"] == pytest.approx(200 / whole)
    assert areas["140 smaller folders"] == pytest.approx(sum(range(1, 141)) / whole)
    assert first.title.startswith("f199/: 1 object, 200 GiB")
    states = {place.title.partition(":")[0]: place.state for place in found.places}
    assert (states["f150/"], states["140 smaller folders"], states["f199/"]) == ("differ", "extra", "agree")
    assert folder_map(Rollup(folders={b"empty/": FolderRollup(1, 0, 1, 0)})) is None


def test_a_folder_s_name_that_is_too_long_for_its_place_keeps_its_end() -> None:
    sums = Rollup(
        folders={b"archive/photos/of/the/year/%d/" % year: FolderRollup(1, GIB) for year in range(2001, 2010)}
    )
    found = folder_map(sums)
    assert found is not None
    names = sorted(place.lines[0] for place in found.places)
    for name, year in zip(names, range(2001, 2010), strict=True):
        assert name.startswith("…")
        assert name.endswith(f"/year/{year}/")
    assert {place.lines[1] for place in found.places} == {"1.0 GiB"}


def test_causes_have_their_keys_and_what_to_do() -> None:
    stay, again = groups(sample.copying())
    assert [(cause.name, cause.counted) for cause in stay.causes] == [("forbidden", "40 keys"), ("kms denied", "1 key")]
    assert not stay.causes[0].open
    assert stay.causes[1].open
    assert "grant decryption" in stay.causes[1].advice.lower()
    assert [row[0] for row in again.causes[0].table.rows] == list(HOSTILE)
    (differ,) = groups(sample.comparing())
    assert [(cause.name, cause.counted) for cause in differ.causes] == [
        ("unproven", "4,000 keys, 42 of them named"),
        ("missing", "55 keys, 43 of them named"),
        ("checksum differs", "43 keys"),
        ("size differs", "43 keys"),
    ]
    assert all(cause.advice for cause in differ.causes)


def test_a_rate_says_over_what_time_it_is() -> None:
    """The tool has the one of the minutes of copying, too, which is another figure."""
    for report in (sample.copying(), sample.comparing()):
        (took,) = [tile for tile in tiles(report, 1.0) if tile.name == "took"]
        assert took.value == in_time(report.seconds)
        assert took.more.endswith("/s over all of that time") or took.more.endswith("compared over all of that time")


def test_a_count_of_the_first_failed_keys_is_not_told_as_one_of_all() -> None:
    """As of a run that was cancelled with 11,000 keys to go."""
    first = [(f"k/{n}", 1, f"{'cancelled' if n else 'forbidden'}: why") for n in range(MOST_FAILED)]
    many = replace(sample.copying(), failed=first, outcomes=[("copied", 9000, 1), ("failed", 11_000, 1)])
    told = [(cause.name, cause.counted) for group in groups(many) for cause in group.causes]
    assert told == [
        ("forbidden", "1 of the 500 failed keys that are named, of 11,000"),
        ("cancelled", "499 of the 500 failed keys that are named, of 11,000"),
    ]
    assert "499 of the 500 failed keys that are named, of 11,000" in page(many)
    all_named = replace(many, outcomes=[("copied", 9000, 1), ("failed", MOST_FAILED, 1)])
    assert [cause.counted for group in groups(all_named) for cause in group.causes] == ["1 key", "499 keys"]


def test_failed_keys_that_no_record_names_are_told() -> None:
    """As of a run of events whose batches are sorted, when its report is made anew."""
    report = sample.copying()
    few = replace(report, failed=report.failed[:1])
    (group,) = groups(few)
    assert f"Of {report.failures - 1:,} failed keys more nothing but the count is left" in group.note
    (group,) = groups(replace(report, failed=[]))
    assert group.title == f"{report.failures:,} failed keys, none of them named"
    assert "`bucket-transfer failures` has those that still fail" in group.note
    assert group.title in page(replace(report, failed=[]))
    compared = replace(sample.comparing(), outcomes=[("failed", 3, 10), ("unchanged", 5, 10)])
    assert [found.title for found in groups(compared)] == ["Keys that are not the same"], "without a repair"


def test_a_run_stands_beside_its_plan_and_the_other_ways() -> None:
    report = sample.copying()
    found = costs(report)
    by_name = {other.name: other for other in found.others}
    plan = by_name["all through CloudFront, as the job is set"]
    assert plan.kind == "plan"
    assert plan.dollars < found.dollars < by_name["all straight from S3"].dollars, "a fortieth fell back to S3"
    assert "each object by the cheaper way" in by_name
    assert max(other.share for other in found.others) == 1
    assert f"Forecast for the same objects by the job's way: {plan.shown}; the run cost " in found.against
    assert "more than that. Its ceiling is $500." in found.against
    direct = costs(replace(report, route="direct"))
    assert "less than that" in direct.against
    assert not costs(sample.comparing()).others
    assert not costs(replace(report, outcomes=[])).others


def test_a_page_of_a_running_run_asks_for_itself_again_and_an_ended_one_does_not() -> None:
    read = Reader(PAGES["running"]())
    assert [meta["content"] for meta in read.of("meta") if meta.get("http-equiv") == "refresh"] == ["60"]
    assert "data-interim" in read.of("html")[0]
    assert float(read.of("progress")[0]["value"]) == pytest.approx(0.365, abs=0.001)
    ended = Reader(PAGES["copying"]())
    assert not [meta for meta in ended.of("meta") if meta.get("http-equiv") == "refresh"]
    assert not ended.of("progress")


def test_what_cannot_be_counted_in_time_is_not_claimed() -> None:
    report = replace(sample.running(), counted=False, outcomes=[], listed=(0, 0), pending=0)
    text = unescape(page(report))
    assert "keys have passed the transfer; what was listed is too much to be added up at once" in text
    assert "as the heartbeats tell" in text
    listing = replace(sample.running(), listing=True)
    assert "the listing goes on" in listing.verdict()[1]
    assert "not known" in page(listing)
    assert listing.state is RunState.RUNNING


@pytest.mark.parametrize("name", ["lister", "transfer", "verifier"])
def test_an_instance_starts_without_what_writes_pages(name: str) -> None:
    script = (
        "import main, sys; print(*(module for module in sys.modules if 'reporting' in module or module == 'squarify'))"
    )
    given = {**SETTINGS, "REPORT_BUCKET": "reports", "PYTHONPATH": f"{ROOT}:{ROOT / 'functions' / name}"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "shared.reporting.report_run" in loaded
    assert not loaded & {
        "squarify",
        *(f"shared.reporting.{part}" for part in ("page", "render", "index_page", "folder_map", "costs")),
    }


@pytest.mark.parametrize(
    ("dollars", "value", "more"),
    [
        (123.4, "$123", "at list prices"),
        (0.0474, "$0.0474", "at list prices"),
        (0.000015, "<\u00a0$0.01", "$0.0000150 at list prices"),
        (4e-7, "<\u00a0$0.01", "<$0.000001 at list prices"),
        (0.0, "$0", "at list prices"),
    ],
)
def test_a_small_cost_is_no_nothing(dollars: float, value: str, more: str) -> None:
    cost = tiles(sample.copying(), dollars)[-1]
    assert (cost.value, cost.more) == (value, more)


def test_a_run_of_named_keys_is_not_of_the_whole_job() -> None:
    report = replace(sample.copying(), kind=RunKind.KEYS)
    row = IndexRow.of_report(report)
    for text in (page(report), index_page("job", "s3://a", "gs://b", [row])):
        assert "those that its message names" in text
        assert "the whole job" not in text


@pytest.mark.parametrize(("count", "shown"), [(0, "0 copies"), (1, "1 copy"), (2, "2 copies"), (1200, "1,200 copies")])
def test_one_is_one(count: int, shown: str) -> None:
    assert numbered(count, "copy", "copies") == shown
