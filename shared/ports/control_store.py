"""A job's control (pause and quotas), and what runs have used of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Control:
    """What an operator has set for a job. most_objects, most_bytes: what one run may publish, None for all."""

    paused: bool = False
    most_objects: int | None = None
    most_bytes: int | None = None


class ControlStore(Protocol):
    """One job's control, and what its runs have used of their quotas."""

    async def get(self) -> Control:
        """The control as it was last set; the default if it never was."""
        ...

    async def update(self, change: Callable[[Control], Control]) -> Control:
        """Change the control; what it is now. change: may be called again, with what somebody else set since."""
        ...

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        """Count objects and bytes against the quotas of a run, or, where that exceeds them, do nothing: False.

        Negative amounts give back what was not used.
        """
        ...
