"""Firestore documents of any content, as whoever may write into the job's database could leave them.

A record of the ledger that makes no sense counts as forgotten; the control document is read or stops everything, by
name; any other document is read, or is named as unreadable. Nothing that is packed unfolds into more memory than there
is.
"""

import json
import zlib
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from shared.domain.counts import Counts, ManifestPart, Outcome
from shared.domain.errors import SettingsError, UnreadableDocument
from shared.domain.progress import Progress
from shared.domain.rollup import FolderRollup, Rollup
from shared.gcp.firestore.control import _control
from shared.gcp.firestore.counts import pack_sums, unpack_sums
from shared.gcp.firestore.records import read_record, read_whole, record_fields, weight
from shared.gcp.firestore.run_documents import read_progress, read_run_record
from shared.gcp.firestore.summaries import summary_fields
from shared.gcp.firestore.uploads import _note, _opened
from shared.ledger.entry import Entry
from shared.ledger.packing import deflate, inflate
from shared.ledger.record import BatchRecord
from shared.ports.run_store import RunSummary
from shared.ports.upload_store import OpenUpload
from tests.fakes.log import FakeLog
from tests.fuzz.draw import Draw

NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)
ENTRIES = tuple(
    Entry(key=b"a/%d" % number, etag="0" * 32, size=number, outcome=outcome, at=1.8e9, modified=1_700_000_000)
    for number, outcome in enumerate((None, Outcome.COPIED, Outcome.FAILED, Outcome.UNCHANGED))
)
BOMB = zlib.compress(b'{"schema": 3, "key": ["' + b"a" * 200_000_000 + b'"]}', 9)
"""Two hundred megabytes in two hundred kilobytes."""


def field(draw: Draw) -> Any:
    """What Firestore has besides JSON's values."""
    return draw.choice((draw.value(), draw.value(), draw.octets(), NOW, packed(draw.value())))


def changed(draw: Draw, fields: dict[str, Any]) -> dict[str, Any]:
    found = dict(fields)
    for _ in range(draw.randrange(3)):
        name = draw.choice(list(found) or ["x"])
        match draw.randrange(4):
            case 0:
                found.pop(name, None)
            case 1:
                found[name] = field(draw)
            case _:
                found[name] = repacked(draw, found[name]) if name in found else field(draw)
    return found


def repacked(draw: Draw, value: Any) -> Any:
    if isinstance(value, bytes):
        if draw.once_in(60):
            return BOMB
        try:
            table = inflate(value)
        except (ValueError, zlib.error, UnreadableDocument):
            return draw.damaged(value)
        if draw.once_in(30):
            return zlib.compress(b"[" * 200_000)
        return draw.damaged(value) if draw.once_in(4) else packed(draw.changed(draw.changed(table)))
    return draw.changed(value)


def packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value).encode(), 1)


def ledger(draw: Draw) -> None:
    """A record is what it says, key by key, or holds nothing."""
    fields = changed(draw, record_fields(BatchRecord("b", "r", 1.8e9, ENTRIES)) | {"published_at": NOW})
    snapshot: Any = SimpleNamespace(id="b", update_time=NOW, to_dict=lambda: fields)
    log = FakeLog()
    found = read_record(log, snapshot)
    record = found.record
    if len(record.entries):
        assert isinstance(record.run, str)
        assert isinstance(record.attempt, int)
        assert record.settled in (True, False)
        assert len(record.table.origins()) <= len(record.entries)
        assert weight(record) > 0
        assert all(isinstance(size, int) and size >= 0 for size in record.table.sizes)
        assert all(isinstance(etag, str) for etag in record.table.etags)
    whole = read_whole(log, snapshot)
    if whole is not None:
        assert whole.record.tally().total_keys <= len(whole.record.entries)
        for entry in whole.record.entries:
            assert entry.outcome is None or entry.outcome in Outcome
            entry.key.decode()
            record_fields(whole.record.with_results([entry], 2))


CONTROL: dict[str, Any] = {
    "paused": False,
    "most_objects": 10,
    "most_bytes": 1e9,
    "most_dollars": 1.5,
    "cancelled": ["list-1"],
}


def control(draw: Draw) -> None:
    """A pause that nobody can read is never taken for none, nor a ceiling."""
    fields = changed(draw, CONTROL)
    try:
        read = _control(fields)
    except SettingsError as wrong:
        assert "control/job" in str(wrong)
        return
    assert read.paused is (fields.get("paused") is True)
    for name in ("most_objects", "most_bytes", "most_dollars"):
        given, taken = fields.get(name), getattr(read, name)
        assert (taken is None) == (given is None)
        assert taken is None or 0 <= taken <= given
    assert all(isinstance(name, str) for name in read.cancelled)


SUMMARY = RunSummary(3, 30, Counts(), Counts(), Counts(), 0)
RUN: dict[str, Any] = {
    "kind": "list",
    "prefix": "a/",
    "message": b"{}",
    "started_at": NOW,
    "ended_at": NOW,
    "state": "finished",
    "slices": 1024,
    **summary_fields(SUMMARY),
}


def run(draw: Draw) -> None:
    """A run's document is read, or named."""
    fields = changed(draw, RUN)
    try:
        found = read_run_record("list-20261128T200000-7", fields)
    except UnreadableDocument as wrong:
        assert "list-20261128T200000-7" in str(wrong)
        return
    found.run.prefix.decode()
    assert isinstance(found.run.message, bytes)
    assert found.run.started_at > 0
    if found.summary is not None:
        assert isinstance(found.summary.pending + found.summary.listed_keys, int)


PROGRESS = Progress(seconds=9.0)
PROGRESS.intervals = {}
SUMS = Rollup(folders={b"a/": FolderRollup()})


def beat(given: bytes) -> Progress:
    heartbeat: Any = SimpleNamespace(id="list-1-x", get={"progress": given}.get)
    return read_progress(heartbeat)


def sums(draw: Draw) -> None:
    """What ranges and instances have added up is read, or named as unreadable."""
    for made, read in (
        (pack_sums(SUMS, [ManifestPart("m", 1, 2, "0" * 64)]), unpack_sums),
        (deflate(PROGRESS.table()), beat),
    ):
        given = repacked(draw, made)
        if not isinstance(given, bytes):
            continue
        try:
            read(given)
        except UnreadableDocument as wrong:
            assert len(str(wrong)) < 2_000


NOTE: dict[str, Any] = {
    "etag": "e",
    "size": 5,
    "crc32c": 5,
    "crc": b"\0" * 8,
    "digests": b"1" * 16,
    "route": "direct",
}
OPENED = asdict(OpenUpload("a/b", "u", 8 * 2**20, 0, 1.8e9, "b", "t", source_parts=(5, 6)))


def upload(draw: Draw) -> None:
    """What is noted of a large object is read, or named as unreadable."""
    try:
        opened = _opened(changed(draw, OPENED))
        assert all(isinstance(text, str) for text in (opened.key, opened.upload, opened.published_for))
        assert min(opened.source_part_bytes, opened.opened_at, *opened.source_parts) >= 0
        assert opened.plan(10**9).count >= 1
    except UnreadableDocument as wrong:
        assert len(str(wrong)) < 2_000
    try:
        noted = _note(changed(draw, NOTE))
        assert all(isinstance(text, str) for text in (noted.etag, noted.route))
        assert min(noted.size, noted.crc32c, noted.crc) >= 0
        assert isinstance(noted.digests, bytes)
        assert noted.crc < 2**64
    except UnreadableDocument as wrong:
        assert len(str(wrong)) < 2_000
