"""The ports in memory. The contract suites hold them to the same behaviour as the real adapters."""

import base64
import hashlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import google_crc32c

from shared.domain.archive import CLASSES, Restore, Tier
from shared.domain.checksums import Chunk, PartDigests
from shared.domain.copies import CopyPage
from shared.domain.counts import Counts, ManifestPart, Outcome, RangeCounts
from shared.domain.errors import Archived, Changed, Corrupt, Gone, LostRace, ObjectError, StateConflict
from shared.domain.extraneous import DestinationOnly
from shared.domain.keys import prefix_end
from shared.domain.messages import Message, decode
from shared.domain.objects import Attributes, DestinationObject, SourceObject
from shared.domain.page import Page
from shared.domain.progress import Progress, together
from shared.domain.rollup import Rollup
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.control import Control
from shared.ports.destination import Upload
from shared.ports.download import OpenDownload, Span
from shared.ports.ledger import KeyCount, Versioned
from shared.ports.ranges import Grant, OpenRange, RangeId, Refusal
from shared.ports.runs import OpenRun, RunSummary
from shared.ports.source import Children
from shared.ports.staging import StoredPart
from shared.ports.uploads import OpenUpload, PartNote


@dataclass
class FakeClock:
    time: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def draw(self) -> float:
        return 0.5

    def pass_time(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class FakeLog:
    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def info(self, message: str, **fields: object) -> None:
        self.lines.append(("INFO", message, fields))

    def warning(self, message: str, **fields: object) -> None:
        self.lines.append(("WARNING", message, fields))

    def error(self, message: str, error: BaseException | None = None, **fields: object) -> None:
        self.lines.append(("ERROR", message, {**fields, "error": error}))


@dataclass
class Stored:
    body: bytes
    attributes: Attributes
    modified: int
    storage_class: str = "STANDARD"

    parts: int = 0
    restore: Restore | None = None

    @property
    def told(self) -> Attributes:
        return replace(self.attributes, storage_class=self.storage_class)

    @cached_property
    def etag(self) -> str:
        """Of a single-part upload, or of one in parts of `parts` bytes."""
        if not self.parts:
            return hashlib.md5(self.body).hexdigest()
        digests = PartDigests(self.parts)
        digests.update(self.body)
        return f"{hashlib.md5(digests.digests()).hexdigest()}-{len(digests.digests()) // 16}"


@dataclass
class FakeBucket:
    """An S3 bucket: `shared.ports.Source`, and by `download` a `Download`, which may be a stale edge."""

    objects: dict[bytes, Stored] = field(default_factory=dict)
    page_size: int = 1000
    moments: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_700_000_000))
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    listed_page: Callable[[], None] = lambda: None
    archived_in_silence: set[bytes] = field(default_factory=set)

    def put(
        self,
        key: str,
        body: bytes,
        attributes: Attributes | None = None,
        storage_class: str = "STANDARD",
        parts: int = 0,
    ) -> None:
        restore = Restore.NEEDED if storage_class in CLASSES else None
        self.objects[key.encode()] = Stored(
            body, attributes or Attributes(), next(self.moments), storage_class, parts, restore
        )

    def listed(self, key: bytes) -> SourceObject:
        stored = self.objects[key]
        return SourceObject(key, stored.etag, len(stored.body), stored.modified, stored.storage_class, stored.restore)

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        position = after
        while True:
            keys = self._after(prefix, position)
            self.requests.append(("list", prefix))
            if not keys:
                return
            page = [self.listed(key) for key in keys[: self.page_size]]
            self.listed_page()
            yield Page.of(page)
            if len(keys) <= self.page_size:
                return
            position = page[-1].key

    def _after(self, prefix: bytes, after: bytes) -> list[bytes]:
        return sorted(key for key in self.objects if key.startswith(prefix) and (not after or key > after))

    async def first_after(self, prefix: bytes, after: bytes) -> bytes | None:
        self.requests.append(("first_after", after))
        return next(iter(self._after(prefix, after)), None)

    async def children(self, prefix: bytes, after: bytes) -> Children:
        self.requests.append(("children", prefix))
        cut = len(prefix)
        folders = {key[: key.index(b"/", cut) + 1] for key in self._after(prefix, after) if b"/" in key[cut:]}
        found = sorted(folder.decode() for folder in folders)
        return Children(found[:100], len(found) <= 100)

    async def head(self, key: bytes) -> SourceObject:
        self.requests.append(("head", key))
        if key not in self.objects:
            raise Gone(key.decode())
        found = self.listed(key)
        return replace(found, restore=found.restore or Restore.NEEDED) if key in self.archived_in_silence else found

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        return await self.head(key), self.objects[key].told

    async def restore(self, source: SourceObject, tier: Tier, days: int) -> None:
        self.requests.append((f"restore {tier} {days}", source.key))
        stored = self.objects[source.key]
        if stored.restore is None and source.key not in self.archived_in_silence:
            raise Archived(source.text)
        if stored.restore is not Restore.DONE:
            stored.restore = Restore.UNDER_WAY

    async def part_bytes(self, source: SourceObject) -> int | None:
        self.requests.append(("part_bytes", source.key))
        return self.objects[source.key].parts or None


