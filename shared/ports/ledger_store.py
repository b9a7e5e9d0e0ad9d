"""What was copied, as it is stored: a record for each batch."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.range_store import HeldRange


@dataclass(frozen=True, slots=True)
class Versioned:
    """A record with the token that a later write must still match. begins: the first key of one that cannot be read."""

    record: BatchRecord
    version: object
    begins: bytes = b""

    @property
    def first(self) -> bytes:
        """The first of its keys, "" if not even that is known."""
        return self.record.first if len(self.record.entries) else self.begins


@dataclass(frozen=True, slots=True)
class KeyCount:
    """What a key range of the ledger holds."""

    keys: int
    records: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A record without its entries. keys: how many."""

    batch: str
    first: bytes
    keys: int
    identity: str = ""


class LedgerStore(Protocol):
    """The batch records of one job. Losing them costs a re-scan, never an object."""

    def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        """Records that may speak about keys with the prefix, after `after` and up to `until`, by first key."""
        ...

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        """About how much is recorded of a key range, without reading it."""
        ...

    async def sample(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[bytes]:
        """First keys of `about` so many of the `records` of a key range, drawn evenly, in order."""
        ...

    async def create(self, records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        """Create the records of published batches; one that exists already is left as it is. held: the range whose keys
        they are. Raises StateConflict if it is not the holder's any more: whoever has it now would never see a record
        that came so late, so that nobody would send it, or two would have its keys counted.
        """
        ...

    async def get(self, batch: str) -> Versioned | None:
        """A batch's record, None if there is none that can be read."""
        ...

    async def commit_results(self, record: BatchRecord, version: object | None) -> None:
        """Write a batch's results. version: of the record that was read. Raises StateConflict if it moved since."""
        ...

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        """Put the merged records, if there are any, in the place of those they replace, all at once; False if one of
        these has moved. versions: of the records that are replaced.
        """
        ...

    def unsettled(self, run: str) -> AsyncIterator[BatchRecord]:
        """A run's records with keys that have no outcome yet."""
        ...

    def of_run(self, run: str) -> AsyncIterator[BatchRecord]:
        """All of a run's records that can be read."""
        ...

    async def outlines(self, run: str) -> list[Outline]:
        """All of a run's records, or a level's (`ledger.levels`), in order of their first keys."""
        ...

    def failed(self, run: str) -> AsyncIterator[Entry]:
        """The keys of a run that have failed, with their reasons."""
        ...
