"""An independent comparison of two buckets: boto3 on one side, google-cloud-storage on the other.

It shares no code with the project's verifier. Every object is compared by name, size and checksum; those whose ETag is
not the MD5 of the copy (of multipart uploads, of what KMS encrypts, and of what differs) and a share of the others by
reading every byte on both sides, with content type and user metadata.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from google.cloud.storage import Blob, Client

from local.clients import S3Client

READ_EVERY = 10
"""Of the objects whose checksum is known on both sides, one in this many is read as well."""

_OURS = {"s3gcs-bucket", "s3gcs-job", "s3gcs-key", "s3gcs-etag", "s3gcs-encryption", "goog-reserved-file-mtime"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """differences: a sentence each. unsupported: source keys that the destination cannot hold and has not."""

    objects: int
    bytes: int
    read: int
    differences: list[str]
    unsupported: list[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is compared, by default all. prefix: of the keys. folders: prefixes of the names at the destination where
    copies of them lie. name: of a key's copy. read_every: see READ_EVERY. added: what names of metadata begin with that
    the destination adds by itself.
    """

    prefix: str = ""
    folders: tuple[str, ...] = ("",)
    name: Callable[[str], str] = str
    read_every: int = READ_EVERY
    added: tuple[str, ...] = ()


WHOLE = Scope()


def compare(
    s3: S3Client, source: str, gcs: Client, destination: str, cannot_exist: set[str], scope: Scope = WHOLE
) -> Comparison:
    """Compare two buckets. cannot_exist: keys that must be missing at the destination."""
    left = {str(item["Key"]): item for page in _pages(s3, source, scope.prefix) for item in page}
    found = {blob.name: blob for folder in scope.folders for blob in gcs.list_blobs(destination, prefix=folder or None)}
    names = {scope.name(key): key for key in left}
    differences = [f"{name!r}: only at the destination" for name in found.keys() - names.keys()]
    right = {names[name]: blob for name, blob in found.items() if name in names}
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
        elif (
            "-" in etag
            or number % scope.read_every == 0
            or (blob.md5_hash and base64.b64decode(blob.md5_hash).hex() != etag)
        ):
            to_read.append(key)
    with ThreadPoolExecutor(8) as pool:
        for wrong in pool.map(lambda key: _read_both(s3, source, key, right[key], scope.added), to_read):
            differences.extend(wrong)
    total = sum(int(item["Size"]) for item in left.values())
    return Comparison(len(left), total, len(to_read), sorted(differences), unsupported)


def _pages(s3: S3Client, bucket: str, prefix: str) -> Iterator[list[dict[str, Any]]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield page.get("Contents", [])


def _read_both(s3: S3Client, bucket: str, key: str, blob: Blob, added: tuple[str, ...]) -> list[str]:
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
        name.removeprefix("s3gcs-user-"): value
        for name, value in (blob.metadata or {}).items()
        if name not in _OURS and not name.startswith(added)
    }
    given = {name.lower(): value for name, value in answer["Metadata"].items()}  # as headers they have no case
    if kept != given:
        found.append(f"{key!r}: metadata {given} became {kept}")
    return found
