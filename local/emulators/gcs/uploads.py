"""The three ways to upload: media, multipart (metadata and bytes in one request), resumable.

https://cloud.google.com/storage/docs/uploads-downloads
"""

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web

from local.emulators.gcs.store import Content, GcsError, Store, StoredObject, check_preconditions

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)")
_BOUNDARY = re.compile(r"boundary=[\"']?([^\"';]+)")
CANCELLED = 499
CHUNK_UNIT_BYTES = 256 * 1024
"""Every chunk but the last is a multiple of it: https://cloud.google.com/storage/docs/performing-resumable-uploads"""


@dataclass(slots=True)
class Session:
    """A resumable upload under way. done: the object, once it is complete."""

    bucket: str
    name: bytes
    resource: dict[str, Any]
    query: dict[str, str]
    content: Content = field(default_factory=Content)
    done: StoredObject | None = None


class Uploads:
    """Receives bodies; the store decides whether they become objects."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[str, Session] = {}

    async def receive(
        self, request: web.BaseRequest, bucket: str, query: dict[str, str]
    ) -> web.Response | StoredObject:
        """An object if the upload is complete, else what the client is to be answered."""
        self._store.bucket(bucket)
        match query.get("uploadType"):
            case "media":
                content = Content()
                async for chunk in request.content.iter_any():
                    content.append(chunk)
                resource = {"contentType": request.headers.get("Content-Type", request.content_type)}
                return self._store.put(bucket, query["name"].encode(), resource, content, query)
            case "multipart":
                resource, body = split_related(request.headers["Content-Type"], await whole(request))
                content = Content()
                content.append(body)
                name = str(resource.get("name") or query.get("name", ""))
                return self._store.put(bucket, name.encode(), resource, content, query)
            case _ if query.get("upload_id"):
                return await self._resume(request, query["upload_id"])
            case "resumable":
                return await self._begin(request, bucket, query)
        raise GcsError(400, "unknown uploadType")

    def fields(self, query: dict[str, str]) -> str | None:
        """What a request wants to hear of the object; of a session that was said when it was begun."""
        session = self._sessions.get(query.get("upload_id", ""))
        return (session.query if session else query).get("fields")

    async def _begin(self, request: web.BaseRequest, bucket: str, query: dict[str, str]) -> web.Response:
        raw = await whole(request)
        resource = json.loads(raw) if raw else {}
        name = str(resource.get("name") or query.get("name", "")).encode()
        check_preconditions(self._store.bucket(bucket).objects.get(name), query)
        resource.setdefault("contentType", request.headers.get("X-Upload-Content-Type", "application/octet-stream"))
        upload_id = uuid.uuid4().hex
        self._sessions[upload_id] = Session(bucket, name, resource, query)
        location = (
            f"{self._store.host}/upload/storage/v1/b/{quote(bucket)}/o?uploadType=resumable&upload_id={upload_id}"
        )
        return web.Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    async def _resume(self, request: web.BaseRequest, upload_id: str) -> web.Response | StoredObject:
        """https://cloud.google.com/storage/docs/performing-resumable-uploads"""
        session = self._sessions.get(upload_id)
        if session is None:
            raise GcsError(404, "No such upload session.", "notFound")
        if request.method == "DELETE":
            del self._sessions[upload_id]
            return web.Response(status=CANCELLED)
        if session.done is not None:
            return session.done
        found = _RANGE.match(request.headers.get("Content-Range", ""))
        blob = session.content.blob
        total = int(found.group(3)) if found and found.group(3) != "*" else None
        if found is not None and found.group(1) is None:
            await whole(request)
            complete = total is not None and total == blob.size
        else:
            start = int(found.group(1)) if found is not None else blob.size
            if start > blob.size:
                raise GcsError(503, "Invalid request. The offset is ahead of what was persisted.", "backendError")
            end = int(found.group(2)) + 1 if found is not None and found.group(2) != "*" else None
            if end is not None and end != total:
                _check_chunk(end - start)
            rest = await _persist(request, session.content, blob.size - start)
            complete = found is None or (total is not None and blob.size + len(rest) >= total)
            if complete:
                session.content.append(rest)
        if complete:
            resource = {**session.resource, **promised_hashes(request)}
            session.done = self._store.put(session.bucket, session.name, resource, session.content, session.query)
            return session.done
        headers = {"Range": f"bytes=0-{blob.size - 1}"} if blob.size else {}
        if request.headers.get("X-GUploader-No-308") == "yes":
            return web.Response(status=200, headers={**headers, "X-Http-Status-Code-Override": "308"})
        return web.Response(status=308, headers=headers)


