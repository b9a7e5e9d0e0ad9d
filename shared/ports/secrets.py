"""Where secrets are kept."""

from typing import Protocol


class Secrets(Protocol):
    """Where secrets are kept."""

    async def read(self, name: str) -> str:
        """The current value of projects/P/secrets/S/versions/V."""
        ...