@dataclass
class FakeDownload:
    """stale: bodies that are served whatever the bucket holds. faults: raised, one a request, in order."""

    bucket: FakeBucket
    name: str = "cdn"
    stale: dict[bytes, Stored] = field(default_factory=dict)
    faults: dict[bytes, list[ObjectError]] = field(default_factory=lambda: defaultdict(list))
    tamper: dict[bytes, bytes] = field(default_factory=dict)

    async def open(self, source: SourceObject, span: Span | None = None) -> OpenDownload:
        self.bucket.requests.append((self.name, source.key))
        if self.faults[source.key]:
            raise self.faults[source.key].pop(0)
        stored = self.stale.get(source.key) or self.bucket.objects.get(source.key)
        if stored is None:
            raise Gone(source.text)
        if stored.restore not in (None, Restore.DONE) or source.key in self.bucket.archived_in_silence:
            raise Archived(source.text)
        if stored.etag != source.etag:
            raise Changed(source.text)
        body, size = self.tamper.get(source.key, stored.body), len(stored.body)
        if span is not None:
            body, size = body[span[0] : span[1]], span[1] - span[0]
        return OpenDownload(stored.etag, size, stored.told, _in_two(body), lambda: None, self.name)


async def _in_two(body: bytes) -> AsyncIterator[Chunk]:
    half = len(body) // 2
    for part in (body[:half], body[half:]):
        if part:
            yield part


@dataclass
class FakeDestination:
    objects: dict[bytes, tuple[DestinationObject, bytes]] = field(default_factory=dict)
    generations: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    page_size: int = 1000
    writes: list[bytes] = field(default_factory=list)
    classes: dict[bytes, str | None] = field(default_factory=dict)

    async def stat(self, name: bytes) -> DestinationObject | None:
        found = self.objects.get(name)
        return found[0] if found else None

    async def look(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        return {name: self.objects[name][0] for name in names if name in self.objects}

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        body = b"".join([chunk async for chunk in chunks])
        if len(body) != upload.size:
            raise Corrupt("length")
        if upload.md5 is not None and hashlib.md5(body).hexdigest() != upload.md5:
            raise Corrupt("md5")
        if upload.crc32c is not None and crc32c_of(body) != upload.crc32c:
            raise Corrupt("crc32c")
        present = self.objects.get(upload.name)
        if (present[0].generation if present else 0) != upload.generation:
            raise LostRace(upload.name.decode())
        self.classes[upload.name] = upload.storage_class
        return self.install(upload.name, body, upload.metadata)

    def install(
        self, name: bytes, body: bytes, metadata: dict[str, str] | None = None, composite: bool = False
    ) -> DestinationObject:
        md5 = None if composite else hashlib.md5(body).hexdigest()
        written = DestinationObject(name, len(body), next(self.generations), crc32c_of(body), md5, metadata or {})
        self.objects[name] = (written, body)
        self.writes.append(name)
        return written

    async def delete(self, name: bytes, generation: int) -> None:
        found = self.objects.get(name)
        if found is not None and found[0].generation != generation:
            raise LostRace(name.decode())
        self.objects.pop(name, None)

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        found = [self.objects[name][0] for name in sorted(self.objects) if name.startswith(prefix) and name > after]
        for start in range(0, len(found), self.page_size):
            yield CopyPage.of(found[start : start + self.page_size])


def crc32c_of(body: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(body).digest()).decode()


@dataclass
class FakeStaging:
    """calls_a_move: how many calls it takes to move an object."""

    destination: FakeDestination
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    staged: FakeDestination = field(default_factory=FakeDestination)
    sent: list[int] = field(default_factory=list)
    calls_a_move: int = 1
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def begin(self, name: bytes) -> str:
        upload = f"upload-{next(self.numbers)}"
        self.uploads[upload] = {}
        return upload

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[Chunk]) -> StoredPart:
        body = b"".join([chunk async for chunk in chunks])
        if len(body) != size:
            raise Corrupt("length")
        if upload not in self.uploads:
            raise Gone(upload)
        self.uploads[upload][number] = body
        self.sent.append(number)
        return StoredPart(hashlib.md5(body).hexdigest(), google_crc32c.value(body))

    async def complete(self, name: bytes, upload: str, etags: Sequence[str]) -> None:
        if upload not in self.uploads:
            raise Gone(upload)
        parts = self.uploads.pop(upload)
        assert [hashlib.md5(parts[number]).hexdigest() for number in range(1, len(etags) + 1)] == list(etags)
        self.staged.install(name, b"".join(parts[number] for number in sorted(parts)), composite=True)

    async def abort(self, name: bytes, upload: str) -> None:
        self.uploads.pop(upload, None)

    async def stat(self, name: bytes) -> DestinationObject | None:
        return await self.staged.stat(name)

    async def move(self, staged: DestinationObject, upload: Upload, token: str = "") -> DestinationObject | str:
        present = self.destination.objects.get(upload.name)
        if (present[0].generation if present else 0) != upload.generation:
            raise LostRace(upload.name.decode())
        if int(token or 1) < self.calls_a_move:
            return str(int(token or 1) + 1)
        self.destination.classes[upload.name] = upload.storage_class
        return self.destination.install(
            upload.name, self.staged.objects[staged.name][1], upload.metadata, composite=True
        )

    async def delete(self, name: bytes) -> None:
        self.staged.objects.pop(name, None)


