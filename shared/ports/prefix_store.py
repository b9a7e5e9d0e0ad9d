"""What is known of a prefix, in a document for people."""

from typing import Any, Protocol


class PrefixStore(Protocol):
    """The prefixes of one job."""

    async def get(self, prefix: str) -> dict[str, Any]:
        """A prefix's document, empty if there is none."""
        ...

    async def note(self, prefix: str, fields: dict[str, object]) -> None:
        """Merge fields into a prefix's document."""
        ...
