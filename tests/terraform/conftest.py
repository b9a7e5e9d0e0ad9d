"""A Terraform that can be used here: its providers must be within reach.

TERRAFORM names the command, as `make tf-check` sets it; without it nothing here runs. TERRAFORM_STANDS_IN=1 says that
its google provider reaches no cloud, so that it may apply.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from local.children import ROOT

COMMAND = os.environ.get("TERRAFORM", "")
collect_ignore = [] if COMMAND else ["test_terraform.py", "test_plans.py"]
STANDS_IN = os.environ.get("TERRAFORM_STANDS_IN") == "1"
PARTS = ("terraform", "functions", "shared")
MODULE = "terraform/modules/job"
ROOTS = ("terraform", MODULE, "terraform/examples/several-jobs")


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
        done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
        return done

    def plan(self, *more: str) -> dict[str, Any]:
        """What would be done, as JSON."""
        self("plan", "-input=false", "-no-color", "-out=plan", *more)
        found: dict[str, Any] = json.loads(self("show", "-json", "plan").stdout)
        return found

    def plant(self, file: str, right: str, wrong: str) -> None:
        """Put a mistake in the place of what is right, in the module of a job."""
        path = self.root / MODULE / file
        text = path.read_text()
        assert right in text, f"{file} has no {right}"
        path.write_text(text.replace(right, wrong, 1))


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(
            ROOT / part,
            root / part,
            ignore=shutil.ignore_patterns("__pycache__", ".terraform*", ".build", "*.tfstate*"),
        )
    shutil.copyfile(ROOT / "requirements.lock", root / "requirements.lock")
    for name in ROOTS:
        done = Terraform(root, name)("init", "-backend=false", "-input=false", "-no-color", check=False)
        if done.returncode:
            raise AssertionError(f"the providers are out of reach: {done.stderr}")
    return root


@pytest.fixture
def terraform(initialised: Path, tmp_path: Path) -> Terraform:
    """A copy of its own for each test."""
    root = tmp_path / "project"
    shutil.copytree(initialised, root, symlinks=True)
    return Terraform(root)


@pytest.fixture
def empty_moto(moto: str) -> str:
    """Moto with nothing in it, for what applies: what the test before made has names that this one's may have too."""
    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST"), timeout=30).close()
    return moto


@pytest.fixture
def variables(tmp_path: Path) -> Terraform:
    """The variables of a job and their rules alone, which no provider is needed for: a test of them takes a second."""
    root = tmp_path / "variables"
    (root / MODULE / "tests").mkdir(parents=True)
    for path in (*(ROOT / MODULE).glob("variables*.tf"), ROOT / MODULE / "sizes.tf"):
        shutil.copyfile(path, root / MODULE / path.name)
    shutil.copyfile(Path(__file__).with_name(INPUT), root / MODULE / "tests" / INPUT)
    return Terraform(root, MODULE)


INPUT = "input.tftest.hcl"
"""Every contradiction."""


@pytest.fixture(scope="session")
def plans(initialised: Path, moto: str) -> Callable[[str], dict[str, Any]]:
    """The plan of an example, made once."""

    @cache
    def plan(name: str) -> dict[str, Any]:
        root, *more = EXAMPLES[name]
        terraform = Terraform(initialised, root)
        moto_side(terraform, moto)
        return terraform.plan(*more)

    return plan


EXAMPLES = {
    "example": ("terraform", "-var-file=example.tfvars"),
    "petabyte": ("terraform", "-var-file=examples/petabyte.tfvars"),
    "several-jobs": ("terraform/examples/several-jobs",),
}
"""Each with the folder that it is planned in; its inventory has the same name."""

MOTO = """
provider "aws" {{
  access_key        = "test"
  secret_key        = "test"
  s3_use_path_style = true
  endpoints {{
    cloudfront  = "{0}"
    cloudwatch  = "{0}"
    eventbridge = "{0}"
    iam         = "{0}"
    s3          = "{0}"
    sqs         = "{0}"
    sts         = "{0}"
  }}
}}
"""


def moto_side(terraform: Terraform, moto: str) -> None:
    """Have the AWS side apply to moto."""
    (terraform.folder / "moto_override.tf").write_text(MOTO.format(moto))
