"""The ports in memory. The contract suites hold them to the same behaviour as the real adapters."""

import base64
import hashlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import google_crc32c

from shared.core.errors import Archived, Changed, Corrupt, Gone, LostRace, ObjectError, StateConflict
from shared.core.keys import prefix_end
from shared.core.ledger import Record
from shared.core.messages import Message, decode
from shared.core.objects import Attributes, DestinationObject, SourceObject
from shared.core.outcomes import Tally
from shared.core.proof import PartDigests
from shared.ports import (
    Body,
    Books,
    Claim,
    OpenUpload,
    PartNote,
    RangeId,
    RunSummary,
    Span,
    StoredPart,
    Upload,
    Versioned,
)


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

    def put(
        self,
        key: str,
        body: bytes,
        attributes: Attributes | None = None,
        storage_class: str = "STANDARD",
        parts: int = 0,
    ) -> None:
        self.objects[key.encode()] = Stored(body, attributes or Attributes(), next(self.moments), storage_class, parts)

    def listed(self, key: bytes) -> SourceObject:
        stored = self.objects[key]
        return SourceObject(key, stored.etag, len(stored.body), stored.modified, stored.storage_class)

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Sequence[SourceObject]]:
        position = after
        while True:
            keys = sorted(key for key in self.objects if key.startswith(prefix) and (not position or key > position))
            self.requests.append(("list", prefix))
            if not keys:
                return
            page = [self.listed(key) for key in keys[: self.page_size]]
            self.listed_page()
            yield page
            if len(keys) <= self.page_size:
                return
            position = page[-1].key

    async def head(self, key: bytes) -> SourceObject:
        self.requests.append(("head", key))
        if key not in self.objects:
            raise Gone(key.decode())
        return self.listed(key)

    async def inspect(self, key: bytes) -> tuple[SourceObject, Attributes]:
        return await self.head(key), self.objects[key].told

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

    async def open(self, source: SourceObject, span: Span | None = None) -> Body:
        self.bucket.requests.append((self.name, source.key))
        if self.faults[source.key]:
            raise self.faults[source.key].pop(0)
        stored = self.stale.get(source.key) or self.bucket.objects.get(source.key)
        if stored is None:
            raise Gone(source.text)
        if stored.storage_class == "GLACIER":
            raise Archived(source.text)
        if stored.etag != source.etag:
            raise Changed(source.text)
        body, size = self.tamper.get(source.key, stored.body), len(stored.body)
        if span is not None:
            body, size = body[span[0] : span[1]], span[1] - span[0]
        return Body(stored.etag, size, stored.told, _in_two(body), lambda: None)


async def _in_two(body: bytes) -> AsyncIterator[bytes]:
    half = len(body) // 2
    for part in (body[:half], body[half:]):
        if part:
            yield part


@dataclass
class FakeDestination:
    objects: dict[bytes, tuple[DestinationObject, bytes]] = field(default_factory=dict)
    generations: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    writes: list[bytes] = field(default_factory=list)
    classes: dict[bytes, str | None] = field(default_factory=dict)

    async def stat(self, name: bytes) -> DestinationObject | None:
        found = self.objects.get(name)
        return found[0] if found else None

    async def look(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        return {name: self.objects[name][0] for name in names if name in self.objects}

    async def write(self, upload: Upload, chunks: AsyncIterator[bytes]) -> DestinationObject:
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

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[DestinationObject]:
        for name in sorted(self.objects):
            if name.startswith(prefix) and name > after:
                yield self.objects[name][0]


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

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[bytes]) -> StoredPart:
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
    state: str = "open"
    owner: str = ""
    until: float = 0.0
    books: Books = field(default_factory=Books)


@dataclass
class FakeState:
    ledger: dict[str, tuple[Record, int]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    ranges: dict[RangeId, _Range] = field(default_factory=dict)
    prefixes: dict[str, dict[str, object]] = field(default_factory=dict)
    rejected: dict[str, list[str]] = field(default_factory=dict)
    writes: int = 0

    async def records(self, prefix: bytes, after: bytes) -> AsyncIterator[Record]:
        low, high = max(prefix, after + b"\0" if after else b""), prefix_end(prefix)
        for record in sorted((item for item, _ in self.ledger.values()), key=lambda item: item.first):
            if record.last >= low and (high is None or record.first < high):
                yield record

    async def remember(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.batch not in self.ledger:
                self._write(record)

    async def record(self, batch: str) -> Versioned | None:
        found = self.ledger.get(batch)
        return Versioned(*found) if found else None

    async def settle(self, record: Record, version: object | None) -> None:
        found = self.ledger.get(record.batch)
        if version is not None and (found is None or found[1] != version):
            raise StateConflict(record.batch)
        self._write(record)

    def _write(self, record: Record) -> None:
        self.writes += 1
        self.ledger[record.batch] = (replace(record), self.writes)

    async def begin(self, piece: RangeId, kind: str, now: float) -> None:
        if piece.run not in self.runs:
            self.runs[piece.run] = kind
            self.ranges.setdefault(piece, _Range())

    async def expect(self, piece: RangeId) -> None:
        self.ranges.setdefault(piece, _Range())

    async def claim(self, piece: RangeId, owner: str, now: float, lease_seconds: float) -> Claim:
        found = self.ranges.setdefault(piece, _Range())
        if found.state == "done":
            return Claim.DONE
        if found.owner not in ("", owner) and found.until > now:
            return Claim.HELD
        found.owner, found.until = owner, now + lease_seconds
        return Claim.GRANTED

    async def finish(self, piece: RangeId, books: Books, now: float) -> None:
        self.ranges[piece] = _Range("done", books=books)

    async def listed(self, run: str) -> Tally:
        listed = Tally()
        for piece, item in self.ranges.items():
            if piece.run == run:
                listed.merge(item.books.listed)
        return listed

    async def summary(self, run: str) -> RunSummary:
        listed, outcomes, verdicts = await self.listed(run), Tally(), Tally()
        mine = [item for piece, item in self.ranges.items() if piece.run == run]
        for item in mine:
            outcomes.merge(item.books.outcomes)
            verdicts.merge(item.books.verdicts)
        for record, _ in self.ledger.values():
            if record.run == run:
                outcomes.merge(record.tally())
        still_open = sum(item.state == "open" for item in mine)
        return RunSummary(listed.total_keys, listed.total_bytes, outcomes, verdicts, still_open)

    async def note_prefix(self, prefix: str, fields: dict[str, object]) -> None:
        self.prefixes.setdefault(prefix, {}).update(fields)

    async def note_rejected(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        self.rejected[message_id] = list(problems)
