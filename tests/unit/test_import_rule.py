"""Which room may import which. Arrows point one way; the rooms that promise to be pure import pure libraries only.

domain ← ledger ← ports ← runs ← ranges ← listing, verifying
         pricing          copying, reporting                  ← bootstrap ← entrypoints ← functions
                          http ← aws, gcp                              ← cli, which nothing imports
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CORE = {"shared.domain", "shared.ledger", "shared.pricing"}

ALLOWED = {
    "shared.domain": set[str](),
    "shared.ledger": {"shared.domain"},
    "shared.pricing": {"shared.domain"},
    "shared.ports": {"shared.domain", "shared.ledger"},
    "shared.runs": {*CORE, "shared.ports"},
    "shared.ranges": {*CORE, "shared.ports", "shared.runs"},
    "shared.listing": {*CORE, "shared.ports", "shared.ranges", "shared.runs"},
    "shared.verifying": {*CORE, "shared.ports", "shared.ranges", "shared.reporting", "shared.runs"},
    "shared.copying": {*CORE, "shared.ports", "shared.runs"},
    "shared.reporting": {*CORE, "shared.ports", "shared.version"},
    "shared.http": {"shared.domain", "shared.ports", "shared.version"},
    "shared.aws": {"shared.domain", "shared.http", "shared.ports"},
    "shared.gcp": {"shared.domain", "shared.http", "shared.ledger", "shared.ports"},
    "shared.settings": {*CORE},
    "shared.telemetry": set[str](),
    "shared.clients": set[str](),
    "shared.clock": set[str](),
    "shared.version": set[str](),
    "shared.bootstrap": {
        *CORE,
        "shared.aws",
        "shared.clock",
        "shared.copying",
        "shared.gcp",
        "shared.http",
        "shared.listing",
        "shared.ports",
        "shared.ranges",
        "shared.reporting",
        "shared.runs",
        "shared.settings",
        "shared.telemetry",
        "shared.verifying",
    },
    "shared.entrypoints": {
        "shared.bootstrap",
        "shared.copying",
        "shared.domain",
        "shared.ledger",
        "shared.ports",
        "shared.telemetry",
        "shared.version",
    },
    "functions": {"shared.bootstrap", "shared.domain", "shared.entrypoints"},
    "cli": {
        *CORE,
        "shared.bootstrap",
        "shared.clients",
        "shared.clock",
        "shared.copying",
        "shared.listing",
        "shared.ports",
        "shared.reporting",
        "shared.runs",
        "shared.settings",
        "shared.version",
    },
}
"""What each room may import of ours, besides itself."""

PURE_ROOMS = ("domain", "ledger", "pricing")
PURE_LIBRARIES = {"awscrt", "orjson", "pydantic"}
"""Libraries that compute and do nothing else: awscrt for its checksums."""

IMPURE = {
    "asyncio",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "select",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
}
"""Of the standard library: what reads a clock, chance, the environment, a disk or a network."""

LONGEST_FILE = 300

FILES = sorted(path for folder in ("shared", "functions", "cli") for path in (ROOT / folder).rglob("*.py"))
CODE = sorted(
    path
    for folder in ("shared", "functions", "local", "benchmarks", "acceptance", "cli")
    for path in (ROOT / folder).rglob("*.py")
)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = node.module == "shared" or (ROOT / node.module.replace(".", "/")).is_dir()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if package else {node.module}
    return found


def room(module: str) -> str:
    return max((name for name in ALLOWED if module == name or module.startswith(f"{name}.")), key=len, default="")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    here = room(module_of(path))
    ours = {
        name
        for name in imports(path)
        if name.split(".")[0] in ("shared", "functions", "local", "acceptance", "tests", "cli")
    }
    wrong = {name for name in ours if room(name) not in ALLOWED.get(here, set()) | {here}}
    assert not wrong, f"{module_of(path)} may not import {wrong}"


@pytest.mark.parametrize(
    "path", [path for path in CODE if "cli" not in path.parts], ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_imports_the_tool(path: Path) -> None:
    assert "cli" not in {name.split(".")[0] for name in imports(path)}


def test_every_room_is_named() -> None:
    assert {
        room(module_of(path)) for path in FILES if path.parent != ROOT / "shared" or path.stem != "__init__"
    } == set(ALLOWED)


def test_one_file_owns_the_shape_of_prefix_documents() -> None:
    users = {module_of(path) for path in FILES if "shared.ports.prefix_store" in imports(path)}
    assert users == {"shared.ports.stores", "shared.runs.prefix_notes"}


@pytest.mark.parametrize("name", PURE_ROOMS)
def test_pure_rooms_import_pure_libraries_only(name: str) -> None:
    for path in (ROOT / "shared" / name).rglob("*.py"):
        foreign = {module for module in imports(path) if not module.startswith("shared.")}
        third_party = {module.split(".")[0] for module in foreign} - sys.stdlib_module_names
        assert third_party <= PURE_LIBRARIES, f"{path.name} imports {third_party - PURE_LIBRARIES}"
        impure = {module for module in foreign if module in IMPURE or module.split(".")[0] in IMPURE}
        assert not impure, f"{path.name} imports {impure}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("name", ["lister", "transfer", "verifier"])
def test_entry_points_stay_thin(name: str) -> None:
    assert len((ROOT / "functions" / name / "main.py").read_text().splitlines()) <= 30
