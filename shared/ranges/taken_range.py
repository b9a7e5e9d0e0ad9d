"""A range of a run, taken by one invocation."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.domain.keys import BEYOND, Key, prefix_end
from shared.domain.messages import RangeMessage
from shared.domain.runs import RunKind
from shared.ranges.lease import Lease
from shared.ranges.walk import Walk
from shared.runs.ceilings import CeilingGuard

M = TypeVar("M", bound=RangeMessage)


@dataclass(frozen=True, slots=True)
class TakenRange(Generic[M]):
    """A range that is being worked on. mine: the batches that this invocation has recorded. Of kind KEYS are single
    keys, asked for one by one: no listing is read. Each is a batch of its own: a record of keys that lie far apart
    would be read by every range between them, and could never be merged.
    """

    kind: RunKind
    message: M
    lease: Lease
    ceiling: CeilingGuard
    walk: Walk
    mine: set[str] = field(default_factory=set)

    @property
    def single_keys(self) -> bool:
        return self.kind is RunKind.KEYS

    @property
    def may_be_recorded(self) -> bool:
        """Whether an invocation that was killed may have recorded some of its keys, in this range or in the one that it
        is the rest of.
        """
        return self.lease.taken_over or bool(self.walk.start)

    @property
    def prefix(self) -> Key:
        return self.lease.range_id.prefix

    @property
    def end(self) -> Key:
        """A key behind which nothing of the range lies."""
        return self.walk.until or prefix_end(self.prefix) or BEYOND
