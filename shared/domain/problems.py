"""What is wrong in values that a person may have typed, in the field's words and not in those of the library that
checks them: it says that "Input should be a valid bytes".
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.domain.text import writable

MOST_PROBLEMS = 20
"""What is said of a malformed message fits into a line of the log and a document, whatever the message is."""

_SAID_CHARACTERS = 300

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "bytes_type": "must be a text",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "tuple_type": "must be a list",
    "model_type": "must be a JSON object",
    "bytes_too_long": "must have at most {max_length:,} bytes",
    "too_short": "must name at least {min_length:,}",
    "too_long": "must name at most {max_length:,}, not {actual_length:,}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
}
"""By the library's name of a fault: https://docs.pydantic.dev/latest/errors/validation_errors/"""

_EMPTY = frozenset({"bytes_too_short", "string_too_short"})
_SPEAKS_FOR_ITSELF = frozenset({"missing", "too_short", "too_long"})
"""Where what was given adds nothing."""


def sentences(error: ValidationError) -> list[str]:
    """A sentence for each thing wrong in a JSON text, and how many there are beyond the first MOST_PROBLEMS."""
    found = error.errors(include_url=False)
    said = [writable(_sentence(problem)[:_SAID_CHARACTERS]) for problem in found[:MOST_PROBLEMS]]
    return said + ([f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else [])


def words(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value, to be put behind its name."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _EMPTY and context.get("min_length") == 1:
        return "must not be empty"
    known = _WORDS.get(kind)
    return str(problem["msg"]).removeprefix("Value error, ") if known is None else known.format_map(context)


def _sentence(problem: Mapping[str, Any]) -> str:
    kind, path = problem["type"], ".".join(str(step) for step in problem["loc"])
    if kind == "json_invalid":
        return f"not JSON: {problem['msg'].removeprefix('Invalid JSON: ')}"
    if kind == "extra_forbidden":
        return f'unknown field "{path}"'
    said = words(problem)
    if not path:
        return f"it {said}" if kind in _WORDS else said
    if kind in _SPEAKS_FOR_ITSELF:
        return f'"{path}" {said}'
    return f'"{path}" {said}, got {json.dumps(problem["input"], default=str)[:80]}'
