"""The XML API's multipart uploads: no precondition, no MD5, parts in any order, the last PUT of a part counts.

https://cloud.google.com/storage/docs/multipart-uploads
"""

import base64
import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import google_crc32c
from aiohttp import web
from awscrt import checksums

from local.emulators.blob import Blob, Hollow
from local.emulators.gcs.store import Store, StoredObject, check_name

NS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
LEAST_PART_BYTES = 5 * 1024 * 1024
MOST_PARTS = 10_000
_HOLLOW = os.environ.get("GCS_HOLLOW_PARTS") == "1"
"""Keep sizes and checksums of parts but not their bytes, so that an object of 20 GiB fits on any disk."""


@dataclass(frozen=True, slots=True)
class Part:
    content: Blob | Hollow
    etag: str
    crc32c: int


@dataclass(slots=True)
class Upload:
    """An upload under way. resource: what the object will be besides its bytes."""

    bucket: str
    name: bytes
    resource: dict[str, object]
    parts: dict[int, Part] = field(default_factory=dict)


_HEADERS = {
    "content-type": "contentType",
    "content-encoding": "contentEncoding",
    "content-disposition": "contentDisposition",
    "content-language": "contentLanguage",
    "cache-control": "cacheControl",
    "x-goog-storage-class": "storageClass",
    "x-goog-custom-time": "customTime",
}


class Multipart:
    """All uploads under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uploads: dict[str, Upload] = {}

    async def handle(
        self, request: web.BaseRequest, bucket: str, name: bytes, query: Mapping[str, str]
    ) -> web.Response | StoredObject:
        """An object once an upload is complete, else what the client is to be answered."""
        self._store.bucket(bucket)
        match request.method:
            case "GET" if not name and "uploads" in query:
                return _xml(self._listing(bucket))
            case "POST" if "uploads" in query:
                return self._begin(request, bucket, name)
        upload = self._uploads.get(query.get("uploadId", ""))
        if upload is None or (upload.bucket, upload.name) != (bucket, name):
            return _error(404, "NoSuchUpload", "The requested upload was not found.")
        match request.method:
            case "PUT" if "partNumber" in query:
                return await self._put(request, upload, int(query["partNumber"]))
            case "POST":
                return self._complete(query["uploadId"], upload, await request.read())
            case "GET":
                return _xml(_parts(upload, query["uploadId"]))
            case "DELETE":
                del self._uploads[query["uploadId"]]
                return web.Response(status=204)
        return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _begin(self, request: web.BaseRequest, bucket: str, name: bytes) -> web.Response:
        check_name(name)
        resource: dict[str, object] = {
            field_name: request.headers[header] for header, field_name in _HEADERS.items() if header in request.headers
        }
        resource.setdefault("contentType", "application/octet-stream")
        meta = "x-goog-meta-"
        found = {k.lower()[len(meta) :]: v for k, v in request.headers.items() if k.lower().startswith(meta)}
        if found:
            resource["metadata"] = found
        upload_id = uuid.uuid4().hex
        self._uploads[upload_id] = Upload(bucket, name, resource)
        return _xml(
            f"<InitiateMultipartUploadResult{NS}><Bucket>{bucket}</Bucket><Key>{escape(name.decode())}</Key>"
            f"<UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"
        )

    async def _put(self, request: web.BaseRequest, upload: Upload, number: int) -> web.Response:
        if not 1 <= number <= MOST_PARTS:
            return _error(400, "InvalidArgument", f"Part number must be between 1 and {MOST_PARTS}.")
        content: Blob | Hollow = Hollow() if _HOLLOW else Blob()
        crc, md5 = google_crc32c.Checksum(), hashlib.md5()
        async for chunk in request.content.iter_any():
            content.append(chunk)
            crc.update(chunk)
            if not _HOLLOW:
                md5.update(chunk)
        expected = request.headers.get("Content-Length")
        if expected is not None and int(expected) != content.size:
            return _error(400, "IncompleteBody", "You did not provide the number of bytes specified.")
        etag = (crc if _HOLLOW else md5).digest().hex()
        upload.parts[number] = Part(content, etag, int.from_bytes(crc.digest(), "big"))
        hashes = f"crc32c={base64.b64encode(crc.digest()).decode()}"
        if not _HOLLOW:
            hashes += f",md5={base64.b64encode(md5.digest()).decode()}"
        return web.Response(headers={"ETag": f'"{etag}"', "X-Goog-Hash": hashes})

    def _complete(self, upload_id: str, upload: Upload, body: bytes) -> web.Response | StoredObject:
        try:
            wanted = [
                (int(_text(item, "PartNumber")), _text(item, "ETag").strip())
                for item in ElementTree.fromstring(body).iter()
                if item.tag.rpartition("}")[2] == "Part"
            ]
        except (ElementTree.ParseError, ValueError):
            return _error(400, "MalformedCompleteMultipartUploadRequest", "The XML you provided was not well-formed.")
        matches = [number in upload.parts and f'"{upload.parts[number].etag}"' == etag for number, etag in wanted]
        if not matches or not all(matches):
            return _error(400, "InvalidPart", "One or more of the specified parts could not be found.")
        if [number for number, _ in wanted] != sorted({number for number, _ in wanted}):
            return _error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        parts = [upload.parts[number] for number, _ in wanted]
        if any(part.content.size < LEAST_PART_BYTES for part in parts[:-1]):
            return _error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum object size.")
        whole: Blob | Hollow = Hollow() if _HOLLOW else Blob()
        crc = 0
        for part in parts:
            whole.append_blob(part.content)
            crc = checksums.combine_crc32c(crc, part.crc32c, part.content.size)
        del self._uploads[upload_id]
        hashes = {"crc32c": base64.b64encode(crc.to_bytes(4, "big")).decode(), "componentCount": len(parts)}
        return self._store.install(upload.bucket, upload.name, upload.resource, whole, hashes)

    def _listing(self, bucket: str) -> str:
        items = "".join(
            f"<Upload><Key>{escape(upload.name.decode())}</Key><UploadId>{upload_id}</UploadId></Upload>"
            for upload_id, upload in self._uploads.items()
            if upload.bucket == bucket
        )
        return f"<ListMultipartUploadsResult{NS}><Bucket>{bucket}</Bucket>{items}</ListMultipartUploadsResult>"


def completed(stored: StoredObject) -> web.Response:
    """The answer to a completion."""
    resource = stored.resource
    answer = _xml(
        f"<CompleteMultipartUploadResult{NS}><Bucket>{resource['bucket']}</Bucket>"
        f"<Key>{escape(str(resource['name']))}</Key><ETag>&quot;{resource['etag']}&quot;</ETag>"
        "</CompleteMultipartUploadResult>"
    )
    answer.headers["X-Goog-Generation"] = stored.generation
    return answer


def _parts(upload: Upload, upload_id: str) -> str:
    items = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{part.etag}&quot;</ETag>"
        f"<Size>{part.content.size}</Size></Part>"
        for number, part in sorted(upload.parts.items())
    )
    return f"<ListPartsResult{NS}><UploadId>{upload_id}</UploadId>{items}</ListPartsResult>"


def _text(item: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in item if child.tag.rpartition("}")[2] == name), "")


def _xml(text: str) -> web.Response:
    return web.Response(body=f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), content_type="application/xml")


def _error(status: int, code: str, message: str) -> web.Response:
    answer = _xml(f"<Error><Code>{code}</Code><Message>{message}</Message></Error>")
    answer.set_status(status)
    return answer
