"""The pages in headless Chromium: both schemes, phone and wide, sorted columns, no errors, and axe-core's checks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import sample

COPYING, COMPARING = sample.copying().run, sample.comparing().run
PAGES = {
    "copying": f"{COPYING}/report.html",
    "comparing": f"{COMPARING}/report.html",
    "green": "green/report.html",
    "quiet": "quiet/report.html",
    "running": "running/report.html",
    "index": "index.html",
    "no next": f"{COMPARING}/next.html",
}
PHONE, WIDE = (390, 844), (1440, 900)

Open = Callable[..., Any]


@pytest.fixture
def look(browser: Any, folder: Path) -> Iterator[Open]:
    """Opens a page by its name. What it logs, throws, asks of others or shows as a dialog is a failure."""
    contexts, wrong = [], list[str]()

    def open_page(name: str, scheme: str = "light", size: tuple[int, int] = WIDE, **options: Any) -> Any:
        width, height = size
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: wrong.append(f"console: {line.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: wrong.extend([asked.url] * (not asked.url.startswith("file:"))))
        page.goto((folder / PAGES[name]).as_uri())
        page.problems = wrong
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["390 px", "1440 px"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_reads_well(look: Open, name: str, scheme: str, size: tuple[int, int]) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = look(name, scheme, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0], "the page scrolls sideways"
    ink = page.evaluate("getComputedStyle(document.body).color.match(/[0-9]+/g).map(Number)")
    assert (sum(ink) < 200) is (scheme == "light")
    # a page that asks for itself anew is what people want to watch a run with; it stops with the run
    rules = {"meta-refresh": {"enabled": False}} if name in ("running", "index") else {}
    found = Axe().run(page, options={"rules": rules})
    told = [
        (rule["id"], [(node["target"], node["failureSummary"]) for node in rule["nodes"][:3]])
        for rule in found.response["violations"]
    ]
    assert told == []
    assert len(found.response["passes"]) > 5, "axe has looked at something"


def test_axe_would_have_found_a_fault(look: Open) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    page = look("green")
    page.evaluate(
        "() => { document.documentElement.removeAttribute('lang'); "
        "document.querySelectorAll('p').forEach(part => { part.className = 'planted' }); "
        "document.styleSheets[0].insertRule('.planted { color: #999; background: #aaa }') }"
    )
    assert {rule["id"] for rule in Axe().run(page).response["violations"]} == {"html-has-lang", "color-contrast"}


def column(page: Any, table: str, number: int) -> list[Any]:
    """A column's cells, by what they are sorted by."""
    script = "(rows, n) => rows.map(row => row.cells[n].dataset.v ?? row.cells[n].textContent)"
    return list(page.eval_on_selector_all(f"{table} tbody tr", script, number))


@pytest.mark.parametrize(
    ("name", "table", "number", "numeric"),
    [
        ("comparing", "[aria-label=folders] table", 2, True),
        ("comparing", "[aria-label=folders] table", 0, False),
        ("copying", "[aria-label='slowest copies'] table", 2, True),
        ("index", "[aria-label=runs] table", 6, True),
        ("index", "[aria-label=runs] table", 0, False),
    ],
)
def test_columns_are_sorted_by_their_values_up_and_down(
    look: Open, name: str, table: str, number: int, numeric: bool
) -> None:
    page = look(name)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    before = column(page, table, number)
    key: Callable[[Any], Any] = float if numeric else str
    head = page.locator(f"{table} thead th").nth(number)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    up = column(page, table, number)
    assert [key(value) for value in up] == sorted(key(value) for value in before)
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [key(value) for value in column(page, table, number)] == sorted(map(key, before), reverse=True)
    other = page.locator(f"{table} thead th").nth(number - 1 if number else 1)
    other.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert other.get_attribute("aria-sort") == "ascending"
    assert sorted(column(page, table, number)) == sorted(before), "no row is lost"


