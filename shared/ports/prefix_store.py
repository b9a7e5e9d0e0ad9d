"""What is known of a prefix, in a document for people."""

from collections.abc import Callable
from typing import Any, Protocol

from shared.domain.keys import Key


class PrefixStore(Protocol):
    """The prefixes of one job."""

    async def get(self, prefix: Key) -> dict[str, Any]:
        """A prefix's document, empty if there is none."""
        ...

    async def update(self, prefix: Key, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Merge fields into a prefix's document, maps a level deep; the document as it is now.

        change: the fields, made from the document; may be called again, with what somebody else wrote since. None are
        written where it answers none.
        """
        ...
