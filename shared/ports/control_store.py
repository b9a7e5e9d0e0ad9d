"""A job's control (pause, ceilings, cancelled runs), and what runs have used of their ceilings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.domain.spending import NANODOLLARS, Amount, Ceilings

_MOST_WHOLE = 2**63 - 1
"""The largest whole number that a store takes: whoever sets a ceiling above it wants none."""


@dataclass(frozen=True, slots=True)
class Control:
    """What an operator has set for a job. most_objects, most_bytes, most_dollars: what one run may publish, None for
    all. cancelled: the runs that were ended for good, as long as their ends are not written down. revision: which
    writing of it this is, where it was read from a store.
    """

    paused: bool = False
    most_objects: int | None = None
    most_bytes: int | None = None
    most_dollars: float | None = None
    cancelled: frozenset[str] = frozenset()
    revision: str = field(default="", compare=False)

    @property
    def ceilings(self) -> Ceilings:
        dollars = None if self.most_dollars is None else self.most_dollars * NANODOLLARS
        objects, size, nanodollars = (
            None if most is None else int(min(most, _MOST_WHOLE))
            for most in (self.most_objects, self.most_bytes, dollars)
        )
        return objects, size, nanodollars

    @property
    def bounded(self) -> bool:
        """Whether there is a ceiling."""
        return any(most is not None for most in self.ceilings)


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

    async def spoken(self) -> Spoke | None:
        """For which identity the ledger speaks now, the first and that one; None if nobody has written it down."""
        ...

    async def spent(self, run: str) -> Amount:
        """What a run has reserved of its ceilings so far, by all."""
        ...

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        """Count an amount against the ceilings of a run, or, where that exceeds them, do nothing: False. owner: by
        which name it is asked, which says where it is taken from first (`shared.domain.spending`).

        Negative amounts give back what was not used.
        """
        ...
