"""What the workflows need from the world, and nothing of how it is met."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Protocol, Self

from shared.core.archive import Tier
from shared.core.compaction import Merge
from shared.core.copies import CopyPage
from shared.core.ledger import Entry, Record
from shared.core.manifest import Part
from shared.core.messages import Message
from shared.core.objects import Attributes, DestinationObject, SourceObject
from shared.core.outcomes import Books, Tally
from shared.core.page import Page
from shared.core.progress import Progress
from shared.core.proof import Chunk
from shared.core.sums import Sums
from shared.core.sweep import Extra


class Clock(Protocol):
    """Time and chance, so that tests can own both."""

    def now(self) -> float:
        """Wall time in epoch seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def draw(self) -> float:
        """Uniform in [0, 1)."""
        ...


class Log(Protocol):
    """Where events go; fields are key, run, attempt, reason and the like."""

    def info(self, message: str, **fields: object) -> None: ...

    def warning(self, message: str, **fields: object) -> None: ...

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Children:
    """What a delimiter rolls up: prefixes one level down, in order. complete: whether these are all."""

    prefixes: Sequence[str]
    complete: bool


class Source(Protocol):
    """The S3 bucket, asked directly."""

    def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        """Pages of objects with the prefix, in key order, strictly after `after`; none is empty.

        Raises Unsorted if the server does not list in the order of the keys' bytes.
        """
        ...

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        """The least key with the prefix that is greater than `after`."""
        ...

    async def children(self, prefix: bytes, after: bytes) -> Children:
        """The prefixes, up to the next slash, of the keys with the prefix after `after`: one page of them."""
        ...

    async def head(self, key: bytes) -> SourceObject:
        """The current version. Raises Gone if there is none."""
        ...

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        """The current version with all that is known of it. Raises Gone if there is none."""
        ...

    async def restore(self, source: SourceObject, tier: Tier, days: int) -> None:
        """Ask for an archived object to be made readable for some days; no error if that is under way already."""
        ...

    async def part_bytes(self, source: SourceObject) -> int | None:
        """The size of the first part of an object that was uploaded in parts. Raises Changed if it has changed."""
        ...


Span = tuple[int, int]
"""Bytes of an object: the first, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Body:
    """An open download, a context manager that closes it. size: bytes promised by Content-Length. chunks: read once, in
    order. close: gives the connection back. route: the way they take.
    """

    etag: str
    size: int
    attributes: Attributes
    chunks: AsyncIterator[Chunk]
    close: Callable[[], None]
    route: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Download(Protocol):
    """A way to an object's bytes: through the CDN, or straight from S3."""

    async def open(self, source: SourceObject, span: Span | None = None) -> Body:
        """Ask for exactly the version `source.etag`, all of it or the bytes of a span.

        Raises Changed if anything else is answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """What is written under a name. md5 (hex) and crc32c (base64) are set where the source promises them: no other
    bytes become visible then. generation: the one being replaced, 0 for none. storage_class: None for the bucket's.
    """

    name: bytes
    size: int
    generation: int
    attributes: Attributes
    metadata: dict[str, str]
    md5: str | None = None
    crc32c: str | None = None
    storage_class: str | None = None


class Destination(Protocol):
    """The GCS bucket."""

    async def stat(self, name: bytes) -> DestinationObject | None:
        """The live object of this name, None if there is none."""
        ...

    async def look(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        """Those of the names that are live objects. Names that lie close together cost one request."""
        ...

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        """Make the object visible whole and right, or not at all.

        Raises LostRace if the generation is not the expected one, Corrupt if the bytes are too few, too
        many or not those promised.
        """
        ...

    async def delete(self, name: bytes, generation: int) -> None:
        """Delete just this generation; it is no error if there is none. Raises LostRace if there is another one."""
        ...

    def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        """Pages of live objects with the prefix, in name order, strictly after `after`; none is empty.

        Raises Unsorted if the names do not come in the order of their bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has arrived. etag: what completes the upload with it."""

    etag: str
    crc32c: int


class Staging(Protocol):
    """A bucket in which large objects are put together, out of sight."""

    async def begin(self, name: bytes) -> str:
        """Start a multipart upload; its id. Raises Retained if what lies there could not be cleaned up."""
        ...

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[Chunk]) -> StoredPart:
        """Send a part; sending it again replaces it. Raises Corrupt if other bytes arrived than were read, Gone if
        there is no such upload.
        """
        ...

    async def complete(self, name: bytes, upload: str, etags: Sequence[str]) -> None:
        """Make an object of the parts. Raises Gone if there is no such upload."""
        ...

    async def abort(self, name: bytes, upload: str) -> None:
        """Drop the parts; it is no error if there is no such upload."""
        ...

    async def stat(self, name: bytes) -> DestinationObject | None: ...

    async def move(self, staged: DestinationObject, upload: Upload, token: str = "") -> DestinationObject | str:
        """Make the staged object visible at the destination; a token to go on with if that is not done yet.

        Raises LostRace if the generation there is not the expected one.
        """
        ...

    async def delete(self, name: bytes) -> None:
        """Delete a staged object; it is no error if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A large object on its way. upload: the multipart upload's id. part_bytes: of every part but the last.
    source_part_bytes: of the source's own parts, 0 where they prove nothing. opened_at: epoch seconds of when its
    parts were last published, for the batch `published_for`. move_token: how far its move has come.
    """

    key: str
    upload: str
    part_bytes: int
    source_part_bytes: int
    opened_at: float
    published_for: str = ""
    move_token: str = ""


@dataclass(frozen=True, slots=True)
class PartNote:
    """A part that has arrived: its ETag, bytes, checksums, and the MD5s of the source's parts in it (or none).
    route: the way its bytes took.
    """

    etag: str
    size: int
    crc32c: int
    crc64nvme: int
    digests: bytes
    route: str


class Uploads(Protocol):
    """What is remembered of large objects on their way. Losing it begins them anew."""

    async def open(self, number: str, wish: OpenUpload) -> OpenUpload:
        """Remember an upload; the one that is remembered already, if there is one."""
        ...

    async def get(self, number: str) -> OpenUpload | None: ...

    async def published(self, number: str, batch: str, now: float) -> None:
        """The parts' messages are out, for this batch."""
        ...

    async def note(self, upload: str, part: int, note: PartNote) -> None:
        """A part has arrived. It belongs to the multipart upload, not to the object: a late note must not be taken
        for a part of an upload that was begun anew.
        """
        ...

    async def parts(self, upload: str, only: int | None = None) -> dict[int, PartNote]:
        """The parts of a multipart upload that have arrived, or the one that is asked for."""
        ...

    async def count(self, upload: str) -> int:
        """How many parts of a multipart upload have arrived."""
        ...

    async def moving(self, number: str, token: str) -> None:
        """How far the object's move has come; "" to begin it again."""
        ...

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        """Take the right to finish the object, unless another's lease still runs."""
        ...

    async def release(self, number: str, owner: str) -> None:
        """Give the right back, if it is still the owner's."""
        ...

    async def close(self, number: str) -> None:
        """Forget an upload and its parts."""
        ...


