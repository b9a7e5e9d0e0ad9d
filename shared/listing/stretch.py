"""One invocation's part of a run of events."""

from dataclasses import dataclass, field

from shared.domain.counts import RangeCounts
from shared.ranges.lease import Lease
from shared.ranges.sending import Sending
from shared.runs.ceilings import CeilingGuard


@dataclass(slots=True)
class Stretch:
    """told: how many events of each kind there were. oldest: seconds, of an event when it was read."""

    sending: Sending
    counts: RangeCounts = field(default_factory=RangeCounts)
    told: dict[str, int] = field(default_factory=dict)
    oldest: float = 0.0

    @property
    def lease(self) -> Lease:
        return self.sending.lease

    @property
    def ceiling(self) -> CeilingGuard:
        return self.sending.ceiling

    @property
    def mine(self) -> set[str]:
        """The batches that are recorded."""
        return self.sending.mine

    @property
    def run(self) -> str:
        return self.lease.range_id.run

    def note(self, what: str, events: int = 1) -> None:
        if events:
            self.told[what] = self.told.get(what, 0) + events
