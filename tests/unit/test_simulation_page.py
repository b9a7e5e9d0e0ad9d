"""The documents' figures of the simulation are those of a simulation."""

import pytest

from benchmarks.simulation import page
from benchmarks.simulation.run import Scenario, simulate
from local.children import ROOT
from shared.pricing.money import in_dollars


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("docs/performance.md", "| first run of |"),
        ("docs/cost.md", "| | US$ | |"),
        ("README.md", "| Simulated: "),
    ],
)
def test_each_page_has_a_place_for_them(name: str, begins: str) -> None:
    before = (ROOT / name).read_text()
    after = page.put(before, begins, ["| a |", "|---|", "| b |"] if name.startswith("docs") else ["| a |"])
    assert begins not in after
    assert "| a |\n" in after
    assert after.count("\n") < before.count("\n") or name == "README.md"


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no line begins with"):
        page.put("nothing\n", "| first run of |", ["| a |"])


def test_a_table_is_replaced_as_a_whole_and_a_line_alone() -> None:
    text = "before\n| a | b |\n|---|---|\n| 1 | 2 |\nafter\n"
    assert page.put(text, "| a |", ["| new |", "|---|"]) == "before\n| new |\n|---|\nafter\n"
    assert page.put(text, "| 1 |", ["| one |"]) == text.replace("| 1 | 2 |", "| one |")


def test_the_bill_adds_up() -> None:
    found = simulate(Scenario("small", 3_000_000, 1e6, 75))
    *items, together = page.bill(found)[2:]
    assert together.startswith(f"| together | {in_dollars(found['dollars in all'])} |")
    assert sum(float(row.split("|")[2].replace(",", "")) for row in items) == pytest.approx(
        found["dollars in all"], rel=0.01
    )
    assert [row for row in items if "Cloud Run" in row and "this project adds" in row]
    assert page.runs([found])[2].startswith("| small | ")
    assert "3 billion objects" in page.summary(found)[0]
