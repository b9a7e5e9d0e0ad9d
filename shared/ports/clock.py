"""Time and chance."""

from typing import Protocol


class Clock(Protocol):
    """Time and chance, so that tests can own both."""

    def now(self) -> float:
        """Wall time in epoch seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def draw(self) -> float:
        """Uniform in [0, 1)."""
        ...
