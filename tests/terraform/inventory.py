"""What a plan is held to: how many of each kind of resource, and what some of them say.

An inventory is a YAML file beside the tests: `counts`, of every kind there is, and `values`, by address, of which a plan
may say more. A count may be a list of firestore.indexes.json, whose length it is for each job. In the manner of
cloud-foundation-fabric's tests.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from local.children import ROOT
from tests.terraform.plans import resources

FOLDER = Path(__file__).parent / "inventories"


def differences(plan: dict[str, Any], name: str) -> list[str]:
    """A line for each thing in which a plan and an inventory differ."""
    wanted = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    found = {item.address: item.values for item in resources(plan)}
    counts = Counter(item.kind for item in resources(plan))
    table, jobs = (
        json.loads((ROOT / "terraform" / "firestore.indexes.json").read_text()),
        counts["google_firestore_database"],
    )
    expected = {
        kind: len(table[count]) * jobs if isinstance(count, str) else count for kind, count in wanted["counts"].items()
    }
    differing = [
        f"{kind}: {counts[kind]}, and not {expected.get(kind, 0)}"
        for kind in sorted({*counts, *expected})
        if counts[kind] != expected.get(kind, 0)
    ]
    for address, values in wanted["values"].items():
        if address not in found:
            differing.append(f"{address}: is not planned")
        else:
            differing += _differences(address, values, found[address])
    return differing


def _differences(place: str, wanted: Any, found: Any) -> list[str]:
    if isinstance(wanted, dict):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, dict):
            return [f"{place}: {found!r}, and not {wanted!r}"]
        return [line for key, value in wanted.items() for line in _differences(f"{place}.{key}", value, found.get(key))]
    return [] if wanted == found else [f"{place}: {found!r}, and not {wanted!r}"]
