"""The state store: what was copied, runs, ranges, prefixes, control."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from shared.domain.counts import Counts, ManifestPart, RangeCounts
from shared.domain.extraneous import DestinationOnly
from shared.domain.progress import Progress
from shared.domain.rollup import Rollup
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.control import Control
from shared.ports.ledger import KeyCount, Versioned
from shared.ports.ranges import Grant, OpenRange, RangeId, Refusal
from shared.ports.runs import OpenRun, RunSummary


class State(Protocol):
    """The memory. Losing it costs a re-scan, never an object."""

    def records(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        """Ledger records that may speak about keys with the prefix, after `after` and up to `until`, by first key."""
        ...

    async def remembered(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        """About how much is remembered of a stretch, without reading it."""
        ...

    async def fences(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[str]:
        """First keys of `about` so many of the `records` of a stretch, drawn evenly, in order."""
        ...

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        """Put the merged records in the place of those they replace, all at once; False if one of these has moved.

        versions: of the records that are replaced.
        """
        ...

    async def forget(self, prefix: bytes) -> int:
        """Delete the records that speak about a prefix; how many there were."""
        ...

    async def remember(self, records: Sequence[BatchRecord]) -> None:
        """Create the records of published batches; one that exists already is left as it is."""
        ...

    async def record(self, batch: str) -> Versioned | None: ...

    async def settle(self, record: BatchRecord, version: object | None) -> None:
        """Write a batch's results. Raises StateConflict if the record moved since `version`."""
        ...

    async def begin(self, opened: OpenRange, kind: str, now: float) -> bool:
        """Open the books of a run with its first range; False, and nothing changes, if they were opened before."""
        ...

    async def claim(self, opened: OpenRange, owner: str, now: float, lease_seconds: float) -> Grant | Refusal:
        """Take or renew a range for `lease_seconds`, unless it is done or another's lease still runs. A range that
        nobody remembers is opened.
        """
        ...

    async def divide(self, piece: RangeId, owner: str, further: Sequence[OpenRange]) -> None:
        """Let a range end where the first of the further ones begins, and open these, all at once.

        Raises StateConflict if the range is not the owner's any more.
        """
        ...

    async def sums(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        """What a run found in each folder, and the files of its manifest, over all its ranges."""
        ...

    def failed(self, run: str) -> AsyncIterator[Entry]:
        """The keys of a run that have failed, with their reasons."""
        ...

    async def finish(self, piece: RangeId, books: RangeCounts, now: float) -> None:
        """Close a range with its books."""
        ...

    async def open_ranges(self, run: str) -> list[bytes]:
        """The messages of a run's ranges that are not done, to be sent again."""
        ...

    def open_batches(self, run: str) -> AsyncIterator[BatchRecord]:
        """A run's records with keys that have not ended."""
        ...

    async def is_open(self, run: str) -> bool:
        """Whether a run has ranges that are not done."""
        ...

    async def listed(self, run: str) -> Counts:
        """What a run has listed so far: one sum, where `summary` needs two dozen."""
        ...

    async def summary(self, run: str) -> RunSummary:
        """A run's books: added up while it is going, as they were written down once it has ended."""
        ...

    async def open_runs(self) -> list[OpenRun]:
        """The runs whose end has not been written down, by their start."""
        ...

    async def touched(self, run: str) -> float | None:
        """When a run was last worked on (epoch seconds): the last pulse, or, of a sample, what is unfinished. None if
        nothing is left to do.
        """
        ...

    async def pulse(self, run: str, instance: str, now: float, progress: Progress) -> None:
        """An instance has worked on a run: said about once a minute, in a document of its own, with all it has done."""
        ...

    async def pulses(self, run: str) -> Progress:
        """What all instances together have done, as far as they have told."""
        ...

    async def close(self, run: str, now: float, lease_seconds: float) -> bool:
        """Take the right to end a run, which has consequences that should follow once; False if another has it."""
        ...

    async def end(self, run: str, state: str, books: RunSummary, now: float) -> None:
        """Write down how a run ended, with its books as they are."""
        ...

    async def scheduled(self, kind: str) -> tuple[str, object]:
        """The last run of a kind that the scheduler started, "" for none, with the token that `schedule` must match."""
        ...

    async def schedule(self, kind: str, run: str, version: object) -> bool:
        """Become the scheduled run; False if another one was faster."""
        ...

    async def mark_extras(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        """Remember that a run found copies of no object; since when is kept as long as a copy's generation is."""
        ...

    def marked_extras(self, run: str, before: float) -> AsyncIterator[DestinationOnly]:
        """The copies that a run found and that were marked before a time."""
        ...

    async def unmark_extra(self, name: bytes) -> None: ...

    async def control(self) -> Control: ...

    async def set_control(self, control: Control) -> None: ...

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        """Count objects and bytes against the ceilings of a run, or, where that exceeds them, do nothing: False.

        Negative amounts give back what was not used.
        """
        ...

    async def prefix(self, prefix: str) -> dict[str, Any]:
        """A prefix's document, empty if there is none."""
        ...

    async def note_prefix(self, prefix: str, fields: dict[str, object]) -> None:
        """Merge fields into a prefix's document."""
        ...

    async def note_rejected(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        """Count a malformed message; the same delivery is counted once."""
        ...
