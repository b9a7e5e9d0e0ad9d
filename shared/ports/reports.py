"""Where manifests and reports are put."""

from typing import Protocol


class Reports(Protocol):
    """Where manifests and reports are put."""

    def link(self, name: str) -> str:
        """Where a browser finds a file."""
        ...

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        """Write a file; one of the same name is replaced."""
        ...

    async def read(self, name: str) -> tuple[bytes, int]:
        """A file and its generation, which changes with each writing; (b"", 0) if there is none."""
        ...

    async def replace(self, name: str, body: bytes, content_type: str, generation: int) -> bool:
        """Write a file whose generation is still this one, 0 for none; False, and nothing changes, if it is another."""
        ...
