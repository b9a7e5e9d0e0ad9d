"""What a check has found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and may cost money or time, or could not be looked at."""
    FAILED = "failed"
    """Nothing, or not all, can be copied like this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """check: what was looked at. mend: what to do, "" if nothing."""

    check: str
    level: Level
    text: str
    mend: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, text)


def warning(check: str, text: str, mend: str) -> Finding:
    """It works all the same."""
    return Finding(check, Level.WARNING, text, mend)


def failed(check: str, text: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAILED, text, mend)
