"""What docs/cost.md says in figures is what the price list says."""

import re
from pathlib import Path

import pytest

from shared.pricing.catalog import published, read
from shared.pricing.forecast import Wanted, cost, routes
from shared.pricing.money import in_dollars

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "cost.md").read_text()
US = published().at("us-east-1")
TB = 2**40
GB = 2**30

ROWS = re.findall(r"^\| ([\d,]+) TB \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", TEXT, re.MULTILINE)


def test_there_is_a_table() -> None:
    assert [row[0] for row in ROWS] == ["10", "50", "100", "500", "1,024", "5,120"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_ways_compared(row: tuple[str, str, str, str]) -> None:
    size = int(row[0].replace(",", "")) * TB
    assert row[1] == in_dollars(US.cost("cdn.egress_bytes", size))
    assert row[2] == in_dollars(US.cost("s3.egress_bytes", size))
    assert row[3] == in_dollars(size / GB * 0.03), "Storage Transfer Service's private network in North America"


@pytest.mark.parametrize(("dollars_a_gib", "petabytes"), [(0.03, 2.8), (0.04, 0.9)])
def test_up_to_where_the_private_network_is_cheaper(dollars_a_gib: float, petabytes: float) -> None:
    def saves(size: float) -> bool:
        return size / GB * dollars_a_gib < US.cost("cdn.egress_bytes", size)

    assert f"{petabytes} PB" in TEXT
    assert saves((petabytes - 0.1) * 1024 * TB)
    assert not saves((petabytes + 0.1) * 1024 * TB)


def test_plans_are_those_of_the_list() -> None:
    plans = published().plans
    for name, dollars in (("pro", 15), ("business", 200), ("premium", 1000), ("premium-600tb", 10_000)):
        assert plans[name].dollars == dollars
        assert f"${dollars:,}" in TEXT
    assert plans["premium-600tb"].bytes == 600 * TB


def test_a_list_like_the_one_shown_can_be_read() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    prices = read(shown).at("eu-west-1")
    assert prices.month["cdn.request"] == 50_000_000
    assert prices.expected_sizes[16384] == 2_000_000_000
    (_, inline) = re.findall(r"`PRICES=({.*?})`", TEXT)
    assert read(inline).at("us-east-1").plan == published().plans["pro"]


def test_what_several_regions_and_a_key_at_kms_cost() -> None:
    (inline,) = re.findall(r"say\n`PRICES=({.*?})`", TEXT)
    spread, objects, size = read(inline).at("us-east-1"), 3 * 10**9, 10**15
    assert f"${in_dollars(spread.cost('gcs.replicated_bytes', size))} more" in TEXT
    writes = spread.cost("gcs.class_a", objects) - US.cost("gcs.class_a", objects)
    assert f"${in_dollars(writes)} more for its writes" in TEXT
    assert f"$0.40 a million keys, ${in_dollars(US.cost('gcs.class_b', objects))} for three billion" in TEXT
    assert "gcs.replicated_bytes" not in US.meters, "a region replicates nothing"


def test_what_a_first_prefix_costs() -> None:
    """Of docs/start.md: ten thousand objects of a megabyte, with and without what is free every month."""
    text = " ".join((Path(__file__).resolve().parents[2] / "docs" / "start.md").read_text().split())
    assert "A prefix of ten thousand objects and 10 GB costs about a dollar" in text
    wanted = Wanted(10_000, {10**6: (10_000, 10**10)}, {}, 100, 164.0, 0.5, {"STANDARD": 10_000})
    assert 0.75 < cost(routes(wanted, US.without_allowances(), [])["cloudfront"]) < 1.25
    assert cost(routes(wanted, US, [])["cloudfront"]) < 0.5, "most of it covered by what is free"
    assert US.meters["cdn.egress_bytes"].price[0] == (10240, 0.085)
    assert US.meters["cdn.egress_bytes"].free == 1024
    assert "about $0.085 a GB through CloudFront in the first 10 TB above its free TB" in text
