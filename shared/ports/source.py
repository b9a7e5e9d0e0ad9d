"""The S3 bucket, asked directly."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.archive import Tier
from shared.domain.keys import Key
from shared.domain.objects import Attributes, SourceObject
from shared.domain.page import Page


@dataclass(frozen=True, slots=True)
class Children:
    """What a delimiter rolls up: prefixes one level down, in order. complete: whether these are all."""

    prefixes: Sequence[Key]
    complete: bool


class Source(Protocol):
    """The S3 bucket, asked directly."""

    def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        """Pages of objects with the prefix, in key order, strictly after `after`. An empty one says that S3 has
        found none yet.

        Raises Unsorted if the server does not list in the order of the keys' bytes, Refused if it leads on for
        BARREN_SECONDS and names nothing.
        """
        ...

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        """The least key with the prefix that is greater than `after`; None if there is none, or if S3 names none soon,
        among many that were deleted.
        """
        ...

    async def children(self, prefix: bytes, after: bytes) -> Children:
        """The prefixes, up to the next slash, of the keys with the prefix after `after`: one page of them, the first
        that names any soon.
        """
        ...

    async def head(self, key: bytes) -> SourceObject:
        """The current version. Raises Gone if there is none."""
        ...

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        """The current version with all that is known of it. Raises Gone if there is none."""
        ...

    async def restore(self, source: SourceObject, tier: Tier, days: int) -> None:
        """Ask for an archived object to be made readable for some days; no error if that is under way already."""
        ...

    async def part_sizes(self, source: SourceObject, exact: bool = False) -> Sequence[int] | None:
        """The sizes of the parts that an object was uploaded in, None if it was not. Raises Changed if it has changed.

        Where all but the last one seem to be as large as the first, that is taken for granted, unless it is to be
        exact: then every part is asked for.
        """
        ...
