"""Seconds of CPU a key, as medians and ratios."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def medians(results: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Seconds of CPU a key → medians and ratios."""
    middle = {name: statistics.median(values) for name, values in results.items()}
    return {
        name: {
            "cpu_us_a_key": median * 1e6,
            "keys_a_second_a_core": 1 / median,
            "cpu_ratio_to_ours": median / middle["ours"],
            "runs_us_a_key": [value * 1e6 for value in results[name]],
        }
        for name, median in middle.items()
    }
