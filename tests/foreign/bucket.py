"""What the source holds at the beginning, as far as the servers on both sides can hold it by their own clients.

What a server refuses, loses or renames for boto3 or google-cloud-storage is no matter of this project's. It is taken
away, and named.
"""

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.storage import Bucket, Client
from requests import RequestException

from local.clients import S3Client
from local.names import SOURCE
from local.sample import MIB
from tests.e2e.test_fidelity import ATTRIBUTES
from tests.shapes import ENCODED, IDENTICAL, TOO_LONG, encoded

PHOTOS = 60
LARGE_BYTES = 20 * MIB + 77
PARTS = {"parts/of-three": (5 * MIB, 6 * MIB, 1000), "parts/large": (8 * MIB, 8 * MIB, 4 * MIB)}
"""Sizes of the parts of multipart uploads."""

SERVERS_OWN = ("x_emulator_", "x_testbench_")
"""What names of metadata begin with that Google's storage-testbench adds to each object."""

Shown = dict[str, Any]


def photo(number: int) -> str:
    return f"photos/{2019 + number % 3}/{number:04d}.jpg"


def body(key: str, size: int, version: int = 0) -> bytes:
    """The bytes of a key, as many as asked for, others for each version."""
    return random.Random(f"{key} {version}").randbytes(size)


def contents() -> dict[str, Shown]:
    """Objects that are put by one request, as boto3 takes them."""
    keys = [*IDENTICAL, *ENCODED, *TOO_LONG]
    shapes: dict[str, Shown] = {key: {"Body": b"" if key == "empty" else body(key, 200)} for key in keys}
    photos: dict[str, Shown] = {
        photo(number): {"Body": body(photo(number), 3000 + number), "ContentType": "image/jpeg", "Metadata": {"n": str(number)}}
        for number in range(PHOTOS)
    }  # fmt: skip
    large: dict[str, Shown] = {"large/whole": {"Body": body("large", LARGE_BYTES), "ContentType": "video/mp4"}}
    return shapes | photos | large | ATTRIBUTES


def put(s3: S3Client, things: dict[str, Shown]) -> set[str]:
    """Put objects; the keys that were refused."""

    def one(key: str) -> str | None:
        try:
            s3.put_object(Bucket=SOURCE, Key=key, **things[key])
        except (BotoCoreError, ClientError):
            return key
        return None

    with ThreadPoolExecutor(8) as pool:
        return set(filter(None, pool.map(one, things)))


def put_in_parts(s3: S3Client, key: str, sizes: Iterable[int]) -> None:
    where: dict[str, Any] = {"Bucket": SOURCE, "Key": key}
    upload = s3.create_multipart_upload(**where, ContentType="video/mp4", Metadata={"k": "v"})["UploadId"]
    parts = []
    for number, size in enumerate(sizes, 1):
        told = s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=body(f"{key} {number}", size))
        parts.append({"PartNumber": number, "ETag": told["ETag"]})
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def listed(s3: S3Client) -> dict[str, Shown]:
    """What the source says that it holds."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=SOURCE)
    return {item["Key"]: item for page in pages for item in page.get("Contents", [])}


def fill(s3: S3Client, left_out: set[str]) -> tuple[set[str], set[str]]:
    """Fill the source; the keys that it cannot hold, and those of multipart uploads whose parts it cannot tell.
    left_out: keys that the destination could not hold.
    """
    things = {key: shown for key, shown in contents().items() if key not in left_out}
    refused = put(s3, things)
    for key, sizes in PARTS.items():
        put_in_parts(s3, key, sizes)
    held = listed(s3)
    wrong = {key for key in things.keys() - refused if not _as_put(s3, key, things[key]["Body"], held)}
    untold = {key for key in PARTS if not _tells_parts(s3, key, held[key]["ETag"])}
    for key in wrong | untold | (held.keys() - things.keys() - PARTS.keys()):
        with suppress(ClientError):
            s3.delete_object(Bucket=SOURCE, Key=key)
    return refused | wrong, untold


def _tells_parts(s3: S3Client, key: str, etag: str) -> bool:
    """Whether a HEAD of a part is that of its object: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    try:
        return bool(s3.head_object(Bucket=SOURCE, Key=key, PartNumber=1, IfMatch=etag)["ETag"] == etag)
    except ClientError:
        return False


def _as_put(s3: S3Client, key: str, put_body: bytes, held: dict[str, Shown]) -> bool:
    if key not in held or held[key]["Size"] != len(put_body):
        return False
    try:
        return bool(s3.get_object(Bucket=SOURCE, Key=key)["Body"].read() == put_body)
    except (BotoCoreError, ClientError):
        return False


def unheld(gcs: Client) -> tuple[set[str], set[str]]:
    """What the destination cannot hold for google-cloud-storage: keys, and attributes."""
    bucket = gcs.create_bucket("what-it-holds")
    names = {key: encoded(key) if key in ENCODED else key for key in (*IDENTICAL, *ENCODED)}
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda key: _kept(bucket, names[key], b"" if key == "empty" else key.encode()), names))
    found = {blob.name: blob.size for blob in gcs.list_blobs(bucket)}
    wrong = {key for key, right in zip(names, kept, strict=True) if not right or names[key] not in found}
    if found.get("empty") != 0:
        wrong.add("empty")
    return wrong, _attributes(bucket)


def _kept(bucket: Bucket, name: str, content: bytes) -> bool:
    try:
        bucket.blob(name).upload_from_string(content, timeout=10, retry=None)
        return bool(bucket.blob(name).download_as_bytes(timeout=10, retry=None) == content)
    except (GoogleAPICallError, RequestException):
        return False


def _attributes(bucket: Bucket) -> set[str]:
    """The attributes that come back in another way than they were given."""
    given = {
        "content_encoding": "gzip",
        "content_language": "de-CH",
        "content_disposition": 'attachment; filename="a b.txt"',
        "cache_control": "max-age=3, private",
        "storage_class": "NEARLINE",
        "metadata": {"with-dash": "1", "empty": ""},
    }
    blob = bucket.blob("attributes")
    for name, value in given.items():
        setattr(blob, name, value)
    blob.upload_from_string(b"body", content_type="a/b", retry=None)
    found = bucket.get_blob("attributes")
    kept = {name: getattr(found, name, None) for name in given}
    own = kept["metadata"] or {}
    kept["metadata"] = {name: value for name, value in own.items() if not name.startswith(SERVERS_OWN)}
    return {name for name, value in given.items() if kept[name] != value}
