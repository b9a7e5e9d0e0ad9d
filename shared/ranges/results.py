"""What became of one invocation's work on a range. `RangeWork` does what follows from each, in one function."""

from dataclasses import dataclass

from shared.domain.errors import ObjectError, Transient


@dataclass(frozen=True, slots=True)
class Completed:
    """Both sides were read to the end of the range."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The invocation's time is over; all it planned is published."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The job was paused before everything was published."""

    why: str


@dataclass(frozen=True, slots=True)
class CeilingReached:
    """The run may not publish more."""

    why: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run was ended for good."""

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A side does not answer now, and may later."""

    failure: Transient


@dataclass(frozen=True, slots=True)
class SideFailed:
    """A side will not answer at all."""

    failure: ObjectError


Result = Completed | BudgetSpent | Paused | CeilingReached | Cancelled | Unavailable | SideFailed
