"""Partial responses: of an answer only the fields that were asked for, as `name,items(name,size)` or `items/name`.

https://cloud.google.com/storage/docs/json_api#partial-response
"""

import re
from functools import lru_cache
from typing import Any

from local.emulators.gcs.store import GcsError

_TOKEN = re.compile(r"[^/(),\s]+|[/(),]")

Wanted = dict[str, "Wanted"]
"""By name, what is wanted below it; nothing for all that there is."""


def partial(answer: Any, fields: str | None) -> Any:
    """fields: of the request; None or "" for all. Raises GcsError for what asks for no fields."""
    return _picked(answer, _wanted(fields)) if fields else answer


def _picked(answer: Any, wanted: Wanted) -> Any:
    if not wanted or "*" in wanted:
        return answer
    if isinstance(answer, list):
        return [_picked(item, wanted) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: _picked(value, wanted[name]) for name, value in answer.items() if name in wanted}


@lru_cache
def _wanted(fields: str) -> Wanted:
    tokens = _TOKEN.findall(fields)[::-1]
    wanted = _several(tokens)
    if tokens:
        raise GcsError(400, f"Invalid field selection {fields}", "invalidParameter")
    return wanted


def _several(tokens: list[str]) -> Wanted:
    """Selections with commas between them. tokens: the next one last."""
    found: Wanted = {}
    while True:
        name, below = _one(tokens)
        found[name] = _either(found[name], below) if name in found else below
        if not tokens or tokens[-1] != ",":
            return found
        tokens.pop()


def _either(one: Wanted, other: Wanted) -> Wanted:
    if not one or not other:
        return {}
    shared = {name: _either(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **shared}


def _one(tokens: list[str]) -> tuple[str, Wanted]:
    if not tokens or tokens[-1] in "/(),":
        raise GcsError(400, "Invalid field selection", "invalidParameter")
    name, below = tokens.pop(), dict[str, Wanted]()
    if tokens and tokens[-1] == "/":
        tokens.pop()
        if not tokens or tokens[-1] != "(":
            deeper, its = _one(tokens)
            return name, {deeper: its}
    if tokens and tokens[-1] == "(":
        tokens.pop()
        below = _several(tokens)
        if not tokens or tokens.pop() != ")":
            raise GcsError(400, "Invalid field selection", "invalidParameter")
    return name, below