@dataclass
class FakeUploads:
    opened: dict[str, OpenUpload] = field(default_factory=dict)
    noted: dict[str, dict[int, PartNote]] = field(default_factory=lambda: defaultdict(dict))
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def open(self, number: str, wish: OpenUpload) -> OpenUpload:
        return self.opened.setdefault(number, wish)

    async def get(self, number: str) -> OpenUpload | None:
        return self.opened.get(number)

    async def published(self, number: str, batch: str, now: float) -> None:
        if number in self.opened:
            self.opened[number] = replace(self.opened[number], published_for=batch, opened_at=now)

    async def moving(self, number: str, token: str) -> None:
        if number in self.opened:
            self.opened[number] = replace(self.opened[number], move_token=token)

    async def note(self, upload: str, part: int, note: PartNote) -> None:
        self.noted[upload][part] = note

    async def parts(self, upload: str, only: int | None = None) -> dict[int, PartNote]:
        return {part: note for part, note in self.noted[upload].items() if only in (None, part)}

    async def count(self, upload: str) -> int:
        return len(self.noted[upload])

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        holder, until = self.leases.get(number, ("", 0.0))
        if number not in self.opened or (holder not in ("", owner) and until > now):
            return False
        self.leases[number] = (owner, now + lease_seconds)
        return True

    async def release(self, number: str, owner: str) -> None:
        if self.leases.get(number, ("", 0.0))[0] == owner:
            del self.leases[number]

    async def close(self, number: str) -> None:
        opened = self.opened.pop(number, None)
        if opened is not None:
            self.noted.pop(opened.upload, None)
        self.leases.pop(number, None)


