"""Which objects a job wants. Pure: the settings say what, a listing's own fields decide.

    filter          an object is left out if
    -------------   ------------------------------------------------------------
    include         there are include globs and its key matches none of them
    exclude         its key matches an exclude glob
    size            it is smaller than least_bytes or larger than most_bytes
    modified        it was last modified before `after`, or at or after `before`
    storage_class   there are storage classes and its own is none of them

The first that applies is the one that is counted. A glob is held against the whole key: `*` is any text without a
slash, `**` any text, `?` one character that is no slash, `[a-z]` and `[!a-z]` one of a set.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from shared.domain.page import Page


class Filter(StrEnum):
    """What left an object out."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    SIZE = "size"
    MODIFIED = "modified"
    STORAGE_CLASS = "storage_class"


@dataclass(frozen=True)
class Filters:
    """after, before: RFC 3339 as `shared.domain.page.rfc3339` writes it, "" for no bound."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    least_bytes: int = 0
    most_bytes: int | None = None
    after: str = ""
    before: str = ""
    storage_classes: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def idle(self) -> bool:
        """Whether every object is wanted."""
        return self == Filters()

    def table(self) -> dict[str, object]:
        """As JSON has it, without what leaves nothing out."""
        found: dict[str, object] = {
            "include": list(self.include),
            "exclude": list(self.exclude),
            "least_bytes": self.least_bytes,
            "most_bytes": self.most_bytes,
            "modified_after": self.after,
            "modified_before": self.before,
            "storage_classes": sorted(self.storage_classes),
        }
        return {name: value for name, value in found.items() if value or (name == "most_bytes" and value is not None)}

    def sift(self, page: Page) -> dict[int, Filter]:
        """The objects of a page that are left out, by their index, and why."""
        if self.idle:
            return {}
        rows = zip(page.keys, page.sizes, page.modified, page.storage_classes, strict=True)
        reasons = ((index, self._reason(*row)) for index, row in enumerate(rows))
        return {index: reason for index, reason in reasons if reason is not None}

    def _reason(self, name: bytes, size: int, modified: str, storage_class: str) -> Filter | None:
        key = name.decode()
        if self.include and not self._included.fullmatch(key):
            return Filter.INCLUDE
        if self.exclude and self._excluded.fullmatch(key):
            return Filter.EXCLUDE
        if size < self.least_bytes or (self.most_bytes is not None and size > self.most_bytes):
            return Filter.SIZE
        if modified < self.after or (self.before and modified >= self.before):
            return Filter.MODIFIED
        if self.storage_classes and storage_class not in self.storage_classes:
            return Filter.STORAGE_CLASS
        return None

    @cached_property
    def _included(self) -> re.Pattern[str]:
        return _any(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str]:
        return _any(self.exclude)


def _any(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{translated(glob)})" for glob in globs), re.DOTALL)


_TOKEN = re.compile(r"\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def translated(glob: str) -> str:
    """The regular expression of a glob. Raises re.error for a set that is none, such as [z-a] or []."""
    parts = []
    for token in _TOKEN.findall(glob):
        match token:
            case "**":
                parts.append(".*")
            case "*":
                parts.append("[^/]*")
            case "?":
                parts.append("[^/]")
            case _ if len(token) > 1:
                inside = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
                negated = inside.startswith("!")
                if not inside[negated:]:
                    raise re.error(f"{token} is a set of nothing")
                parts.append(f"[{'^' if negated else ''}{_literal_set(inside[negated:])}]")
            case _:
                parts.append(re.escape(token))
    pattern = "".join(parts)
    re.compile(pattern)
    return pattern


def _literal_set(inside: str) -> str:
    return "\\" + inside if inside[0] in "^]" else inside
