"""What it costs in a month to follow events: while none comes, an instance that waits, its questions, and the alarms
on the queue; else what brings them, which is what EventBridge and the queue ask.
"""

from dataclasses import dataclass

from shared.pricing.catalog import Prices

MINUTES = 365 * 24 * 60 / 12
"""Of a month: the scheduler's message comes in each of them."""

_POLL_SECONDS = 5.0
"""One request of SQS waits so long: `shared.listing.follow_events.WAIT_SECONDS`."""

_READS = 5
"""Of Firestore, by each of the scheduler's messages: whether the job is paused, and the last run of its kind."""

ALARMS = 2
"""Of CloudWatch's, each on one metric of a queue: terraform/modules/job/events_alarms.tf."""

_GIB = 1.0
"""Memory of the lister's instance, with its one CPU: terraform/modules/job/sizes.tf."""

REQUESTS_AN_EVENT = 0.25
"""Of SQS, by the lister, of many events: nearly ten are received at a time (`shared.listing.pace`), and ten deleted."""


@dataclass(frozen=True, slots=True)
class IdleMonth:
    """seconds: that an instance waits. requests: of the queue. reads: of Firestore. The rest is dollars: for these,
    and for the alarms.
    """

    seconds: float
    requests: int
    reads: int
    instance: float
    queue: float
    firestore: float
    alarms: float

    @property
    def dollars(self) -> float:
        return self.instance + self.queue + self.firestore + self.alarms


def idle_month(prices: Prices, quiet_seconds: float) -> IdleMonth:
    """quiet_seconds: for how long of each minute somebody waits; from 60 on always."""
    seconds = min(quiet_seconds, 60.0) * MINUTES
    requests, reads = round(seconds / _POLL_SECONDS), round(_READS * MINUTES)
    instance = prices.cost("run.cpu_seconds", seconds) + prices.cost("run.gib_seconds", seconds * _GIB)
    queue = _listed(prices, "sqs.request", requests)
    firestore, alarms = prices.cost("firestore.reads", reads), _listed(prices, "cloudwatch.alarm", ALARMS)
    return IdleMonth(seconds, requests, reads, instance, queue, firestore, alarms)


@dataclass(frozen=True, slots=True)
class BusyMonth:
    """events: how many come. The rest is dollars: bus, of EventBridge where they come by it; sent, for the requests
    that put them into the queue; asked, for those that receive and delete them.
    """

    events: float
    bus: float
    sent: float
    asked: float

    @property
    def dollars(self) -> float:
        return self.bus + self.sent + self.asked


def busy_month(prices: Prices, a_second: float, *, bridged: bool) -> BusyMonth:
    """a_second: events, all day. bridged: they come by EventBridge, whose delivery within the account is free."""
    events = a_second * 60 * MINUTES
    return BusyMonth(
        events,
        _listed(prices, "eventbridge.event", events) if bridged else 0.0,
        _listed(prices, "sqs.request", events),
        _listed(prices, "sqs.request", events * REQUESTS_AN_EVENT),
    )


def _listed(prices: Prices, meter: str, amount: float) -> float:
    """Dollars; nothing where a job's own list leaves the meter out."""
    return prices.cost(meter, amount) if meter in prices.meters else 0.0
