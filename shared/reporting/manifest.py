"""One row a key, as JSON lines: what each side holds, whether they agree, and what shows it.

`bq load --source_format=NEWLINE_DELIMITED_JSON … schema.json` takes it:
https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from shared.domain.copies import Pairs
from shared.domain.counts import ManifestPart
from shared.domain.objects import DestinationObject, Origin
from shared.ledger.origins import is_proven

PART_BYTES = 4 * 1024 * 1024
"""Compressed, of one file: what an instance holds of its manifest."""

SCHEMA = [
    {"name": "key", "type": "STRING", "description": "of the S3 object; null for a copy of no object"},
    {"name": "etag", "type": "STRING", "description": "of the S3 object"},
    {"name": "size", "type": "INTEGER", "description": "bytes of the S3 object"},
    {"name": "modified", "type": "TIMESTAMP", "description": "Last-Modified of the S3 object"},
    {"name": "storage_class", "type": "STRING", "description": "of the S3 object"},
    {"name": "name", "type": "STRING", "description": "of the copy; null if there is none"},
    {"name": "copy_size", "type": "INTEGER", "description": "bytes of the copy"},
    {"name": "generation", "type": "INTEGER", "description": "of the copy"},
    {"name": "crc32c", "type": "STRING", "description": "of the copy, base64"},
    {"name": "md5", "type": "STRING", "description": "of the copy, hex; null for composite objects"},
    {"name": "copied_etag", "type": "STRING", "description": "ETag of the version that the copy was made from"},
    {"name": "copied_proof", "type": "STRING", "description": "how its bytes were proven when they were copied"},
    {"name": "route", "type": "STRING", "description": "the way they took out of S3"},
    {"name": "verdict", "type": "STRING", "mode": "REQUIRED", "description": "what the comparison says"},
    {
        "name": "proof",
        "type": "STRING",
        "description": "by what it is the same: md5, or crc32c, proven when it was copied",
    },
]


def run_folder(job: str, run: str) -> str:
    """Where the files of a run lie."""
    return f"{job}/{run}"


Row = dict[str, object]


def rows(pairs: Pairs, count: int, verdicts: Mapping[int, str], origins: Sequence[Origin | None]) -> list[Row]:
    """The rows of a page's first `count` objects. verdicts: of those that are not just "same", by index. origins: what
    is remembered of the copies.
    """
    return [row(pairs, index, verdicts.get(index, "same"), origins[index]) for index in range(count)]


def extra(copy: DestinationObject) -> Row:
    """The row of a copy that belongs to no object."""
    return {"verdict": "extra", **of_copy(copy)}


def row(pairs: Pairs, index: int, verdict: str, origin: Origin | None) -> Row:
    page, copy = pairs.page, pairs.copy(index)
    etag = page.etags[index]
    found: Row = {
        "key": page.keys[index].decode(),
        "etag": etag,
        "size": page.sizes[index],
        "modified": page.modified[index],
        "storage_class": page.storage_classes[index],
        "verdict": verdict,
    }
    if copy is not None:
        found.update(of_copy(copy, etag, origin))
        if origin is not None:
            found["copied_proof"], found["route"] = origin[2:4]
    return found


def of_copy(copy: DestinationObject, etag: str | None = None, origin: Origin | None = None) -> Row:
    """The columns of a copy. etag: of its object, None if it belongs to none. origin: what is remembered of it."""
    recorded = copy.source_etag
    remembered = origin is not None and is_proven(origin) and origin[4] == copy.crc32c
    proof = "md5" if copy.md5 is not None and copy.md5 == etag else "crc32c" if remembered else None
    return {
        "name": copy.name.decode(),
        "copy_size": copy.size,
        "generation": copy.generation,
        "crc32c": copy.crc32c,
        "md5": copy.md5,
        "copied_etag": recorded,
        "proof": proof,
    }


@dataclass(slots=True)
class ManifestFile:
    """Rows on their way into a file, compressed as they come."""

    _chunks: list[bytes] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def add(self, found: Sequence[Mapping[str, object]]) -> None:
        if found:
            chunk = gzip.compress(b"".join(map(_line, found)), compresslevel=1, mtime=0)
            self._chunks.append(chunk)
            self.rows += len(found)
            self.size += len(chunk)

    @property
    def full(self) -> bool:
        return self.size >= PART_BYTES

    def close(self, name: str) -> tuple[ManifestPart, bytes]:
        """The file, and what is known of it; the next rows begin another one."""
        body = b"".join(self._chunks)
        part = ManifestPart(name, self.rows, len(body), hashlib.sha256(body).hexdigest())
        self._chunks, self.rows, self.size = [], 0, 0
        return part, body


def _line(row: Mapping[str, object]) -> bytes:
    """A row as JSON. Half a character, which no UTF-8 can say, is written as its escape."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
        return text.encode(errors="backslashreplace")


def checksums(parts: Iterable[ManifestPart]) -> str:
    """As `sha256sum -c` reads it."""
    return "".join(f"{part.sha256}  {part.name.rpartition('/')[2]}\n" for part in parts)
