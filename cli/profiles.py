"""Jobs that a person has saved under names: a file of settings each, `~/.config/bucket-transfer/NAME.env`.

Settings only, and no credentials: these stay where the providers' own tools keep them. The folder follows the XDG Base
Directory Specification: https://specifications.freedesktop.org/basedir-spec/latest/
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from cli.exits import CommandError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_IN_USE = "in-use"


def parsed(text: str) -> dict[str, str]:
    """The variables of a file with `NAME=value` or `export NAME=value` lines, quoted as for a shell."""
    words = (word for line in text.splitlines() for word in shlex.split(line, comments=True) if word != "export")
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


class Profiles:
    """The saved jobs of a person."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
        self.folder = Path(home) / "bucket-transfer"

    def path(self, name: str) -> Path:
        """Raises CommandError for what is no name of a profile."""
        if not _NAME.match(name):
            raise CommandError(f"{name!r} is no name for a job: letters, digits, '.', '_' and '-'")
        return self.folder / f"{name}.env"

    def names(self) -> list[str]:
        """All of them, in order."""
        return sorted(path.stem for path in self.folder.glob("*.env"))

    def read(self, name: str) -> dict[str, str] | None:
        """A job's settings, None if none is saved under this name."""
        path = self.path(name)
        return parsed(path.read_text(encoding="utf-8")) if path.is_file() else None

    def save(self, name: str, settings: Mapping[str, str]) -> Path:
        """Write a job's settings, in the place of those that were there."""
        path = self.path(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}={shlex.quote(settings[key])}\n" for key in sorted(settings)), encoding="utf-8")
        return path

    @property
    def in_use(self) -> str | None:
        """The job that is meant where none is named."""
        path = self.folder / _IN_USE
        name = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        return name if name and self.path(name).is_file() else None

    def use(self, name: str) -> None:
        """Mean this job from now on where none is named."""
        (self.folder / _IN_USE).write_text(f"{name}\n", encoding="utf-8")
