"""Where manifests and reports are put."""

from typing import Protocol


class Reports(Protocol):
    """Where manifests and reports are put."""

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        """Write a file; one of the same name is replaced."""
        ...
