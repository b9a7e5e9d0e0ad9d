"""The source bucket as it is filled and changed, and what it held at every moment."""

import base64
import random
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import google_crc32c

from local.clients import S3Client
from tests.chaos.drawn import Thing
from tests.schedules.truth import Line


@dataclass(frozen=True, slots=True)
class Version:
    """What a key held. number: it grows with each PUT of the bucket. crc32c: as Cloud Storage writes it."""

    number: int
    size: int
    crc32c: str


@dataclass(slots=True)
class Source:
    """history: what each key held, and from when on: noted before it is so, so that nobody can see what is not known."""

    s3: S3Client
    bucket: str
    seed: int
    history: dict[str, Line[Version]] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    _number: int = 0
    _lock: Lock = field(default_factory=Lock)

    def put(self, thing: Thing) -> None:
        """Put an object, or replace what is there by other bytes."""
        with self._lock:
            self._number += 1
            body = random.Random(f"{self.seed} {thing.key} {self._number}").randbytes(thing.size)
            crc = base64.b64encode(google_crc32c.Checksum(body).digest()).decode()
            version = Version(self._number, thing.size, crc)
            self.history.setdefault(thing.key, []).append((time.time(), version))
            self.things[thing.key] = thing
        if thing.part_bytes is None:
            self.s3.put_object(Bucket=self.bucket, Key=thing.key, Body=body, **thing.headers)
        else:
            self._in_parts(thing, body, thing.part_bytes)

    def delete(self, key: str) -> None:
        with self._lock:
            self.history[key].append((time.time(), None))
            del self.things[key]
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def versions(self, key: str) -> list[Version]:
        with self._lock:
            return [version for _, version in self.history.get(key, ()) if version is not None]

    def _in_parts(self, thing: Thing, body: bytes, step: int) -> None:
        where: dict[str, Any] = {"Bucket": self.bucket, "Key": thing.key}
        upload = self.s3.create_multipart_upload(**where, **thing.headers)["UploadId"]
        parts = []
        for number, start in enumerate(range(0, len(body), step), 1):
            answer = self.s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=body[start : start + step])
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
