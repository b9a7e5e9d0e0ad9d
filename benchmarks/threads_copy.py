"""The usual way in Python, as a peer: boto3, google-cloud-storage over requests, a pool of threads.

    python -m benchmarks.threads_copy SOURCE_BUCKET DESTINATION_BUCKET

Endpoints come from the environment, as `local.stack.Stack.environment` has them.
"""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests.adapters
from google.cloud.storage import Bucket

from local.clients import gcs_client, s3_client

THREADS = 32
SMALL_BYTES = 8 * 1024 * 1024


def main(source: str, destination: str) -> None:
    """Copy every object that is in the source bucket."""
    environment = dict(os.environ)
    s3, gcs = s3_client(environment), gcs_client(environment)
    gcs._http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
    gcs._http.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
    bucket = gcs.bucket(destination)
    with ThreadPoolExecutor(THREADS) as pool:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source):
            list(pool.map(lambda item: copy(s3, source, bucket, item), page.get("Contents", [])))


def copy(s3: Any, source: str, bucket: Bucket, item: dict[str, Any]) -> None:
    """One object, held to its checksum by the library."""
    body = s3.get_object(Bucket=source, Key=item["Key"], IfMatch=item["ETag"])["Body"]
    blob = bucket.blob(item["Key"])
    if item["Size"] <= SMALL_BYTES:
        blob.upload_from_string(body.read(), checksum="crc32c", if_generation_match=0)
        return
    with blob.open("wb", chunk_size=SMALL_BYTES, if_generation_match=0, ignore_flush=True, checksum="crc32c") as out:
        shutil.copyfileobj(body, out, 1024 * 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
