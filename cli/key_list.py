"""Lists of keys that somebody else has made, of any length: read a portion at a time.

    format      a line is                                                    chosen for files named
    ---------   ----------------------------------------------------------   ----------------------
    lines       a key, as it is                                              anything else
    manifest    a JSON object with a "key": a report's manifest, a log       *.jsonl, *.json, *.ndjson
    inventory   bucket, key (URL-encoded), …: an S3 Inventory report          *.csv

Each may be gzipped (*.gz), and begin with the byte order mark that programs on Windows write, which is no part of a
key. In an inventory's CSV the key is URL-encoded and the rest of the row is passed over:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_plus

from cli.exits import CommandError

STANDARD_INPUT = "-"
_GZIP = b"\x1f\x8b"


class Format(StrEnum):
    """How a list of keys is written."""

    LINES = "lines"
    MANIFEST = "manifest"
    INVENTORY = "inventory"


def format_of(name: str) -> Format:
    """By the name of the file."""
    suffix = Path(name.removesuffix(".gz")).suffix
    by_suffix = {".jsonl": Format.MANIFEST, ".json": Format.MANIFEST, ".ndjson": Format.MANIFEST}
    return Format.INVENTORY if suffix == ".csv" else by_suffix.get(suffix, Format.LINES)


def keys_in(name: str, written: Format, bucket: str) -> Iterator[bytes]:
    """The keys of a list, in its order; `-` is standard input. Raises CommandError with the line that is wrong."""
    with _opened(name) as lines:
        try:
            match written:
                case Format.LINES:
                    yield from (line.rstrip("\r\n").encode() for line in lines if line.strip("\r\n"))
                case Format.MANIFEST:
                    yield from _manifest(name, lines)
                case Format.INVENTORY:
                    yield from _inventory(name, lines, bucket)
        except UnicodeDecodeError as error:
            found = f"it holds the byte {error.object[error.start]:#04x}, which is not UTF-8: save it as that"
            raise CommandError(f"{name} cannot be read to its end: {found}") from None
        except (gzip.BadGzipFile, EOFError, csv.Error) as error:
            raise CommandError(f"{name} cannot be read to its end: {error}") from error


@contextmanager
def _opened(name: str) -> Iterator[IO[str]]:
    """As text whose lines end in a line feed only, gzipped or not."""
    with ExitStack() as stack:
        if name == STANDARD_INPUT:
            raw: Any = sys.stdin.buffer
        else:
            try:
                raw = stack.enter_context(open(name, "rb"))
            except OSError as error:
                raise CommandError(f"{name} cannot be opened: {error.strerror}") from error
        buffered = io.BufferedReader(raw)
        packed = buffered.peek(2)[:2] == _GZIP
        unpacked: Any = stack.enter_context(gzip.GzipFile(fileobj=buffered)) if packed else buffered
        yield stack.enter_context(io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="\n"))


def _manifest(name: str, lines: Iterable[str]) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key = json.loads(line)["key"]
        except (ValueError, TypeError, KeyError):
            key = None
        if not isinstance(key, str) or not key:
            raise CommandError(f'{name}, line {number}: not a JSON object with a "key"')
        try:
            yield key.encode()
        except UnicodeEncodeError:
            raise CommandError(f"{name}, line {number}: {key!r} is not UTF-8, as every key of S3 is") from None


def _inventory(name: str, lines: Iterable[str], bucket: str) -> Iterator[bytes]:
    for number, row in enumerate(csv.reader(lines), 1):
        if not row:
            continue
        if len(row) < 2 or not row[1]:
            raise CommandError(f"{name}, row {number}: not bucket, key, … of an S3 Inventory report")
        if row[0] != bucket:
            raise CommandError(f"{name}, row {number}: of the bucket {row[0]!r}, and the job's is {bucket!r}")
        yield unquote_plus(row[1]).encode()
