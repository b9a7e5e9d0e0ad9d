"""A run's manifest as it lies in the bucket of reports: its rows in key order, a file at a time.

A file holds the rows of one stretch of keys in their order, and stretches do not overlap: so the files in the order of
their first keys are the whole in order. Nothing of this is taken on trust: what a file holds is held against the
index's sum and number of rows, and a row that comes too early ends the reading.
"""

import asyncio
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

from cli.exits import CommandError
from cli.session import ReportReader
from shared.domain.counts import ManifestPart
from shared.domain.keys import Key, KeyMapping

_HEAD_BYTES = 64 * 1024
"""Of a file, read to find its first key: the first rows of a page are compressed together, to less than that."""

_MOST_HEAD = 4 * 1024 * 1024
"""Of it, unpacked."""

_AT_ONCE = 8

_GZIP = 31
"""`wbits` of a gzip stream: https://docs.python.org/3/library/zlib.html#zlib.decompress"""


class ManifestError(CommandError):
    """The files are not what their index says."""


class ManifestRow(NamedTuple):
    """position: the key, or that which a destination-only copy would have. label: what people know it by."""

    position: Key
    label: str
    verdict: str
    etag: str | None


@dataclass(slots=True)
class Manifest:
    """files: as the index has them. read: rows that were read, of objects and of destination-only copies alike.
    objects: those of objects.
    """

    reports: ReportReader
    mapping: KeyMapping
    run: str
    files: Sequence[ManifestPart]
    read: int = 0
    objects: int = 0
    _with_copies: list[ManifestPart] = field(default_factory=list)

    @classmethod
    async def find(cls, reports: ReportReader, mapping: KeyMapping, folder: str) -> "Manifest | None":
        """The manifest of the run whose files lie in this folder, None if it left none."""
        body = await reports.get(f"{folder}/manifest.json")
        if body is None:
            return None
        try:
            index = json.loads(body)
            files = [ManifestPart(**part) for part in index["files"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ManifestError(f"gs://{reports.bucket}/{folder}/manifest.json cannot be read: {error!r}") from error
        return cls(reports, mapping, folder.rpartition("/")[2], files)

    async def of_objects(self) -> AsyncIterator[ManifestRow]:
        """Their rows in key order: reads every file. Raises ManifestError."""
        self.read, self.objects, self._with_copies = 0, 0, []
        async for row in self._pass_over(await self._in_order(), objects=True):
            yield row

    def of_copies(self) -> AsyncIterator[ManifestRow]:
        """The rows of destination-only copies in key order, once `of_objects` is at its end: reads the files again in
        which that has met one. Raises ManifestError.
        """
        return self._pass_over(self._with_copies, objects=False)

    async def _pass_over(self, parts: Sequence[ManifestPart], objects: bool) -> AsyncIterator[ManifestRow]:
        last: Key | None = None
        for part in parts:
            body, copies = await self._whole(part), 0
            for found in _lines(body, part):
                of_copy = found.get("key") is None
                copies += of_copy
                if objects:
                    self.read += 1
                    self.objects += not of_copy
                if of_copy is objects:
                    continue
                row = self._row(found)
                if last is not None and row.position <= last:
                    raise ManifestError(f"{part.name}: {row.label!r} comes behind a key that is not less")
                last = row.position
                yield row
            if copies and objects:
                self._with_copies.append(part)

    async def _whole(self, part: ManifestPart) -> bytes:
        body = await self.reports.get(part.name)
        if body is None:
            raise ManifestError(f"gs://{self.reports.bucket}/{part.name} is gone")
        if hashlib.sha256(body).hexdigest() != part.sha256:
            raise ManifestError(f"gs://{self.reports.bucket}/{part.name} is not the file that the index means")
        return body

    async def _in_order(self) -> list[ManifestPart]:
        free = asyncio.Semaphore(_AT_ONCE)

        async def first(part: ManifestPart) -> Key:
            async with free:
                head = await self.reports.get(part.name, _HEAD_BYTES)
                if head is None:
                    raise ManifestError(f"gs://{self.reports.bucket}/{part.name} is gone")
                found = _first_key(_rows_in(head))
                return found if found is not None else self._first_of_all(await self._whole(part), part)

        firsts = await asyncio.gather(*map(first, self.files))
        return [part for _, part in sorted(zip(firsts, self.files, strict=True), key=lambda item: item[0])]

    def _first_of_all(self, body: bytes, part: ManifestPart) -> Key:
        """Where there is no object, the first of the copies says where the file lies."""
        found = _first_key(_lines(body, part))
        if found is not None:
            return found
        return min((self._row(row).position for row in _lines(body, part)), default=b"")

    def _row(self, found: dict[str, Any]) -> ManifestRow:
        key, name = found.get("key"), found.get("name")
        if key is not None:
            return ManifestRow(key.encode(), key, found["verdict"], found.get("etag"))
        try:
            named = str(name).encode()
            position = self.mapping.original(named) or self.mapping.key(named)
        except ValueError as error:
            raise ManifestError(f"the job's prefixes have changed since {self.run}: {error}") from error
        return ManifestRow(position, str(name), found["verdict"], None)


def _lines(body: bytes, part: ManifestPart) -> Iterator[dict[str, Any]]:
    """The rows of a whole file, as many as the index says."""
    count = 0
    try:
        with gzip.open(BytesIO(body)) as lines:
            for line in lines:
                count += 1
                yield json.loads(line.decode())
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ManifestError(f"{part.name}, row {count:,}: {error}") from error
    if count != part.rows:
        raise ManifestError(f"{part.name} has {count:,} rows, and its index says {part.rows:,}")


def _rows_in(head: bytes) -> Iterator[dict[str, Any]]:
    """The whole rows at the beginning of a file, as many as there are in its first member."""
    try:
        text = zlib.decompressobj(_GZIP).decompress(head, _MOST_HEAD)
        for line in text.split(b"\n")[:-1]:
            yield json.loads(line)
    except (zlib.error, ValueError):
        return


def _first_key(rows: Iterator[dict[str, Any]]) -> Key | None:
    return next((row["key"].encode() for row in rows if row.get("key") is not None), None)