def _check_chunk(size: int) -> None:
    """Raises GcsError for a chunk that is not the last one and of a size that Cloud Storage does not take.

    The message as Cloud Storage words it: https://github.com/fsouza/fake-gcs-server/issues/1080
    """
    if size < CHUNK_UNIT_BYTES or size % CHUNK_UNIT_BYTES:
        raise GcsError(
            400,
            "Invalid request.  The number of bytes uploaded is required to be equal or greater than "
            f"{CHUNK_UNIT_BYTES}, except for the final request (it's recommended to be the exact multiple of "
            f"{CHUNK_UNIT_BYTES}).  The received request contained {size} bytes, which does not meet this requirement.",
        )


async def _persist(request: web.BaseRequest, content: Content, skip: int) -> bytes:
    """Append a body without its first `skip` bytes as it arrives, whole units at a time; what is left of the last one.

    A request that breaks off leaves whole units behind, so that the client's next chunk begins where it may.
    """
    waiting = bytearray()
    async for arrived in request.content.iter_any():
        dropped = min(skip, len(arrived))
        skip -= dropped
        chunk = arrived[dropped:] if dropped else arrived
        taken = len(chunk) - (content.blob.size + len(waiting) + len(chunk)) % CHUNK_UNIT_BYTES
        if taken > 0:
            content.append(bytes(waiting))
            content.append(chunk[:taken])
            waiting, chunk = bytearray(), chunk[taken:]
        waiting += chunk
    return bytes(waiting)


def promised_hashes(request: web.BaseRequest) -> dict[str, str]:
    """Checksums that a client sends beside the bytes, as fields of the object resource."""
    names = {"crc32c": "crc32c", "md5": "md5Hash"}
    found = {}
    for header in request.headers.getall("X-Goog-Hash", []):
        for item in header.split(","):
            name, _, value = item.strip().partition("=")
            if name in names:
                found[names[name]] = value
    return found


def split_related(content_type: str, raw: bytes) -> tuple[dict[str, Any], bytes]:
    """The metadata and the bytes of a multipart/related body, with CRLF or bare LF (gcloud) line ends."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise GcsError(400, "multipart body without a boundary")
    mark = b"--" + found.group(1).encode()
    first = raw.index(mark)
    second = raw.index(mark, first + len(mark))
    end = raw.rindex(mark + b"--")
    _, metadata = _headers_and_body(raw[first + len(mark) : second])
    headers, body = _headers_and_body(raw[second + len(mark) : end])
    body = body[:-2] if body.endswith(b"\r\n") else body.removesuffix(b"\n")
    resource = json.loads(metadata)
    mime = re.search(rb"(?i)content-type:\s*([^\r\n]+)", headers)
    resource.setdefault("contentType", mime.group(1).decode() if mime else "application/octet-stream")
    return resource, body


def _headers_and_body(part: bytes) -> tuple[bytes, bytes]:
    line_end = b"\r\n" if part.startswith(b"\r\n") else b"\n"
    part = part[len(line_end) :]
    if part.startswith(line_end):
        return b"", part[len(line_end) :]
    headers, _, body = part.partition(line_end * 2)
    return headers, body


async def whole(request: web.BaseRequest) -> bytes:
    """The body, whatever its size."""
    return b"".join([chunk async for chunk in request.content.iter_any()])
