"""What Firestore's reads, writes and aggregations take and cost."""

from dataclasses import dataclass

from benchmarks.simulation import limits
from benchmarks.simulation.model import Bill
from benchmarks.simulation.virtual_time import Ramp, VirtualClock


@dataclass(slots=True)
class Documents:
    """writes: the ramp up to which Firestore takes them. records: of the ledger, as many as were created. longest:
    seconds of the longest aggregation.
    """

    clock: VirtualClock
    bill: Bill
    writes: Ramp
    records: int = 0
    aggregations: int = 0
    longest: float = 0.0

    async def read(self, count: int = 1) -> None:
        self.bill.counts["firestore.reads"] += count
        await self.clock.sleep(limits.FIRESTORE_SECONDS)

    async def write(self, *documents: str) -> None:
        for document in documents:
            self.bill.wrote(document, self.clock.monotonic())
        await self.clock.sleep(limits.FIRESTORE_SECONDS)

    async def aggregate(self, entries: int) -> None:
        """Sum over so many index entries. Ends the simulation if Firestore would end the query."""
        self.bill.counts["firestore.reads"] += max(1, -(-entries // limits.AGGREGATED_A_READ))
        seconds = limits.FIRESTORE_SECONDS + entries / limits.AGGREGATED_A_SECOND
        if seconds > limits.AGGREGATION_SECONDS:
            raise SystemExit(f"Firestore would end an aggregation over {entries:,} index entries")
        self.aggregations += 1
        self.longest = max(self.longest, seconds)
        await self.clock.sleep(seconds)
