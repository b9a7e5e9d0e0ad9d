"""A Terraform that can be used here: its providers must be within reach.

TERRAFORM names the command, as `make tf-check` sets it; without it nothing here runs. TERRAFORM_STANDS_IN=1 says that its google provider reaches no cloud, so that it may apply.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.children import ROOT

COMMAND = os.environ.get("TERRAFORM", "")
collect_ignore = [] if COMMAND else ["test_terraform.py"]
STANDS_IN = os.environ.get("TERRAFORM_STANDS_IN") == "1"
PARTS = ("terraform", "functions", "shared")


@dataclass(frozen=True)
class Terraform:
    """A copy of the project, and the folder in it in which Terraform runs."""

    root: Path
    name: str = "terraform"

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, f"-chdir={self.folder}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
        return done

    def plan(self, *more: str) -> dict[str, Any]:
        """What would be done, as JSON."""
        self("plan", "-input=false", "-no-color", "-var-file=example.tfvars", "-out=plan", *more)
        found: dict[str, Any] = json.loads(self("show", "-json", "plan").stdout)
        return found

    def plant(self, file: str, right: str, wrong: str) -> None:
        """Put a mistake in the place of what is right."""
        path = self.folder / file
        text = path.read_text()
        assert right in text
        path.write_text(text.replace(right, wrong, 1))


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(
            ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*")
        )
    shutil.copyfile(ROOT / "requirements.txt", root / "requirements.txt")
    done = Terraform(root)("init", "-backend=false", "-input=false", "-no-color", check=False)
    if done.returncode:
        raise AssertionError(f"the providers are out of reach: {done.stderr}")
    return root


@pytest.fixture
def terraform(initialised: Path, tmp_path: Path) -> Terraform:
    """A copy of its own for each test."""
    root = tmp_path / "project"
    shutil.copytree(initialised, root, symlinks=True)
    return Terraform(root)
