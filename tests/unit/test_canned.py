"""The benchmarks' canned stores answer all that a run asks: what they measure is a whole run."""

import pytest

from benchmarks.canned import Canned
from benchmarks.scan import canned_ours
from benchmarks.walk import sides, walk


def test_a_canned_scan_finds_every_key_unchanged() -> None:
    assert canned_ours(Canned.make(3)) > 0


@pytest.mark.parametrize("manifest", [False, True])
def test_a_canned_walk_finds_both_sides_alike(manifest: bool) -> None:
    assert walk(*sides(3), manifest) > 0
