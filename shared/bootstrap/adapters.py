"""What use cases are put together from."""

import uuid
from dataclasses import dataclass, field

from shared.ports.clock import Clock
from shared.ports.destination import Destination
from shared.ports.download import Download
from shared.ports.event_queue import EventQueue
from shared.ports.log import Log
from shared.ports.queue import Queue
from shared.ports.reports import Reports
from shared.ports.source import Source
from shared.ports.staging import Staging
from shared.ports.stores import Stores


@dataclass(frozen=True, slots=True)
class Adapters:
    """Every port of an instance, connected to one loop.

    copy_source, copy_destination: the same buckets for the copy of a key, which is tried again as a whole.
    download: the way that bytes take; direct: the way past a stale edge, None where the job forbids it.
    reports: None where none are written. events: None where none are followed. instance: its name in heartbeats.
    """

    log: Log
    clock: Clock
    source: Source
    copy_source: Source
    download: Download
    direct: Download | None
    destination: Destination
    copy_destination: Destination
    staging: Staging
    queue: Queue
    stores: Stores
    reports: Reports | None
    events: EventQueue | None = None
    instance: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