def test_sums_stay_at_the_foot(look: Open) -> None:
    page = look("copying")
    feet = page.locator("[aria-label='keys and bytes by outcome'] tfoot tr").all_inner_texts()
    assert [line.split("\t")[0] for line in feet] == ["together", "listed"]


def test_without_a_script_the_verdict_and_every_key_are_there(look: Open) -> None:
    page = look("copying", java_script_enabled=False)
    assert page.locator("h1").inner_text() == sample.copying().verdict()[1]
    assert page.locator("th button").count() == 0
    page.locator("summary").first.click()
    assert page.get_by_text("reports/q39.csv").is_visible()


@pytest.mark.parametrize("name", ["copying", "comparing", "index"])
def test_a_hostile_key_does_nothing(look: Open, name: str) -> None:
    page = look(name)
    assert "taken" not in page.title().partition("<script>")[0]
    assert page.locator("img, b, iframe, object").count() == 0
    assert page.locator("script").count() == (2 if name == "index" else 1)


def test_the_policy_refuses_what_the_page_did_not_come_with(look: Open) -> None:
    page = look("green")
    page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.taken = 1';"
        "document.body.append(script); const image = document.createElement('img'); image.src = 'http://localhost:9/x';"
        "document.body.append(image) }"
    )
    assert page.evaluate("window.taken") is None
    refused = [line for line in page.problems if "Content Security Policy" in line]
    assert len(refused) == 2
    page.problems.clear()


def test_it_prints_light_and_whole(look: Open) -> None:
    page = look("copying", "dark")
    hidden = page.get_by_text("reports/q39.csv")
    assert not hidden.is_visible()
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert page.locator(".cause details").first.evaluate("part => part.offsetHeight") > 300, "closed groups are printed"
    assert len(page.pdf(format="A4")) > 20_000


def test_one_run_leads_to_the_next_and_to_all(look: Open) -> None:
    page = look("copying")
    page.get_by_role("link", name="the next run").click()
    page.wait_for_url(f"**/{COMPARING}/report.html")
    page.get_by_role("link", name="the run before").click()
    page.wait_for_url(f"**/{COPYING}/report.html")
    page.get_by_role("link", name="all runs").click()
    page.wait_for_url("**/default/index.html")
    page = look("comparing")
    page.get_by_role("link", name="the next run").click()
    assert "No run has begun after" in page.locator("h1").inner_text()


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["390 px", "1440 px"])
@pytest.mark.parametrize("name", ["copying", "comparing", "green", "running"])
def test_no_word_of_a_chart_is_cut_off(look: Open, name: str, size: tuple[int, int]) -> None:
    outside = look(name, size=size).evaluate(
        "[...document.querySelectorAll('svg text')].filter(text => { const box = text.getBBox(), all ="
        "text.ownerSVGElement.viewBox.baseVal; return box.x < -1 || box.x + box.width > all.width + 1 || box.y < -1 || "
        "box.y + box.height > all.height + 1 }).map(text => text.textContent)"
    )
    assert outside == []


def test_charts_and_map_say_what_they_show(look: Open) -> None:
    page = look("comparing")
    charts = page.get_by_role("img").all()
    assert len(charts) == 6
    for chart in charts:
        assert len(chart.get_attribute("aria-label")) > 30
    names = page.locator("figcaption").all_inner_texts()
    assert names[:4] == ["Throughput", "Keys a second", "Bytes copied so far", "Objects copied so far"]
    texts = page.locator("figure svg").first.locator("text").all_text_contents()
    assert "bytes a second" in texts
    assert "time, UTC" in texts
    assert "768 KiB" in texts


@pytest.mark.parametrize("width", [390, 768, 1200, 1440])
def test_no_column_of_the_index_is_cut_off(look: Open, width: int) -> None:
    page = look("index", size=(width, 900))
    room, needed = page.eval_on_selector(".dense", "part => [part.clientWidth, part.scrollWidth]")
    assert needed <= room
    lines = page.locator(".dense tbody tr")
    assert lines.count() == len(sample.index_rows())
    too_wide = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)"
    assert page.eval_on_selector_all(".dense td", too_wide) == []
