"""Settings from the environment: one error names all that is wrong, with what each setting means."""

from collections.abc import Mapping

from pydantic import ValidationError

from shared.domain.errors import SettingsError
from shared.domain.problems import words
from shared.settings.model import Settings

_MEANT_EMPTY = frozenset({"destination_prefix"})
"""The destination's root."""


def load(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment; an empty variable counts as unset, but for the one that has a meaning then.

    Raises SettingsError with a line for every missing or wrong setting.
    """
    given = {name: environment.get(name.upper()) for name in Settings.model_fields}
    try:
        return Settings.model_validate(
            {name: value for name, value in given.items() if value or (value == "" and name in _MEANT_EMPTY)}
        )
    except ValidationError as error:
        lines = [f"  {_line(problem['loc'], problem['type'], words(problem))}" for problem in error.errors()]
        raise SettingsError("The settings are not usable:\n" + "\n".join(lines)) from None


def _line(where: tuple[int | str, ...], kind: str, message: str) -> str:
    """What is wrong with a setting, and what it means."""
    name = ".".join(str(step) for step in where).upper()
    if not where:
        return message
    meaning = Settings.model_fields[str(where[0])].description
    if kind == "missing":
        return f"{name} is missing: {meaning}"
    return f"{name}: {message} ({meaning})"