@dataclass
class FakeQueue:
    sent: list[tuple[str, Message]] = field(default_factory=list)
    rejected: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Every message goes over the wire and back."""
        self.sent.extend((topic, decode(type(message), message.encode())) for message in messages)

    async def reject(self, data: bytes, attributes: dict[str, str]) -> None:
        self.rejected.append((data, attributes))


@dataclass
class _Range:
    opened: OpenRange
    state: str = "open"
    owner: str = ""
    until: float = 0.0
    fences: list[str] = field(default_factory=list)
    books: RangeCounts = field(default_factory=RangeCounts)
    touched: float = 0.0


@dataclass
class _Run:
    kind: str
    prefix: str
    message: bytes
    started_at: float
    state: str = "going"
    books: RunSummary | None = None
    closing_until: float = 0.0


@dataclass
class FakeState:
    """now: the time of the server, which stamps what is written."""

    now: Callable[[], float] = lambda: 1_000_000.0
    ledger: dict[str, tuple[BatchRecord, int]] = field(default_factory=dict)
    stamps: dict[str, float] = field(default_factory=dict)
    runs: dict[str, _Run] = field(default_factory=dict)
    ranges: dict[RangeId, _Range] = field(default_factory=dict)
    prefixes: dict[str, dict[str, Any]] = field(default_factory=dict)
    rejected: dict[str, list[str]] = field(default_factory=dict)
    turns: dict[str, tuple[str, int]] = field(default_factory=dict)
    said: Control = field(default_factory=Control)
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)
    beaten: dict[str, float] = field(default_factory=dict)
    told: dict[tuple[str, str], Progress] = field(default_factory=dict)
    extras: dict[bytes, tuple[DestinationOnly, str, float]] = field(default_factory=dict)
    writes: int = 0

    async def records(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        low, high = max(prefix, after + b"\0" if after else b""), prefix_end(prefix)
        for record, version in sorted(self.ledger.values(), key=lambda item: item[0].first):
            short = until is None or record.first <= until
            if record.last >= low and short and (high is None or record.first < high):
                yield Versioned(record, version)

    async def remembered(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        found = [item.record async for item in self.records(prefix, after, until) if item.record.first > after]
        return KeyCount(sum(len(record.entries) for record in found), len(found))

    async def fences(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[str]:
        found = [item.record.first async for item in self.records(prefix, after, until) if item.record.first > after]
        return [first.decode() for first in found[:: max(1, records // about)]]

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        held = [self.ledger.get(old.batch, (None, None))[1] for old in merge.replaced]
        if held != list(versions):
            return False
        for old in merge.replaced:
            del self.ledger[old.batch]
        for record in merge.merged:
            self._write(record)
        return True

    async def forget(self, prefix: bytes) -> int:
        gone = [item.record.batch async for item in self.records(prefix, b"")]
        for batch in gone:
            del self.ledger[batch]
        return len(gone)

    async def remember(self, records: Sequence[BatchRecord]) -> None:
        for record in records:
            if record.batch not in self.ledger:
                self._write(record)

    async def record(self, batch: str) -> Versioned | None:
        found = self.ledger.get(batch)
        return Versioned(*found) if found else None

    async def settle(self, record: BatchRecord, version: object | None) -> None:
        found = self.ledger.get(record.batch)
        if version is not None and (found is None or found[1] != version):
            raise StateConflict(record.batch)
        self._write(record)

    def _write(self, record: BatchRecord) -> None:
        self.writes += 1
        self.ledger[record.batch] = (replace(record), self.writes)
        self.stamps[record.batch] = self.now()

    async def begin(self, opened: OpenRange, kind: str, now: float) -> bool:
        if opened.piece.run in self.runs:
            return False
        self.runs[opened.piece.run] = _Run(kind, opened.piece.prefix, opened.message, now)
        self.ranges.setdefault(opened.piece, _Range(opened, touched=self.now()))
        return True

    async def claim(self, opened: OpenRange, owner: str, now: float, lease_seconds: float) -> Grant | Refusal:
        found = self.ranges.setdefault(opened.piece, _Range(opened))
        if found.state == "done":
            return Refusal.DONE
        if found.owner not in ("", owner) and 0 < found.until - now <= 2 * lease_seconds:
            return Refusal.HELD
        found.owner, found.until, found.touched = owner, now + lease_seconds, self.now()
        end = found.opened.until
        return Grant(found.fences[0] if found.fences else end, tuple(found.fences), end)

    async def divide(self, piece: RangeId, owner: str, further: Sequence[OpenRange]) -> None:
        found = self.ranges.get(piece)
        if found is None or found.owner != owner or found.state != "open":
            raise StateConflict(piece.cursor)
        found.fences = [item.piece.cursor for item in further] + found.fences
        for item in further:
            self.ranges[item.piece] = _Range(item, touched=self.now())

    async def sums(self, run: str) -> tuple[Rollup, list[ManifestPart]]:
        merged, parts = Rollup(), []
        for item in self._of(run):
            merged.merge(item.books.sums)
            parts += item.books.manifest
        return merged, parts

    async def failed(self, run: str) -> AsyncIterator[Entry]:
        for record, _ in self.ledger.values():
            if record.run == run:
                for entry in record.entries:
                    if entry.outcome is Outcome.FAILED:
                        yield entry

    async def finish(self, piece: RangeId, books: RangeCounts, now: float) -> None:
        self.ranges[piece] = _Range(OpenRange(piece, None, b""), "done", books=books)

    def _of(self, run: str) -> list[_Range]:
        return [item for piece, item in self.ranges.items() if piece.run == run]

    async def open_ranges(self, run: str) -> list[bytes]:
        return [item.opened.message for item in self._of(run) if item.state == "open"]

    async def open_batches(self, run: str) -> AsyncIterator[BatchRecord]:
        for record, _ in list(self.ledger.values()):
            if record.run == run and not record.settled:
                yield record

    async def is_open(self, run: str) -> bool:
        return any(item.state == "open" for item in self._of(run))

    async def listed(self, run: str) -> Counts:
        listed = Counts()
        for item in self._of(run):
            listed.merge(item.books.listed)
        return listed

    async def summary(self, run: str) -> RunSummary:
        known = self.runs.get(run)
        if known is not None and known.books is not None:
            return known.books
        listed, still_open = await self.listed(run), sum(item.state == "open" for item in self._of(run))
        outcomes, filters, verdicts = Counts(), Counts(), Counts()
        for item in self._of(run):
            outcomes.merge(item.books.outcomes)
            filters.merge(item.books.filters)
            verdicts.merge(item.books.verdicts)
        for record, _ in self.ledger.values():
            if record.run == run:
                outcomes.merge(record.tally())
        stopped = sum(bool(item.books.stopped) for item in self._of(run))
        return RunSummary(listed.total_keys, listed.total_bytes, outcomes, filters, verdicts, still_open, stopped)

    async def open_runs(self) -> list[OpenRun]:
        return [
            OpenRun(name, run.kind, run.prefix, run.message, run.started_at)
            for name, run in self.runs.items()
            if run.state == "going"
        ]

    async def touched(self, run: str) -> float | None:
        times = [item.touched for item in self._of(run) if item.state == "open"]
        times += [self.stamps[record.batch] async for record in self.open_batches(run)]
        return max([*times, self.beaten.get(run, 0.0)]) if times else None

    async def pulse(self, run: str, instance: str, now: float, progress: Progress) -> None:
        self.beaten[run] = self.now()
        self.told[run, instance] = Progress.of(progress.table())

    async def pulses(self, run: str) -> Progress:
        return together(progress for (name, _), progress in self.told.items() if name == run)

    async def close(self, run: str, now: float, lease_seconds: float) -> bool:
        found = self.runs[run]
        if found.state != "going" or 0 < found.closing_until - now <= 2 * lease_seconds:
            return False
        found.closing_until = now + lease_seconds
        return True

    async def end(self, run: str, state: str, books: RunSummary, now: float) -> None:
        self.runs[run].state, self.runs[run].books = state, books

    async def scheduled(self, kind: str) -> tuple[str, object]:
        return self.turns.get(kind, ("", 0))

    async def schedule(self, kind: str, run: str, version: object) -> bool:
        if version != self.turns.get(kind, ("", 0))[1]:
            return False
        self.turns[kind] = run, self.turns.get(kind, ("", 0))[1] + 1
        return True

    async def mark_extras(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        for extra in extras:
            known = self.extras.get(extra.name)
            since = known[2] if known is not None and known[0].generation == extra.generation else now
            self.extras[extra.name] = extra, run, since

    async def marked_extras(self, run: str, before: float) -> AsyncIterator[DestinationOnly]:
        for extra, last, since in list(self.extras.values()):
            if last == run and since <= before:
                yield extra

    async def unmark_extra(self, name: bytes) -> None:
        self.extras.pop(name, None)

    async def control(self) -> Control:
        return self.said

    async def set_control(self, control: Control) -> None:
        self.said = control

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        spent = self.spent.get(run, (0, 0))
        wish = spent[0] + objects, spent[1] + size
        ceilings = zip(wish, (control.most_objects, control.most_bytes), strict=True)
        if (objects > 0 or size > 0) and any(most is not None and amount > most for amount, most in ceilings):
            return False
        self.spent[run] = wish
        return True

    async def prefix(self, prefix: str) -> dict[str, Any]:
        return dict(self.prefixes.get(prefix, {}))

    async def note_prefix(self, prefix: str, fields: dict[str, object]) -> None:
        held = self.prefixes.setdefault(prefix, {})
        for name, value in fields.items():
            held[name] = {**held.get(name, {}), **value} if isinstance(value, dict) else value

    async def note_rejected(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        self.rejected[message_id] = list(problems)


@dataclass
class FakeReports:
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        self.files[name] = body, content_type
