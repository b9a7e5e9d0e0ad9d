"""What is in a plan, as `terraform show -json` writes it, whichever module it is in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser


@dataclass(frozen=True)
class Resource:
    address: str
    kind: str
    name: str
    values: dict[str, Any]

    @property
    def module(self) -> str:
        """Which job it belongs to: `module.job`."""
        return self.address.removesuffix(f".{self.address.split('.', 2)[2]}")


def resources(plan: dict[str, Any], kind: str = "") -> list[Resource]:
    """What is planned, of a kind or of all. One of which nothing is known before an apply has no values."""
    found = [
        Resource(item["address"], item["type"], item["name"], item.get("values", {}))
        for item in _walk(plan["planned_values"]["root_module"])
    ]
    return [item for item in found if item.kind == kind or not kind]


def _walk(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (item for item in module.get("resources", []) if item["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _walk(child)


def configured(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources as they are written in the module of a job."""
    (call,) = plan["configuration"]["root_module"]["module_calls"].values()
    found: list[dict[str, Any]] = call["module"]["resources"]
    return found


def awaited(plan: dict[str, Any], address: str) -> set[str]:
    """Everything that is made before a resource: what it refers to and depends on, and what that does, and so on."""
    direct = {item["address"]: _references(item) for item in configured(plan)}
    found: set[str] = set()
    open_ = [address]
    while open_:
        for name in direct.get(open_.pop(), ()):
            if name in direct and name not in found:
                found.add(name)
                open_.append(name)
    return found


def _references(item: object) -> set[str]:
    """Addresses of resources in an expression, without keys and attributes."""
    if isinstance(item, list):
        return {name for part in item for name in _references(part)}
    if isinstance(item, dict):
        return {name for part in item.values() for name in _references(part)}
    if not isinstance(item, str) or item.count(".") < 1:
        return set()
    return {".".join(item.split("[")[0].split(".")[:2])}


def queries(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """The PromQL of every alert and every chart, with what it belongs to."""
    found = []
    for policy in resources(plan, "google_monitoring_alert_policy"):
        for condition in policy.values["conditions"]:
            found += [(policy.address, one["query"]) for one in condition["condition_prometheus_query_language"]]
    for board in resources(plan, "google_monitoring_dashboard"):
        for tile in json.loads(board.values["dashboard_json"])["mosaicLayout"]["tiles"]:
            for line in tile["widget"]["xyChart"]["dataSets"]:
                title = f"{board.address}: {tile['widget']['title']}"
                found.append((title, line["timeSeriesQuery"]["prometheusQuery"]))
    return found


def selectors(query: str) -> list[dict[str, str]]:
    """The labels that each series in a query is chosen by."""
    return [{at.name: at.value for at in one.matchers.matchers} for one in _series(promql_parser.parse(query))]


def _series(part: Any) -> Iterator[Any]:
    if isinstance(part, promql_parser.VectorSelector):
        yield part
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if hasattr(part, name):
            yield from _series(getattr(part, name))
    for argument in getattr(part, "args", ()):
        yield from _series(argument)
