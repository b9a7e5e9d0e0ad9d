"""An independent comparison of two buckets: boto3 on one side, google-cloud-storage on the other.

It shares no code with the project's verifier. Every object is compared by name, size and checksum;
multipart objects, whose ETag is no MD5, and a share of the others by reading every byte on both sides,
with content type and user metadata.
"""

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from google.cloud.storage import Blob, Client

from local.clients import S3Client

READ_EVERY = 10
"""Of the objects whose checksum is known on both sides, one in this many is read as well."""

_OURS = {"s3gcs-bucket", "s3gcs-job", "s3gcs-etag", "s3gcs-encryption", "goog-reserved-file-mtime"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """differences: a sentence each. unsupported: source keys that the destination cannot hold and has not."""

    objects: int
    bytes: int
    read: int
    differences: list[str]
    unsupported: list[str]


def compare(s3: S3Client, source: str, gcs: Client, destination: str, cannot_exist: set[str]) -> Comparison:
    """Compare whole buckets. cannot_exist: keys that must be missing at the destination."""
    left = {str(item["Key"]): item for page in _pages(s3, source) for item in page}
    right = {blob.name: blob for blob in gcs.list_blobs(destination)}
    differences = [f"{key!r}: only at the destination" for key in right.keys() - left.keys()]
    unsupported = sorted(key for key in left.keys() & cannot_exist if key not in right)
    to_read = []
    for number, key in enumerate(sorted(left)):
        if key in unsupported:
            continue
        blob, etag = right.get(key), str(left[key]["ETag"]).strip('"')
        if blob is None:
            differences.append(f"{key!r}: missing at the destination")
        elif blob.size != left[key]["Size"]:
            differences.append(f"{key!r}: {left[key]['Size']} bytes at the source, {blob.size} at the destination")
        elif "-" not in etag and blob.md5_hash and base64.b64decode(blob.md5_hash).hex() != etag:
            differences.append(f"{key!r}: MD5 differs")
        elif "-" in etag or number % READ_EVERY == 0:
            to_read.append(key)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda key: _read_both(s3, source, key, right[key]), to_read):
            differences.extend(found)
    total = sum(int(item["Size"]) for item in left.values())
    return Comparison(len(left), total, len(to_read), sorted(differences), unsupported)


def _pages(s3: S3Client, bucket: str) -> Iterator[list[dict[str, Any]]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield page.get("Contents", [])


def _read_both(s3: S3Client, bucket: str, key: str, blob: Blob) -> list[str]:
    answer = s3.get_object(Bucket=bucket, Key=key)
    left, right = hashlib.sha256(), hashlib.sha256()
    for chunk in answer["Body"].iter_chunks(1024 * 1024):
        left.update(chunk)
    with blob.open("rb", chunk_size=8 * 1024 * 1024, raw_download=True) as stream:
        while chunk := stream.read(8 * 1024 * 1024):
            right.update(chunk)
    found = []
    if left.digest() != right.digest():
        found.append(f"{key!r}: the bytes differ")
    if answer["ContentType"] != blob.content_type:
        found.append(f"{key!r}: content type {answer['ContentType']} became {blob.content_type}")
    kept = {
        name.removeprefix("s3gcs-user-"): value for name, value in (blob.metadata or {}).items() if name not in _OURS
    }
    if kept != answer["Metadata"]:
        found.append(f"{key!r}: metadata {answer['Metadata']} became {kept}")
    return found
