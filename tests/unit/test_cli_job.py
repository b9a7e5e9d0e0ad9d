"""Which job a command is about, and what it says if there is none."""

import asyncio
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import text
from typer.main import get_command
from typer.testing import CliRunner

from cli.app import app
from cli.exits import CommandError
from cli.job import FoundJob, enter, find, see_it_run
from cli.output import Output, dollars, size, visible
from cli.profiles import Profiles, parsed
from cli.scope import for_shell
from cli.session import Session
from cli.waiting import until_over
from local.emulators.loopback import free_port
from shared.ports.run_store import OpenRun
from shared.settings import load
from tests.world import SETTINGS

LIVE = {name.upper(): str(value) for name, value in SETTINGS.items()}


REFUSED = """There are some problems with the CLI configuration:
╷
│ Warning: Unable to open CLI configuration file
╵


${red}Error: Output "environment" not found

The output variable requested could not be found in the state file.
"""
"""What Terraform 1.11 says of a folder that was not applied, to whom it also has something else to tell."""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "TERRAFORM": str(terraform(tmp_path, LIVE))}


def terraform(folder: Path, settings: Mapping[str, str | None], status: int = 0) -> Path:
    """What stands in for the program: answers as it does, with colours unless it is asked for none."""
    program = folder / "terraform-stands-in"
    told = f"cat <<'END'\n{json.dumps(settings)}\nEND" if not status else f"cat >&2 <<END\n{REFUSED}END"
    colour = "case $* in *-no-color*) red=;; *) red=$(printf '\\033[31m');; esac"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\n{colour}\n{told}\nexit {status}\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return program


def applied(folder: Path) -> Path:
    (folder / "terraform").mkdir(exist_ok=True)
    (folder / "terraform" / "terraform.tfstate").write_text("{}")
    return folder


def stack(folder: Path, job: str = "default") -> Path:
    (folder / ".local").mkdir(exist_ok=True)
    lines = {**LIVE, "JOB": job, "SOURCE_BUCKET": "of the stack"}
    (folder / ".local" / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in lines.items()))
    return folder


def test_an_environment_with_a_job_s_settings_is_that_job(tmp_path: Path, home: dict[str, str]) -> None:
    found = find(None, None, {**home, **LIVE}, applied(stack(tmp_path)))
    assert (found.where, found.environment["SOURCE_BUCKET"]) == ("the environment", "source")


def test_the_saved_job_in_use_comes_before_what_lies_here(tmp_path: Path, home: dict[str, str]) -> None:
    profiles = Profiles(home)
    profiles.save("photos", {**LIVE, "JOB": "photos"})
    assert find(None, None, home, applied(tmp_path)).where.startswith("terraform output in")
    profiles.use("photos")
    assert find(None, None, home, applied(tmp_path)).name == "photos"
    assert find(None, None, home, applied(tmp_path), saved=False).name == "job"


def test_the_configuration_here_comes_before_the_local_stack_and_this_is_found_from_below(
    tmp_path: Path, home: dict[str, str]
) -> None:
    below = stack(tmp_path) / "a" / "b"
    below.mkdir(parents=True)
    assert find(None, None, home, below).environment["SOURCE_BUCKET"] == "of the stack"
    assert find(None, None, home, applied(tmp_path)).where == f"terraform output in {tmp_path / 'terraform'}"
    assert (tmp_path / "asked").read_text() == f"-chdir={tmp_path / 'terraform'} output -json -no-color environment\n"


def test_a_name_means_the_saved_job_or_whatever_here_has_it(tmp_path: Path, home: dict[str, str]) -> None:
    Profiles(home).save("photos", {**LIVE, "JOB": "theirs"})
    assert find("photos", None, home, tmp_path).name == "theirs"
    assert find("second", None, home, applied(stack(tmp_path, "second"))).where.startswith("the local stack")
    with pytest.raises(CommandError, match=r"no job 'third' is known \(saved jobs: photos\)"):
        find("third", None, home, tmp_path)
    with pytest.raises(CommandError, match="is the job 'job', not 'other'"):
        find("other", tmp_path, home, tmp_path)


