"""Copies within the server: CopyObject, UploadPartCopy.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from aiohttp import web

from local.emulators.blob import Blob
from local.emulators.s3 import checksums, listing
from local.emulators.s3.conditions import check_source
from local.emulators.s3.receiving import Received, kept
from local.emulators.s3.store import Bucket, S3Error, StoredObject

SOURCE = "x-amz-copy-source"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_MOST_BYTES = 5 * 1024**3
"""Of a copy in one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html"""


def source_of(headers: Mapping[str, str], buckets: Mapping[str, Bucket]) -> StoredObject:
    """The object that a copy is to be made of. Raises S3Error if it is not there, or not as it was to be."""
    path, _, version = headers[SOURCE].partition("?")
    if version:
        raise S3Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    name, _, raw_key = path.removeprefix("/").partition("/")
    if not raw_key:
        raise S3Error(400, "InvalidArgument", "Invalid copy source object key")
    if name not in buckets:
        raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
    stored = buckets[name].get(unquote_to_bytes(raw_key))
    check_source(headers, stored)
    if stored.archived:
        raise S3Error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    return stored


def copied(request: web.BaseRequest, source: StoredObject, onto_itself: bool) -> StoredObject:
    """What CopyObject makes: the source's bytes with its headers, or with the request's if it says REPLACE."""
    given = kept(request)
    replace = request.headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    storage_class = given.get("x-amz-storage-class", "STANDARD")
    if onto_itself and not replace and storage_class == source.storage_class:
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise S3Error(400, "InvalidRequest", message)
    if source.content.size > _MOST_BYTES:
        message = f"The specified copy source is larger than the largest size that can be copied: {_MOST_BYTES}"
        raise S3Error(400, "InvalidRequest", message)
    asked = checksums.algorithm_of(request.headers) or (source.checksum or checksums.NONE).algorithm
    body = _read(source, 0, source.content.size, asked)
    headers = given if replace else {k: v for k, v in source.headers.items() if k != "x-amz-storage-class"}
    if storage_class != "STANDARD":
        headers["x-amz-storage-class"] = storage_class
    return StoredObject(body.content, body.md5.hex(), headers, checksum=body.checksum)


def copied_part(request: web.BaseRequest, source: StoredObject, algorithm: str) -> Received:
    """What UploadPartCopy makes: the source's bytes, or a range of them, which must lie within it."""
    size = source.content.size
    wanted = request.headers.get(f"{SOURCE}-range")
    if wanted is None:
        return _read(source, 0, size, algorithm)
    found = _RANGE.fullmatch(wanted)
    if found is None:
        message = "The x-amz-copy-source-range value must be of the form bytes=first-last"
        raise S3Error(400, "InvalidArgument", message)
    first, last = int(found[1]), int(found[2])
    if first > last or last >= size:
        raise S3Error(400, "InvalidArgument", f"Range specified is not valid for source object of size: {size}")
    return _read(source, first, last + 1, algorithm)


def answer(kind: str, etag: str, modified: float, checksum: checksums.Checksum | None) -> str:
    """The XML that says what was made. kind: CopyObjectResult or CopyPartResult."""
    value = checksums.elements(checksum)
    moment = listing.iso(modified)
    return f"<{kind}{listing.NS}><LastModified>{moment}</LastModified><ETag>&quot;{etag}&quot;</ETag>{value}</{kind}>"


def _read(source: StoredObject, start: int, end: int, algorithm: str) -> Received:
    content, md5, running = Blob(), hashlib.md5(), checksums.ALGORITHMS[algorithm]()
    for chunk in source.content.chunks(start, end):
        content.append(chunk)
        md5.update(chunk)
        running.update(chunk)
    return Received(content, md5.digest(), checksums.Checksum.of_digest(algorithm, running.digest()))
