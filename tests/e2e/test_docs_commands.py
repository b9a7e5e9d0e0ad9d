"""Each command that a document shows is typed here, on the local stack; what needs an account is skipped, and says why."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from local import runs
from local.clients import s3_client
from local.emulators.loopback import HOST, free_port
from local.names import PROJECT, SOURCE
from local.sample import Sample, load
from local.stack import Stack
from local.stack_file import written
from local.up import _serve_bill
from tests.documents import EVERY, ROOT, Command

KEYS = ("a/b.jpg", "a/c.jpg", "2021/0001.jpg", "photos/2021/0001.jpg", "photos/2021/0002.jpg", "docs/README.md")
"""What the documents' examples name, and a little more."""

ELSEWHERE = {
    r"make demo": "tests/e2e/test_demo.py runs what it starts",
    r"make test": "it is what runs this",
    r"make schedules .*": "tests/schedules runs what it starts",
    r"make chaos .*": "tests/chaos runs what it starts",
    r"make foreign.*": "tests/foreign runs what it starts",
    r"make acceptance LIVE=1 .*": "it asks live services; tests/e2e/test_acceptance.py asks the stack",
    r"terraform .*(init|plan|apply|destroy|state rm).*": "it needs providers and accounts; tests/terraform plans it",
    r"gcloud auth .*": "it signs a person in",
    r"gcloud (beta )?(services|scheduler) .*": "it changes a project",
    r"gcloud logging .*": "the stack has no Cloud Logging",
    r"aws sts .*": "the stack has no STS",
    r"bucket-transfer --install-completion": "it changes a person's shell",
    r"bucket-transfer cancel .*": "it ends a run that is going; tests/e2e/test_cli.py ends one",
}
"""What is not typed here. Its flags are held by tests/unit/test_docs.py."""

YES = {"doctor", "explain", "failures", "plan", "run", "runs", "verify"}
"""Whose answer is yes for a bucket that is in order; that of others may be no, as where there is nothing to try again."""

NO = {
    "bucket-transfer run docs/ --force --wait",
    "bucket-transfer failures docs/",
    "bucket-transfer verify docs/ --no-repair --wait",
    "bucket-transfer report",
}
"""Whose answer is no where docs/use.md shows them: what it makes there is mended by the lines that follow."""

RUN_NAME = re.compile(r"RUN|(list|verify)-\d{8}T\d{6}-\d+")
"""A run's, as documents write it."""

APPLIED = re.compile(r"\bterraform -chdir=terraform output\b|--terraform terraform\b|bucket-transfer use photos$")
"""Of a folder from which a job was applied."""


