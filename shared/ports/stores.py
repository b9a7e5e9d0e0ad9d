"""One job's stores, as they are connected together. Use cases take the ones they need."""

from dataclasses import dataclass

from shared.ports.control_store import ControlStore
from shared.ports.extra_store import ExtraStore
from shared.ports.ledger_store import LedgerStore
from shared.ports.prefix_store import PrefixStore
from shared.ports.range_store import RangeStore
from shared.ports.rejected_store import RejectedStore
from shared.ports.run_store import RunStore
from shared.ports.upload_store import UploadStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The state of one job, a store for each kind of document."""

    ledger: LedgerStore
    runs: RunStore
    ranges: RangeStore
    prefixes: PrefixStore
    control: ControlStore
    uploads: UploadStore
    extras: ExtraStore
    rejected: RejectedStore