def test_nothing_found_says_what_to_do(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(CommandError, match=r"no job is known here: name one .*--terraform DIR.*make up"):
        find(None, None, home, tmp_path)


def test_a_configuration_that_cannot_say_is_told_in_a_line(tmp_path: Path, home: dict[str, str]) -> None:
    refuses = {**home, "TERRAFORM": str(terraform(tmp_path, {}, status=1))}
    with pytest.raises(CommandError) as refused:
        find(None, tmp_path, refuses, tmp_path)
    asked = f"{refuses['TERRAFORM']} -chdir={tmp_path} output -json -no-color environment"
    assert str(refused.value) == f'`{asked}`: Error: Output "environment" not found: was it applied?'
    with pytest.raises(CommandError, match="is not installed"):
        find(None, tmp_path, {**home, "TERRAFORM": "/nowhere/terraform"}, tmp_path)


def test_a_setting_that_is_null_is_not_set(tmp_path: Path) -> None:
    program = terraform(tmp_path, {**LIVE, "CDN_URL": None, "DESTINATION_PREFIX": ""})
    found = find(None, tmp_path, {"TERRAFORM": str(program)}, tmp_path).environment
    assert "CDN_URL" not in found
    assert found["DESTINATION_PREFIX"] == ""


def test_a_shell_s_emulator_is_not_asked_about_a_job_that_lives_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:2")
    enter(FoundJob({"PUBSUB_EMULATOR_HOST": "127.0.0.1:3"}, "a test"))
    assert "FIRESTORE_EMULATOR_HOST" not in os.environ
    assert os.environ["PUBSUB_EMULATOR_HOST"] == "127.0.0.1:3"


def test_a_job_is_saved_without_credentials_and_meant_from_then_on(
    tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "never"}
    for name, value in {**home, **LIVE, **secret}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["use", "photos", "--json"])
    assert json.loads(result.stdout)["source"] == "s3://source/"
    profiles = Profiles(home)
    assert (profiles.in_use, profiles.names()) == ("photos", ["photos"])
    assert "never" not in profiles.path("photos").read_text()
    assert profiles.read("photos") == {name: value for name, value in LIVE.items()}
    result = CliRunner().invoke(app, ["use", "../photos"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "is no name for a job" in result.stderr


def test_the_local_stack_is_not_saved(tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**home, **LIVE, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["use", "photos"])
    assert result.exit_code == 1
    assert not Profiles(home).names()


def test_wrong_settings_are_one_line(tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**home, **LIVE, "ROUTE": "by boat", "LIST_TOPIC": "list", "STAGING_BUCKET": ""}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["status"])
    assert (result.exit_code, result.stderr.count("\n"), result.stdout) == (1, 1, "")
    assert "ROUTE:" in result.stderr
    assert "STAGING_BUCKET is missing" in result.stderr


def test_help_and_completion_wait_for_none_of_the_providers_libraries() -> None:
    heavy = ("boto3", "google.cloud.storage", "google.cloud.firestore", "google.cloud.pubsub_v1", "grpc")
    told = f"import sys, cli.app; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("name", sorted(get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_has_help_two_examples_and_json(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert shown.stdout.count(f"bucket-transfer {name}") >= 2
    assert "--json" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_file_of_settings_is_read_as_a_shell_does() -> None:
    assert parsed("# a job\nexport A='b c'\nD=e=f\n\nG=\n") == {"A": "b c", "D": "e=f", "G": ""}


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"a/\x1b[31m", "a/<U+001B>[31m"),
        (b"a\nb", "a<U+000A>b"),
        (b"a\\nb", "a\\nb"),
        (b"a<U+000A>b", "a<U+003C>U+000A>b"),
        ("[red]", "[red]"),
        (b"\xff", "\\xff"),
        ("é 🚀", "é 🚀"),
    ],
)
def test_no_key_commands_the_terminal(key: object, shown: str) -> None:
    assert visible(key) == shown


@given(text(max_size=8), text(max_size=8))
def test_no_two_keys_look_alike(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) is (one == other)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("key", [b"a b", b"it's", b"a/\x1b[31m\\n\n'x", "é\u2028".encode()])
def test_a_key_can_be_pasted_into_a_shell(key: bytes) -> None:
    shown = for_shell(key)
    assert visible(shown) == shown
    assert subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True).stdout == key


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0.0, "$0"),
        (4e-9, "less than $0.01"),
        (0.0099, "less than $0.01"),
        (0.0123, "about $0.0123"),
        (58_123, "about $58,100"),
    ],
)
def test_no_amount_looks_like_nothing(given: float, shown: str) -> None:
    assert dollars(given) == shown


def test_bytes_are_in_the_units_of_reports() -> None:
    assert [size(count) for count in (1, 1536, 10 * 2**20)] == ["1 B", "1.5 KiB", "10.0 MiB"]


def test_a_local_stack_that_runs_no_more_is_said_at_once() -> None:
    port = free_port()
    ended = FoundJob({**LIVE, "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{port}"}, "the local stack (.local/env)")
    with pytest.raises(CommandError, match=rf"no local stack runs at 127.0.0.1:{port}: start it \(make up\)"):
        see_it_run(ended)
    with socket.create_server(("127.0.0.1", port)):
        see_it_run(ended)
    see_it_run(FoundJob(LIVE, "the environment"))


def test_whoever_stops_waiting_is_told_that_the_run_goes_on() -> None:
    said = io.StringIO()

    async def interrupted() -> None:
        session = Session(FoundJob(LIVE, "here"), load(LIVE), Output(io.StringIO(), said))
        begun = asyncio.Event()

        async def find_none() -> list[OpenRun]:
            begun.set()
            return []

        waiting = asyncio.create_task(until_over(session, find_none, 1))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(interrupted())
    assert "what was begun goes on: `bucket-transfer status` shows it" in said.getvalue()
