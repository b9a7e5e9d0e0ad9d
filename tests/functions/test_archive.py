"""What is deployed: main.py, requirements.txt (the lock) and shared/ in one folder, and nothing else of the repository."""

import ast
import base64
import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from local.children import ROOT, Child, clean_environment
from local.deployed import FUNCTIONS, SIGNATURES
from local.emulators.loopback import HOST, free_port
from local.stack import Stack

PEOPLES_TOOLS = ROOT / "shared" / "clients.py"
"""Not deployed: the functions install nothing of what it imports."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Stack]:
    with Stack(functions=()) as stack:
        yield stack


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_archive_serves_a_push_by_itself(servers: Stack, name: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", assembled(name, tmp_path / "assembled"))
    deployed = tmp_path / "deployed"
    shutil.unpack_archive(archive, deployed)
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", f"--source={deployed / 'main.py'}", f"--target={name}"]
    signature = SIGNATURES.get(name, "cloudevent")
    command += [f"--signature-type={signature}", f"--host={HOST}", f"--port={port}"]
    environment = clean_environment(servers.function_environment)
    del environment["PYTHONPATH"]
    child = Child(name, ["env", f"--chdir={deployed}", *command], environment, port, tmp_path / "log")
    child.start()
    try:
        child.wait_ready()
        message = {
            "data": base64.b64encode(b"malformed").decode(),
            "messageId": "1",
            "publishTime": "2026-11-21T05:00:00Z",
        }
        body = json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()
        request = urllib.request.Request(f"http://{HOST}:{port}/", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status in (200, 204)
        assert "malformed message" in child.log.read_text()
    finally:
        child.stop()


def assembled(name: str, folder: Path) -> Path:
    folder.mkdir()
    for file in ("main.py", "requirements.txt"):
        shutil.copyfile(ROOT / "functions" / name / file, folder / file)
    ignored = shutil.ignore_patterns("__pycache__", PEOPLES_TOOLS.name)
    shutil.copytree(ROOT / "shared", folder / "shared", ignore=ignored)
    return folder


def test_the_requirements_hold_all_that_is_imported() -> None:
    required = {
        line.split("==")[0].lower() for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line
    }
    owners = packages_distributions()
    google = {"google.auth": "google-auth", "google.oauth2": "google-auth", "google.api_core": "google-api-core", "google.pubsub_v1": "google-cloud-pubsub",
              "google.cloud.firestore": "google-cloud-firestore", "google.cloud.firestore_v1": "google-cloud-firestore",
              "google.cloud.secretmanager_v1": "google-cloud-secret-manager"}  # fmt: skip
    for module in imported():
        if module.split(".")[0] in sys.stdlib_module_names or module.split(".")[0] == "shared":
            continue
        if module.startswith("google."):
            named = {owner for prefix, owner in google.items() if module == prefix or module.startswith(f"{prefix}.")}
        else:
            named = {owner.lower().replace("_", "-") for owner in owners[module.split(".")[0]]}
        assert named & required, f"{module} is imported and not required"


def imported() -> set[str]:
    found: set[str] = set()
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        if path == PEOPLES_TOOLS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return found


def test_what_only_people_s_tools_import_is_in_no_archive() -> None:
    terraform = (ROOT / "terraform" / "modules" / "job" / "functions.tf").read_text()
    assert f'["shared/{PEOPLES_TOOLS.name}"]' in terraform
    assert PEOPLES_TOOLS.exists()
