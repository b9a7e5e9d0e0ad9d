"""`POST /_local/patterns` makes objects whose content is generated while it is read.

    {"bucket", "key", "size", "count": 1, "etag": "md5", "part_bytes": 16 MiB, "checksum": "CRC64NVME", "headers": {}}

key: with {} where the number of the object goes. etag: "md5" of a single-part upload, "multipart" of one in
parts, "opaque" as of an object encrypted by KMS (it takes no reading, so that a huge one is there at once).
checksum: null for an object from before S3 made checksums by itself.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local.emulators.s3 import checksums
from local.emulators.s3.pattern import Pattern
from local.emulators.s3.store import Bucket, StoredObject

_PART_BYTES = 16 * 1024 * 1024
_HEADERS = {"content-type": "application/octet-stream"}


async def make(request: web.BaseRequest, buckets: Mapping[str, Bucket]) -> web.Response:
    """Make the objects that a request describes."""
    given = json.loads(await request.read())
    bucket = buckets[given["bucket"]]
    count = int(given.get("count", 1))
    for number in range(count):
        bucket.objects[given["key"].replace("{}", f"{number:07d}").encode()] = _object(given, number)
    return web.json_response({"made": count})


def _object(given: Mapping[str, Any], number: int) -> StoredObject:
    content = Pattern(int(given["size"]), int(given.get("seed", 0)) + number)
    headers = {**_HEADERS, **given.get("headers", {})}
    parts: list[int] = []
    match given.get("etag", "md5"):
        case "opaque":
            etag = hashlib.md5(f"{given['key']} {number}".encode()).hexdigest()
            headers["x-amz-server-side-encryption"] = "aws:kms"
        case "multipart":
            step = int(given.get("part_bytes", _PART_BYTES))
            parts = [min(step, content.size - start) for start in range(0, content.size, step)]
            digests = [_md5(content, index * step, index * step + size) for index, size in enumerate(parts)]
            etag = f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(parts)}"
        case _:
            etag = _md5(content, 0, content.size).hex()
    algorithm = given.get("checksum", checksums.DEFAULT)
    checksum = checksums.of(algorithm, content.chunks()) if algorithm else None
    return StoredObject(content, etag, headers, parts=parts, checksum=checksum)


def _md5(content: Pattern, start: int, end: int) -> bytes:
    digest = hashlib.md5()
    for chunk in content.chunks(start, end):
        digest.update(chunk)
    return digest.digest()
