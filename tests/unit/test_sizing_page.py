"""What docs/sizing.md says in figures is what forecasts are made of, and what Terraform makes."""

import re

import pytest

from local.children import ROOT
from shared.domain.instance import Places
from shared.pricing.speed import objects_a_second

TEXT = (ROOT / "docs" / "sizing.md").read_text()
ROWS = re.findall(r"^\| (\d+) ([KM])B(?: and more)? \| (.+) \|$", TEXT, re.MULTILINE)
PLACES = Places()


def figures(value: float, count: int) -> float:
    """As much of a number as the page gives."""
    return float(f"{value:.{count}g}")


def test_there_is_a_table() -> None:
    assert [f"{number} {unit}B" for number, unit, _ in ROWS] == ["10 KB", "100 KB", "333 KB", "1 MB", "10 MB", "100 MB"]


@pytest.mark.parametrize(("number", "unit", "cells"), ROWS)
def test_an_instance_manages_so_much(number: str, unit: str, cells: str) -> None:
    size = int(number) * {"K": 10**3, "M": 10**6}[unit]
    rate = objects_a_second(size, PLACES)
    objects, megabytes, *hours = (float(cell) for cell in cells.split(" | "))
    assert objects == figures(rate, 3)
    assert megabytes == figures(rate * size / 1e6, 2)
    assert hours == [figures(10**12 / size / rate / instances / 3600, 2) for instances in (10, 120, 300)]


def test_scales_and_quotas_are_terraform_s() -> None:
    sizes = (ROOT / "terraform" / "modules" / "job" / "sizes.tf").read_text()
    scales = {
        name: tuple(map(int, counts))
        for name, *counts in re.findall(
            r"^    (\w+) += \{ lister = (\d+), transfer = (\d+), verifier = (\d+) \}", sizes, re.MULTILINE
        )
    }
    for name in ("start", "large", "petabyte"):
        assert re.search(rf"`{name}` \({scales[name][1]}\)", TEXT), name
    for name in ("large", "petabyte"):
        lister, transfer, verifier = scales[name]
        gib = lister + verifier + transfer * 0.5
        assert f"| `{name}` | {lister + transfer + verifier} vCPU, {gib:.0f} GiB |" in TEXT
