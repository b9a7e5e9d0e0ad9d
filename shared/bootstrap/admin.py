"""What an operator needs: the stores and the queue, and no bucket."""

from dataclasses import dataclass

from shared.bootstrap.job_config import JobConfig
from shared.domain.runs import RunKind
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.stores import Stores
from shared.ranges.cancel import Cancel
from shared.ranges.publish_batches import PublishBatches
from shared.ranges.resume import Resume
from shared.ranges.send_again import SendAgain


@dataclass(frozen=True, slots=True)
class Admin:
    """resume: goes on after a pause. cancel: ends a run for good."""

    stores: Stores
    resume: Resume
    cancel: Cancel


def admin(stores: Stores, queue: Queue, clock: Clock, config: JobConfig) -> Admin:
    """Put together what an operator needs."""
    topics = dict.fromkeys(RunKind, config.list_topic) | {RunKind.VERIFY: config.verify_topic}
    publish = publisher(stores, queue, clock, config)
    send_again = SendAgain(stores.ranges, stores.ledger, queue, publish, topics)
    resume = Resume(stores.control, stores.runs, clock, send_again)
    return Admin(stores, resume, Cancel(stores.control, send_again))


def publisher(stores: Stores, queue: Queue, clock: Clock, config: JobConfig) -> PublishBatches:
    """What sends batches to the transfer."""
    return PublishBatches(
        stores.ledger, queue, clock, config.transfer_topics, config.keys_per_message, config.batch_bytes
    )
