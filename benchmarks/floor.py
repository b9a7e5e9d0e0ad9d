"""The least that a client can do: sign, get, sum, post. What a copy takes beyond it is what looking, proof, retries,
records and the framework cost.

    python -m benchmarks.floor S3_URL GCS_URL SOURCE_BUCKET DESTINATION_BUCKET KEYS.json

It believes every answer, knows no error, and reads a body only by Content-Length: good for a measure, and for nothing
else.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import uvloop

from shared.aws.sigv4 import Keys, signed_headers
from shared.domain.checksums import crc32c, encoded

CONNECTIONS = 64
MOST_BYTES = 8 * 1024 * 1024
"""Of an object: larger ones do not go up in one request."""

_HEAD_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BEFORE = b"--bb\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n"
_BETWEEN = b"\r\n--bb\r\ncontent-type: application/octet-stream\r\n\r\n"
_AFTER = b"\r\n--bb--\r\n"


class Bare(asyncio.BufferedProtocol):
    """One connection, one request at a time; the answer lies in `held` from `body` to `end`."""

    def __init__(self) -> None:
        self._memory = memoryview(bytearray(_HEAD_BYTES))
        self._filled = self.body = self.end = 0
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Never empty: it is asked for once more before a socket is known to have no more."""
        return self._memory[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if not self.body:
            head = bytes(self._memory[: min(self._filled, _HEAD_BYTES)])
            length, end = _LENGTH.search(head), head.find(b"\r\n\r\n")
            if end < 0 or length is None:
                return
            self.body = end + 4
            self.end = self.body + int(length.group(1))
            if self.end > len(self._memory):
                larger = memoryview(bytearray(self.end + _HEAD_BYTES))
                larger[: self._filled] = self._memory[: self._filled]
                self._memory = larger
        if self._filled >= self.end and self._answered is not None:
            self._answered.set_result(None)

    async def ask(self, pieces: Sequence[bytes | memoryview]) -> memoryview:
        """The body of the answer, until the next one comes."""
        self._filled = self.body = self.end = 0
        self._answered = asyncio.get_running_loop().create_future()
        cast(asyncio.Transport, self._transport).writelines(pieces)
        await self._answered
        return self._memory[self.body : self.end]


async def copy(s3: str, gcs: str, source: str, destination: str, keys: Iterator[str]) -> None:
    """One worker: a connection to each side."""
    reader, writer = await _connected(s3), await _connected(gcs)
    at_s3, at_gcs, mine = s3.partition("://")[2], gcs.partition("://")[2], Keys("test", "test")
    for key in keys:
        path = f"/{source}/{key}"
        signed = signed_headers("GET", at_s3, path, "", mine, "us-east-1", time.time())
        lines = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        body = await reader.ask([f"GET {path} HTTP/1.1\r\nHost: {at_s3}\r\n{lines}\r\n".encode()])
        described = json.dumps({"name": key, "crc32c": encoded(crc32c(body), 4)}).encode()
        pieces: list[bytes | memoryview] = [_BEFORE, described, _BETWEEN, body, _AFTER]
        head = (
            f"POST /upload/storage/v1/b/{destination}/o?uploadType=multipart&ifGenerationMatch=0 HTTP/1.1\r\n"
            f"Host: {at_gcs}\r\nContent-Type: multipart/related; boundary=bb\r\n"
            f"Content-Length: {sum(map(len, pieces))}\r\n\r\n"
        )
        await writer.ask([head.encode(), *pieces])


async def _connected(url: str) -> Bare:
    host, _, port = url.partition("://")[2].rpartition(":")
    return (await asyncio.get_running_loop().create_connection(Bare, host, int(port)))[1]


async def main(s3: str, gcs: str, source: str, destination: str, keys: Iterator[str]) -> None:
    """Copy these keys."""
    await asyncio.gather(*(copy(s3, gcs, source, destination, keys) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    gc.disable()
    at_s3, at_gcs, source_bucket, destination_bucket, file = sys.argv[1:]
    uvloop.run(main(at_s3, at_gcs, source_bucket, destination_bucket, iter(json.loads(Path(file).read_text()))))
