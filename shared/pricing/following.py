"""What it costs in a month to follow events while none comes: an instance that waits, and its questions."""

from dataclasses import dataclass

from shared.pricing.catalog import Prices

MINUTES = 365 * 24 * 60 / 12
"""Of a month: the scheduler's message comes in each of them."""

_POLL_SECONDS = 5.0
"""One request of SQS waits so long: `shared.listing.follow_events.WAIT_SECONDS`."""

_READS = 5
"""Of Firestore, by each of the scheduler's messages: whether the job is paused, and the last run of its kind."""

_GIB = 1.0
"""Memory of the lister's instance, with its one CPU: terraform/modules/job/sizes.tf."""


@dataclass(frozen=True, slots=True)
class IdleMonth:
    """seconds: that an instance waits. requests: of the queue. reads: of Firestore. The rest is dollars for these."""

    seconds: float
    requests: int
    reads: int
    instance: float
    queue: float
    firestore: float

    @property
    def dollars(self) -> float:
        return self.instance + self.queue + self.firestore


def idle_month(prices: Prices, quiet_seconds: float) -> IdleMonth:
    """quiet_seconds: for how long of each minute somebody waits; from 60 on always."""
    seconds = min(quiet_seconds, 60.0) * MINUTES
    requests, reads = round(seconds / _POLL_SECONDS), round(_READS * MINUTES)
    instance = prices.cost("run.cpu_seconds", seconds) + prices.cost("run.gib_seconds", seconds * _GIB)
    queue = prices.cost("sqs.request", requests) if "sqs.request" in prices.meters else 0.0
    return IdleMonth(seconds, requests, reads, instance, queue, prices.cost("firestore.reads", reads))
