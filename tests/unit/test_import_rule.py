"""functions → wiring → adapters → core, and functions → workflows → ports, core. Nothing points back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = {
    "shared.core": {"shared.core"},
    "shared.ports": {"shared.core"},
    "shared.config": {"shared.core"},
    "shared.telemetry": set(),
    "shared.runtime": set(),
    "shared.workflows": {"shared.workflows", "shared.ports", "shared.core"},
    "shared.adapters": {"shared.adapters", "shared.ports", "shared.core"},
    "shared.wiring": {
        "shared.adapters",
        "shared.workflows",
        "shared.ports",
        "shared.core",
        "shared.config",
        "shared.telemetry",
    },
    "shared.instance": {"shared.wiring", "shared.runtime", "shared.telemetry"},
    "shared.handling": {"shared.instance", "shared.wiring", "shared.runtime", "shared.telemetry", "shared.core"},
    "shared.on_demand": {"shared.instance", "shared.runtime", "shared.workflows", "shared.core"},
    "shared.manage": {"shared.wiring", "shared.ports", "shared.core"},
    "functions": {"shared.handling", "shared.on_demand", "shared.instance", "shared.wiring", "shared.core"},
}
PURE_LIBRARIES = {"pydantic", "google_crc32c"}
IMPURE = {"os", "time", "random", "socket", "logging", "subprocess", "asyncio", "threading"}

FILES = sorted(path for folder in ("shared", "functions") for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" if node.module == "shared" else node.module for alias in node.names}
    return found


def room(module: str) -> str:
    return max((name for name in ALLOWED if module == name or module.startswith(f"{name}.")), key=len, default="")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    here = room(module_of(path))
    ours = {name for name in imports(path) if name.split(".")[0] in ("shared", "functions", "local", "tests")}
    wrong = {name for name in ours if room(name) not in ALLOWED.get(here, set())}
    assert not wrong, f"{module_of(path)} may not import {wrong}"


@pytest.mark.parametrize("path", sorted((ROOT / "shared/core").glob("*.py")), ids=lambda path: path.stem)
def test_the_core_is_pure(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & IMPURE
    assert not {name for name in roots if name in ("google", "botocore", "boto3", "aiohttp", "grpc", "uvloop", "yarl")}


@pytest.mark.parametrize("name", ["lister", "transfer", "verifier"])
def test_entry_points_stay_thin(name: str) -> None:
    assert len((ROOT / "functions" / name / "main.py").read_text().splitlines()) <= 30
