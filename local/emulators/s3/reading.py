"""What a GET or HEAD of an object is answered with, its attributes too."""

import re
from collections.abc import Mapping
from email.utils import formatdate
from xml.sax.saxutils import escape

from aiohttp import web

from local.emulators.blob import byte_range
from local.emulators.s3.conditions import check_read
from local.emulators.s3.listing import NS
from local.emulators.s3.store import S3Error, StoredObject

_ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


def look(
    request: web.BaseRequest, stored: StoredObject, query: Mapping[str, str]
) -> tuple[int, dict[str, str], int, int]:
    """Status, headers and byte range of a GET or HEAD."""
    etag = f'"{stored.etag}"'
    check_read(request.headers, stored)
    size = stored.content.size
    headers = {
        **stored.headers,
        "ETag": etag,
        "Last-Modified": formatdate(stored.modified, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if stored.ongoing:
        headers["x-amz-restore"] = 'ongoing-request="true"'
    elif stored.restored:
        until = formatdate(stored.readable_until, usegmt=True)
        headers["x-amz-restore"] = f'ongoing-request="false", expiry-date="{until}"'
    if stored.archived and request.method == "GET":
        raise S3Error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    start, end, status = 0, size, 200
    if "partNumber" in query:
        sizes = stored.parts or [size]
        given = query["partNumber"]
        number = int(given) if re.fullmatch("[0-9]{1,5}", given, re.ASCII) else 0
        if not 1 <= number <= len(sizes):
            raise S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
        start = sum(sizes[: number - 1])
        end = start + sizes[number - 1]
        if stored.parts:
            headers["x-amz-mp-parts-count"] = str(len(sizes))
        status = 206
    try:
        asked = byte_range(request.headers.get("Range"), size)
    except ValueError:
        raise S3Error(416, "InvalidRange", "The requested range is not satisfiable") from None
    if asked is not None:
        (start, end), status = asked, 206
    wanted = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if wanted and stored.checksum is not None and (start, end) == (0, size):
        headers.update(stored.checksum.headers)
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return status, headers, start, end


def attributes(request: web.BaseRequest, stored: StoredObject) -> web.Response:
    """GetObjectAttributes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html

    Of an object's parts only their count is in it, as S3 does where the parts have no checksums of their own.
    """
    check_read(request.headers, stored)
    given = request.headers.getall("x-amz-object-attributes", [])
    wanted = {item.strip() for header in given for item in header.split(",")} - {""}
    if not wanted or not wanted <= set(_ATTRIBUTES):
        name = "x-amz-object-attributes"
        message = "Invalid attribute name specified."
        raise S3Error(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=",".join(given))
    values = {"ETag": stored.etag, "StorageClass": stored.storage_class, "ObjectSize": str(stored.content.size)}
    found = {name: f"<{name}>{escape(value)}</{name}>" for name, value in values.items()}
    if stored.checksum is not None:
        name = f"Checksum{stored.checksum.algorithm}"
        kind = f"<ChecksumType>{stored.checksum.kind}</ChecksumType>"
        found["Checksum"] = f"<Checksum><{name}>{stored.checksum.value}</{name}>{kind}</Checksum>"
    if stored.parts:
        found["ObjectParts"] = f"<ObjectParts><PartsCount>{len(stored.parts)}</PartsCount></ObjectParts>"
    items = "".join(found[name] for name in _ATTRIBUTES if name in wanted and name in found)
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><GetObjectAttributesResponse{NS}>{items}</GetObjectAttributesResponse>'
    )
    headers = {"Last-Modified": formatdate(stored.modified, usegmt=True)}
    return web.Response(body=body.encode(), content_type="application/xml", headers=headers)
