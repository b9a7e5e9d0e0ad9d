"""What an operator needs: the stores and the queue, and no bucket."""

from dataclasses import dataclass

from shared.bootstrap.limits import Limits
from shared.domain.runs import RunKind
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.stores import Stores
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.resume import Resume


@dataclass(frozen=True, slots=True)
class Admin:
    """resume: goes on after a pause."""

    stores: Stores
    resume: Resume


def admin(stores: Stores, queue: Queue, clock: Clock, limits: Limits) -> Admin:
    """Put together what an operator needs."""
    topics = {RunKind.LIST: limits.list_topic, RunKind.KEYS: limits.list_topic, RunKind.VERIFY: limits.verify_topic}
    publish = publisher(stores, queue, clock, limits)
    resume = Resume(stores.control, stores.runs, stores.ranges, stores.ledger, queue, publish, topics)
    return Admin(stores, resume)


def publisher(stores: Stores, queue: Queue, clock: Clock, limits: Limits) -> PublishBatches:
    """What sends batches to the transfer."""
    return PublishBatches(
        stores.ledger, queue, clock, limits.transfer_topic, limits.keys_per_message, limits.batch_bytes
    )
