"""Sending an object's bytes, with the headers that describe them."""

import gzip
from collections.abc import Iterator

from aiohttp import web

from local.emulators.blob import byte_range
from local.emulators.gcs.store import StoredObject
from local.emulators.instruments import Fault, send

_HEADERS = (
    ("cacheControl", "Cache-Control"),
    ("contentDisposition", "Content-Disposition"),
    ("contentLanguage", "Content-Language"),
)


async def media(request: web.BaseRequest, stored: StoredObject, fault: Fault | None) -> web.StreamResponse:
    """The bytes; a gzip object is unpacked for clients that do not accept gzip, as GCS does. One without a content type
    is served as application/octet-stream.

    https://cloud.google.com/storage/docs/transcoding, https://cloud.google.com/storage/docs/json_api/v1/objects
    """
    resource = stored.resource
    hashes = f"crc32c={resource['crc32c']}" + (f",md5={resource['md5Hash']}" if "md5Hash" in resource else "")
    headers = {
        "Content-Type": resource.get("contentType", "application/octet-stream"),
        "X-Goog-Hash": hashes,
        "X-Goog-Generation": resource["generation"],
        "X-Goog-Metageneration": resource["metageneration"],
        "X-Goog-Storage-Class": resource["storageClass"],
        "X-Goog-Stored-Content-Length": resource["size"],
        "X-Goog-Stored-Content-Encoding": resource.get("contentEncoding", "identity"),
        "ETag": f'"{resource["etag"]}"',
        "Accept-Ranges": "bytes",
        **{header: resource[name] for name, header in _HEADERS if name in resource},
        **{f"X-Goog-Meta-{name}": value for name, value in (resource.get("metadata") or {}).items()},
    }
    size = stored.blob.size
    if resource.get("contentEncoding") == "gzip":
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            plain = gzip.decompress(stored.blob.read())
            return await send(request, 200, headers, [plain], len(plain), fault)
        headers["Content-Encoding"] = "gzip"
    try:
        asked = byte_range(request.headers.get("Range"), size)
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = asked or (0, size)
    if asked is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    chunks: Iterator[bytes] = stored.blob.chunks(start, end)
    return await send(request, 206 if asked else 200, headers, chunks, end - start, fault)