class Queue(Protocol):
    """Where messages go."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Returns once every message is durably accepted."""
        ...

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        """Put a body that nobody can read on the dead-letter topic."""
        ...


class Refusal(Enum):
    """Why a range may not be worked on."""

    HELD = "held by another invocation"
    DONE = "done already"


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to work on a range until its lease ends. until: its last key, None for the prefix's end.

    fences: where its rest was cut off; the pieces behind them were opened, but perhaps never sent.
    end: where the last of these pieces ends.
    """

    until: str | None
    fences: Sequence[str] = ()
    end: str | None = None


@dataclass(frozen=True, slots=True)
class RangeId:
    """One invocation's piece of a run: the stretch of a prefix that begins after `cursor`."""

    run: str
    prefix: str
    cursor: str


@dataclass(frozen=True, slots=True)
class OpenRange:
    """A range as it is opened, before its message is sent. message: what is sent, as JSON, to be sent again.

    until: its last key, None for the prefix's end.
    """

    piece: RangeId
    until: str | None
    message: bytes


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose end has not been written down. kind: "list", "keys" or "verify". message: what began it, as JSON.
    started_at: epoch seconds.
    """

    name: str
    kind: str
    prefix: str
    message: bytes
    started_at: float


@dataclass(frozen=True, slots=True)
class Control:
    """What a person says to a job that is running. most_objects, most_bytes: what one run may publish, None for all."""

    paused: bool = False
    most_objects: int | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The books of one run. listed: what the lister or verifier saw. outcomes: where it went, so far. filters: what
    left out the filtered keys. verdicts: what a verifier said, by verdict. open_ranges: still being walked.
    stopped_ranges: ended before their last key, by a ceiling or an error.
    """

    listed_keys: int
    listed_bytes: int
    outcomes: Tally
    filters: Tally
    verdicts: Tally
    open_ranges: int
    stopped_ranges: int = 0

    @property
    def pending(self) -> int:
        """Keys that were listed and have not ended yet."""
        return self.listed_keys - self.outcomes.total_keys

    @property
    def finished(self) -> bool:
        return self.open_ranges == 0 and self.pending <= 0

    @property
    def balanced(self) -> bool:
        """Every listed key and byte has exactly one outcome."""
        return (
            self.finished
            and self.outcomes.total_keys == self.listed_keys
            and self.outcomes.total_bytes == self.listed_bytes
        )


@dataclass(frozen=True, slots=True)
class Versioned:
    """A record with the token that a later write must still match."""

    record: Record
    version: object


@dataclass(frozen=True, slots=True)
class KeyCount:
    """What a stretch of the ledger holds."""

    keys: int
    records: int


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

    async def remember(self, records: Sequence[Record]) -> None:
        """Create the records of published batches; one that exists already is left as it is."""
        ...

    async def record(self, batch: str) -> Versioned | None: ...

    async def settle(self, record: Record, version: object | None) -> None:
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

    async def sums(self, run: str) -> tuple[Sums, list[Part]]:
        """What a run found in each folder, and the files of its manifest, over all its ranges."""
        ...

    def failed(self, run: str) -> AsyncIterator[Entry]:
        """The keys of a run that have failed, with their reasons."""
        ...

    async def finish(self, piece: RangeId, books: Books, now: float) -> None:
        """Close a range with its books."""
        ...

    async def open_ranges(self, run: str) -> list[bytes]:
        """The messages of a run's ranges that are not done, to be sent again."""
        ...

    def open_batches(self, run: str) -> AsyncIterator[Record]:
        """A run's records with keys that have not ended."""
        ...

    async def is_open(self, run: str) -> bool:
        """Whether a run has ranges that are not done."""
        ...

    async def listed(self, run: str) -> Tally:
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

    async def mark_extras(self, run: str, extras: Sequence[Extra], now: float) -> None:
        """Remember that a run found copies of no object; since when is kept as long as a copy's generation is."""
        ...

    def marked_extras(self, run: str, before: float) -> AsyncIterator[Extra]:
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


class Reports(Protocol):
    """Where manifests and reports are put."""

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        """Write a file; one of the same name is replaced."""
        ...


class Secrets(Protocol):
    """Where secrets are kept."""

    async def read(self, name: str) -> str:
        """The current value of projects/P/secrets/S/versions/V."""
        ...
