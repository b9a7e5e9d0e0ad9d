"""The emulators know nothing of what lies around them, nobody deployed knows them, and nothing goes round in circles."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EMULATORS = "local.emulators"
MOST_LINES = 300

Graph = dict[str, set[str]]


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Every name that a file imports, wherever in it; with what `from … import` takes out of each."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def graph(paths: Iterable[Path]) -> Graph:
    """Which modules each module imports, among these. A package is an edge only where it is what was named."""
    modules = {module_of(path): path for path in paths}
    return {name: (imports(path) & modules.keys()) - {name} for name, path in modules.items()}


def circles(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan's)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(component)

    for node in edges:
        if node not in index:
            visit(node)
    return found


def roots(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def service(module: str) -> str:
    """The service that a module of the emulators belongs to; empty for what they share."""
    parts = module.split(".")
    folder = ROOT / "local" / "emulators" / parts[2] if len(parts) > 2 else None
    return parts[2] if folder is not None and folder.is_dir() else ""


@pytest.mark.parametrize("path", files("local/emulators"), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_emulator_imports_neither_the_project_nor_the_tools_nor_another_service(path: Path) -> None:
    names, here = imports(path), module_of(path)
    assert not roots(names) & {"shared", "functions", "tests", "benchmarks", "acceptance", "cli"}
    ours = {name for name in names if name.partition(".")[0] == "local"}
    tools = {name for name in ours if name != EMULATORS and not name.startswith(f"{EMULATORS}.")}
    assert not tools, f"{here} may not import the tools around it: {tools}"
    if path.stem != "__main__":
        others = {name for name in ours if service(name) not in ("", service(here))}
        assert not others, f"{here} may not import another service: {others}"


@pytest.mark.parametrize("path", files("local/faults"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_proxy_of_faults_knows_neither_client_nor_server(path: Path) -> None:
    names = imports(path)
    assert not roots(names) & {"shared", "functions", "tests", "benchmarks", "acceptance", "cli"}
    ours = {name for name in names if name.startswith("local.") and not name.startswith("local.faults")}
    named = {name for name in ours if not name.startswith(("local.children", "local.emulators.loopback"))}
    assert named <= {"local.emulators"}, f"{module_of(path)} may not import {named}"


@pytest.mark.parametrize("path", files("shared", "functions"), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_deployed_imports_the_stack(path: Path) -> None:
    assert not roots(imports(path)) & {"local", "tests", "benchmarks", "acceptance", "cli"}


@pytest.mark.parametrize("folder", ["shared", "cli", "local", "acceptance", "benchmarks"])
def test_no_file_needs_itself(folder: str) -> None:
    assert not circles(graph(files(folder)))


def test_a_circle_would_be_found() -> None:
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"a"}, "g": {"h"}, "h": {"g"}}
    assert sorted(map(sorted, circles(edges))) == [["a", "b", "c"], ["g", "h"]]
    assert graph(files("local"))["local.stack"] >= {"local.provisioning", "local.emulators.edge.key_pair"}


@pytest.mark.parametrize("path", files("local"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long_and_every_room_says_what_may_not_enter(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    if path.name == "__init__.py":
        told = ast.get_docstring(ast.parse(text)) or ""
        assert "not enter" in told, f"{path.parent.name} does not say what may not enter"
