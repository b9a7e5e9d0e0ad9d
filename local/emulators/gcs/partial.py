"""Partial responses: of an answer only the fields that were asked for, as `name,items(name,size)` or `items/name`.

https://cloud.google.com/storage/docs/json_api#partial-response
"""

import re
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Any

from local.emulators.gcs.store import GcsError

_TOKEN = re.compile(r"[^/(),\s]+|[/(),]")

Wanted = dict[str, "Wanted"]
"""By name, what is wanted below it; nothing for all that there is."""

Shape = Mapping[str, "Shape | None"]
"""Which fields an answer may have, and those below each; None for one that has none, empty for any."""

ANY: Shape = {}

OBJECT: Shape = {
    **dict.fromkeys(
        [
            "kind",
            "id",
            "selfLink",
            "mediaLink",
            "name",
            "bucket",
            "generation",
            "metageneration",
            "contentType",
            "storageClass",
            "size",
            "etag",
            "crc32c",
            "md5Hash",
            "contentEncoding",
            "contentDisposition",
            "contentLanguage",
            "cacheControl",
            "componentCount",
            "kmsKeyName",
            "updated",
            "temporaryHold",
            "eventBasedHold",
            "retentionExpirationTime",
            "restoreToken",
            "softDeleteTime",
            "hardDeleteTime",
            "timeCreated",
            "timeFinalized",
            "timeDeleted",
            "timeStorageClassUpdated",
            "customTime",
        ]
    ),
    **dict.fromkeys(("metadata", "contexts", "acl", "owner", "retention", "customerEncryption"), ANY),
}
"""https://cloud.google.com/storage/docs/json_api/v1/objects#resource-representations"""

PAGE: Shape = {"kind": None, "nextPageToken": None, "prefixes": None, "items": OBJECT}

REWRITE: Shape = {
    **dict.fromkeys(("kind", "done", "objectSize", "totalBytesRewritten", "rewriteToken")),
    "resource": OBJECT,
}


def shape_of(steps: list[str]) -> Shape:
    """Of what is answered to a path; any for one of buckets."""
    match steps:
        case ["b", _, "o"]:
            return PAGE
        case ["b", _, "o", _, "rewriteTo", *_]:
            return REWRITE
        case ["b", _, "o", *_]:
            return OBJECT
    return ANY


def partial(answer: Any, fields: str | None) -> Any:
    """fields: of the request; None or "" for all. Raises GcsError for what asks for no fields."""
    return _picked(answer, _wanted(fields)) if fields else answer


def check(fields: str | None, shape: Shape) -> None:
    """Before anything is done. Raises GcsError for fields that such an answer never has, too."""
    _check(_wanted(fields) if fields else {}, shape)


def _check(wanted: Wanted, shape: Shape) -> None:
    for name, below in wanted.items():
        known = shape.get(name) if shape and name != "*" else ANY
        if (known is not ANY and name not in shape) or (known is None and below):
            raise GcsError(400, f"Invalid field selection {name}", "invalidParameter")
        _check(below, known or ANY)


def _picked(answer: Any, wanted: Wanted) -> Any:
    if not wanted:
        return answer
    if isinstance(answer, list):
        return [_picked(item, wanted) for item in answer]
    if not isinstance(answer, dict):
        return answer
    found = {}
    for name, value in answer.items():
        asked = [wanted[way] for way in (name, "*") if way in wanted]
        below = reduce(_either, asked) if asked else {}
        if asked and (not below or isinstance(value, dict | list)):
            found[name] = _picked(value, below)
    return found


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
