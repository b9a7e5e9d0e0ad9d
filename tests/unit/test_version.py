"""One version, from one place, wherever a person may look for it."""

import json
import tomllib
from importlib import import_module

import pytest
from typer.testing import CliRunner

from cli.app import app
from local.children import ROOT
from shared.entrypoints.instance import Instance
from shared.http import USER_AGENT
from shared.reporting.page import page
from shared.version import VERSION
from tests.unit.test_report import GOOD
from tests.world import SETTINGS


def test_a_wheel_is_of_this_version() -> None:
    """As `pip install .` reads it: https://setuptools.pypa.io/en/latest/userguide/pyproject_config.html"""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in config["project"]["dynamic"]
    module, _, name = config["tool"]["setuptools"]["dynamic"]["version"]["attr"].rpartition(".")
    assert getattr(import_module(module), name) == VERSION


def test_the_tool_the_wire_and_the_report_say_it() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"bucket-transfer {VERSION}\n"
    assert f"bucket-transfer/{VERSION}" == USER_AGENT
    assert f"<dd>bucket-transfer {VERSION}</dd>" in page(GOOD)


def test_it_is_the_first_line_that_an_instance_logs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name.upper(), str(value))
    Instance("list")
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["message"], said["version"], said["function"]) == ("an instance starts", VERSION, "list")
