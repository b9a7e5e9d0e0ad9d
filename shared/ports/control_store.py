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


@dataclass(frozen=True, slots=True)
class Spoke:
    """For which identities the ledger spoke: the first one ever, the one before now, and that one for people."""

    first: str
    before: str
    text: str


class ControlStore(Protocol):
    """One job's control, and what its runs have used of their quotas."""

    async def get(self) -> Control:
        """The control as it was last set; the default if it never was."""
        ...

    async def update(self, change: Callable[[Control], Control]) -> Control:
        """Change the control; what it is now. change: may be called again, with what somebody else set since."""
        ...

    async def speak_for(self, identity: str, text: str) -> Spoke:
        """Write down for which identity the ledger speaks from now on; for which it spoke. The first one speaks for
        itself.
        """
        ...

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        """Count objects and bytes against the quotas of a run, or, where that exceeds them, do nothing: False.

        Negative amounts give back what was not used.
        """
        ...
