"""Which job a command is about, found without a word where there is only one.

asked for             is looked for in
-------------------   --------------------------------------------------------------------------------------------
--terraform DIR       the output `environment` of the configuration in this folder
--job NAME            the saved job of this name; else whichever of the following is a job of this name
nothing               the environment, if it has a job's settings; the saved job in use; ./terraform, if it has a
state; the file of the local stack, `.local/env` here or above
"""

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.exits import CommandError
from cli.profiles import Profiles, parsed

STACK_FILE = Path(".local") / "env"
"""What `make up` writes while the local stack runs."""

_STACK_SECONDS = 5
"""Within which a server of this machine takes a connection, be it ever so busy."""

_MARKS = ("SOURCE_BUCKET", "LIST_TOPIC")
"""Settings that make an environment a job's."""

_STATES = ("terraform.tfstate", ".terraform/terraform.tfstate")
"""Where a configuration that was applied keeps its state, or says in which backend that is."""

_TERRAFORM_SECONDS = 120

_NO_OUTPUT = re.compile(r"^Error: Output .* not found$")
"""What Terraform says of a folder whose state has no such output, as before its first apply."""


@dataclass(frozen=True, slots=True)
class FoundJob:
    """environment: the job's settings, and where its services are. where: for people."""

    environment: Mapping[str, str]
    where: str

    @property
    def name(self) -> str:
        return self.environment.get("JOB") or "default"


def find(
    name: str | None, terraform: Path | None, environment: Mapping[str, str], folder: Path, saved: bool = True
) -> FoundJob:
    """The job that is meant. saved: whether it may be a saved one. Raises CommandError with what to do if there is
    none, or if it is another.
    """
    profiles = Profiles(environment)
    if terraform is not None:
        return _named(name, _from_terraform(terraform, environment))
    if name is not None and (by_name := _saved(profiles, name)) is not None:
        return by_name
    looks: tuple[Callable[[], FoundJob | None], ...] = (
        lambda: _from_environment(environment),
        lambda: _saved(profiles, profiles.in_use) if saved and profiles.in_use else None,
        lambda: _from_terraform(folder / "terraform", environment) if _has_state(folder / "terraform") else None,
        lambda: _from_stack(folder),
    )
    for look in looks:
        found = look()
        if found is not None and name in (None, found.name):
            return found
    raise CommandError(_nothing(name, profiles))


def _named(name: str | None, found: FoundJob) -> FoundJob:
    if name not in (None, found.name):
        raise CommandError(f"{found.where} is the job {found.name!r}, not {name!r}")
    return found


def _nothing(name: str | None, profiles: Profiles) -> str:
    saved = ", ".join(profiles.names()) or "none"
    if name is not None:
        return f"no job {name!r} is known (saved jobs: {saved}); `bucket-transfer use {name} --terraform DIR` saves one"
    return (
        "no job is known here: name one (--job NAME; saved jobs: "
        f"{saved}), say where it was applied (--terraform DIR), or start the local stack (make up)"
    )


def _from_environment(environment: Mapping[str, str]) -> FoundJob | None:
    return FoundJob(environment, "the environment") if all(environment.get(mark) for mark in _MARKS) else None


def _saved(profiles: Profiles, name: str) -> FoundJob | None:
    settings = profiles.read(name)
    return None if settings is None else FoundJob(settings, f"the saved job {name!r} ({profiles.path(name)})")


def _from_stack(folder: Path) -> FoundJob | None:
    for place in (folder, *folder.parents):
        path = place / STACK_FILE
        if path.is_file():
            return FoundJob(parsed(path.read_text(encoding="utf-8")), f"the local stack ({path})")
    return None


def _has_state(folder: Path) -> bool:
    return any((folder / state).is_file() for state in _STATES)


def _from_terraform(folder: Path, environment: Mapping[str, str]) -> FoundJob:
    program = environment.get("TERRAFORM") or "terraform"
    command = [program, f"-chdir={folder}", "output", "-json", "-no-color", "environment"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_TERRAFORM_SECONDS, check=False)
    except FileNotFoundError:
        raise CommandError(
            f"{program!r} is not installed, so {folder} cannot say its job; TERRAFORM names it"
        ) from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"`{' '.join(command)}` does not answer within {_TERRAFORM_SECONDS} s") from None
    if told.returncode != 0:
        raise CommandError(f"`{' '.join(command)}`: {_why(told.stderr) or f'exit status {told.returncode}'}")
    try:
        settings = json.loads(told.stdout)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise CommandError(f"`{' '.join(command)}` does not answer with a job's settings: was it applied?")
    given = {name: str(value) for name, value in settings.items() if value is not None}
    return FoundJob(given, f"terraform output in {folder}")


def _why(told: str) -> str:
    """The line that says what Terraform refused, and what to do where nothing was applied. Warnings may come first."""
    lines = [line.strip("│╷╵ ") for line in told.splitlines()]
    said = [line for line in lines if line]
    why = next((line for line in said if line.startswith("Error")), said[-1] if said else "")
    return f"{why}: was it applied?" if _NO_OUTPUT.search(why) else why


def stands_for_itself(found: FoundJob, environment: Mapping[str, str]) -> Mapping[str, str | None]:
    """The variables that the providers' libraries read by themselves, as the found job means them: an emulator that is
    set in the shell must not be asked about a job that lives elsewhere. None: to be unset.
    """
    emulators = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3")
    return {
        name: found.environment.get(name) for name in emulators if environment.get(name) or found.environment.get(name)
    }


def see_it_run(found: FoundJob) -> None:
    """Raises CommandError where the job is a local stack's, and nothing listens: Google's libraries would go on trying
    for five minutes.
    """
    address = found.environment.get("FIRESTORE_EMULATOR_HOST")
    if not address:
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_STACK_SECONDS).close()
    except (OSError, ValueError):
        raise CommandError(
            f"the job is that of {found.where}, and no local stack runs at {address}: start it (make up), or unset its "
            f"settings (FIRESTORE_EMULATOR_HOST and others, or {STACK_FILE})"
        ) from None


def enter(found: FoundJob) -> None:
    """Let this process's libraries ask the services of the found job."""
    for name, value in stands_for_itself(found, os.environ).items():
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
