"""What a plan is held to: how many of each kind of resource, and what some of them say.

An inventory is a YAML file beside the tests: `counts`, of every kind there is, and `values`, by address, of which a plan
may say more. In the manner of cloud-foundation-fabric's tests.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.terraform.plans import resources

FOLDER = Path(__file__).parent / "inventories"


def differences(plan: dict[str, Any], name: str) -> list[str]:
    """A line for each thing in which a plan and an inventory differ."""
    wanted = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    found = {item.address: item.values for item in resources(plan)}
    counts = Counter(item.kind for item in resources(plan))
    differing = [
        f"{kind}: {counts[kind]}, and not {wanted['counts'].get(kind, 0)}"
        for kind in sorted(counts | wanted["counts"])
        if counts[kind] != wanted["counts"].get(kind, 0)
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