class Typist:
    """here: a folder with the local stack's file. applied: one with the state of a job that was applied to it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.here, self.applied = folder / "here", folder / "applied"
        self.environment = {**stack.environment, "TRANSFER_URL": stack.url("transfer")}
        bill = free_port()
        _serve_bill(stack, bill)
        self.environment["BILL_URL"] = f"http://{HOST}:{bill}/"
        written(self.environment, self._made(self.here) / ".local" / "env")
        outputs = {
            "environment": {name: value for name, value in stack.environment.items() if name != "AWS_ENDPOINT_URL_S3"},
            "reports": f"gs://{stack.environment['REPORT_BUCKET']}/default/",
            "dashboard": "https://console.cloud.google.com/monitoring/dashboards/builder/1",
            "quota": "18 vCPU and 13.0 GiB",
        }
        kinds = {name: "string" if isinstance(value, str) else ["map", "string"] for name, value in outputs.items()}
        state = {
            "version": 4,
            "terraform_version": "1.11.0",
            "serial": 1,
            "lineage": "a-test",
            "outputs": {name: {"value": value, "type": kinds[name]} for name, value in outputs.items()},
            "resources": [],
        }
        (self._made(self.applied) / "terraform" / "terraform.tfstate").write_text(json.dumps(state))

    @staticmethod
    def _made(folder: Path) -> Path:
        (folder / ".local").mkdir(parents=True)
        (folder / "terraform").mkdir()
        for name in ("README.md", "terraform/example.tfvars"):
            shutil.copyfile(ROOT / name, folder / name)
        return folder

    def folder(self, command: Command) -> Path:
        return self.applied if APPLIED.search(command.line) else self.here

    def tool(self, arguments: list[str]) -> tuple[int, str]:
        """`bucket-transfer`, without a terminal."""
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        return done.exit_code, done.stdout + done.stderr

    def shell(self, line: str, folder: Path) -> str:
        """Any other, in a shell that has sourced the stack's file."""
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{self.environment['PUBSUB_EMULATOR_HOST']}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.environment['STORAGE_EMULATOR_HOST']}/storage/v1/",
        }
        script = f"set -euo pipefail; source {self.here}/.local/env; {line}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=given, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def last_run(self, like: str) -> str:
        """The newest one, of the kind that an example's name begins with; it has ended, and left its report."""
        self.stack.tick("close")
        runs.wait_until(lambda: not any((self.stack.backlog() or {}).values()), 60)
        status, said = self.tool(["runs", "--json"])
        assert status == 0, said
        names = [str(run["run"]) for run in json.loads(said)]
        kind = like.partition("-")[0]
        return [name for name in names if kind == "RUN" or name.startswith(f"{kind}-")][-1]


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    with Stack() as stack:
        load(s3_client(stack.environment), SOURCE, [Sample(key, 10, 1) for key in KEYS], lambda size: None)
        made = Typist(stack, tmp_path_factory.mktemp("typist"))
        stack.tick("list")
        runs.wait_until(lambda: not any((stack.backlog() or {}).values()), 60)
        yield made


@pytest.fixture(autouse=True)
def at_home(typist: Typist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(typist.here / "config"))
    for name in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("BROWSER", "true")


def filled(command: Command, typist: Typist) -> list[str]:
    """The arguments, with something for what a document leaves open, and numbers of a bucket of six objects."""
    words = list(command.arguments)
    words = [typist.last_run(word) if RUN_NAME.fullmatch(word) else word for word in words]
    words = [{"KEY": KEYS[0], "PREFIX": "a/"}.get(word, word) for word in words]
    if words[0] == "plan" and "--objects" in words:
        words = ["plan", "--most", "3", "--objects", words[words.index("--objects") + 1]]
    if words[0] == "forget" and "--yes" not in words:
        words.append("--yes")  # a person is asked, and nobody can be here
    return words


LINES = list({command.line.removeprefix(".venv/bin/"): command for command in EVERY}.values())


@pytest.mark.parametrize("command", LINES, ids=lambda command: command.line)
def test_what_a_document_shows_can_be_typed(command: Command, typist: Typist, monkeypatch: pytest.MonkeyPatch) -> None:
    line = command.line.removeprefix(".venv/bin/")
    for pattern, why in ELSEWHERE.items():
        if re.fullmatch(pattern, line):
            pytest.skip(f"not typed here: {why}")
    for name in {command.tool, "terraform"} if APPLIED.search(line) else {command.tool}:
        if name not in ("bucket-transfer", "source", "eval", "cp") and shutil.which(name) is None:
            pytest.skip(f"there is no {name} here")
    folder = typist.folder(command)
    monkeypatch.chdir(folder)
    if command.tool != "bucket-transfer":
        typist.shell(line.replace("photos-", ""), folder)
        return
    if folder == typist.applied:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(typist.applied / "config"))
    status, said = typist.tool(filled(command, typist))
    if line in NO:
        assert status == 3, said
    else:
        may_be_no = command.arguments[0] not in YES and "docs/" not in command.arguments
        assert status == 0 or (status == 3 and may_be_no), said
    if command.arguments[0] == "pause":
        assert typist.tool(["resume"])[0] == 0
    if command.arguments[0] == "ceiling":
        assert typist.tool(["ceiling", "--none"])[0] == 0


def test_what_is_not_typed_is_still_shown() -> None:
    """A reason that no command needs any more is taken away."""
    for pattern in ELSEWHERE:
        assert any(re.fullmatch(pattern, command.line.removeprefix(".venv/bin/")) for command in LINES), pattern
