"""The REST surface of the S3 server, path-style: /bucket/key."""

import re
import time
from urllib.parse import parse_qsl, unquote_to_bytes
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

from local.emulators.instruments import Instruments, Refusal, Reset, drop, send
from local.emulators.s3 import checksums, copying, listing, patterns, sigv4
from local.emulators.s3.conditions import check_delete, check_write
from local.emulators.s3.deleting import delete_many
from local.emulators.s3.events import Notifier
from local.emulators.s3.outbox import MOST_A_REQUEST
from local.emulators.s3.reading import attributes, look
from local.emulators.s3.receiving import kept, receive
from local.emulators.s3.store import Bucket, MultipartUpload, Part, S3Error, StoredObject

_XML = "application/xml"
_REQUEST_ID = "x-amz-request-id"
_BUCKET_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""No IP address either. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

_MOST_PARTS = 10_000
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

_UNSERVED = frozenset({"acl", "legal-hold", "retention", "select", "tagging", "torrent", "versionId"})
"""Object sub-resources that this server does not have; a request for one must not be taken for the object."""


class S3Server:
    """secrets: access key → secret key of everybody who may do everything. queues: URL of the server whose
    queues events are sent to, "" for none. events_a_request: the most that are sent there at once.
    """

    def __init__(
        self,
        instruments: Instruments,
        secrets: dict[str, str],
        queues: str = "",
        events_a_request: int = MOST_A_REQUEST,
    ) -> None:
        self.instruments = instruments
        self._events = Notifier(queues, events_a_request)
        self._secrets = secrets
        self._buckets: dict[str, Bucket] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_local/patterns":
            return await patterns.make(request, self._buckets)
        if request.path == "/_local/pages":
            given = await request.json()
            self._buckets[given["bucket"]].page_keys = given["keys"]
            return web.json_response(given)
        if request.raw_path.startswith("/_local/"):
            return await self.instruments.control(request)
        try:
            answer = await self._route(request)
            if not answer.prepared:
                answer.headers.setdefault(_REQUEST_ID, f"{time.time_ns():x}")
            return answer
        except S3Error as error:
            return _error(request, error)
        except Refusal as refusal:
            return _error(request, S3Error(refusal.status, refusal.code))
        except Reset:
            drop(request)
            return web.Response(status=500)
        except OSError as error:
            return _error(request, S3Error(500, "InternalError", f"local s3 cannot store this: {error.strerror}"))

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, raw_query = request.raw_path.partition("?")
        sigv4.verify(request.method, path, raw_query, request.headers, self._secrets)
        query = dict(parse_qsl(raw_query, keep_blank_values=True))
        name, _, raw_key = path[1:].partition("/")
        if not name:
            return _xml(self._all_buckets())
        key = unquote_to_bytes(raw_key)
        if not _is_text(key) or not name.isascii():
            raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.")
        if not key:
            return await self._bucket(request, name, query)
        return await self._object(request, self._get_bucket(name), name, key, query)

    def _all_buckets(self) -> str:
        items = "".join(
            f"<Bucket><Name>{name}</Name><CreationDate>{listing.iso(bucket.created)}</CreationDate></Bucket>"
            for name, bucket in self._buckets.items()
        )
        owner = "<Owner><ID>local</ID></Owner>"
        return f"<ListAllMyBucketsResult{listing.NS}>{owner}<Buckets>{items}</Buckets></ListAllMyBucketsResult>"

    def _get_bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        return self._buckets[name]

    async def _bucket(self, request: web.BaseRequest, name: str, query: dict[str, str]) -> web.StreamResponse:
        method = request.method
        if method == "PUT" and not query:
            if not _BUCKET_NAME.fullmatch(name) or ".." in name:
                raise S3Error(400, "InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
            self._buckets.setdefault(name, Bucket())
            return web.Response(headers={"Location": f"/{name}"})
        bucket = self._get_bucket(name)
        match method:
            case "HEAD":
                return web.Response()
            case "GET" if "location" in query:
                return _xml(f"<LocationConstraint{listing.NS}></LocationConstraint>")
            case "GET" if "versioning" in query:
                return _xml(f"<VersioningConfiguration{listing.NS}/>")
            case "GET" if not set(query) & {"acl", "policy", "inventory", "uploads", "tagging", "versions"}:
                await self.instruments.enter("s3.list", query.get("prefix", ""))
                restores = request.headers.get("x-amz-optional-object-attributes") == "RestoreStatus"
                return web.Response(body=listing.render(name, bucket, query, restores), content_type=_XML)
            case "POST" if "delete" in query:
                return _xml(delete_many(bucket, await request.read(), lambda key: self._events.removed(name, key)))
            case "PUT" if "notification" in query:
                self._events.configure(name, await request.read())
                return web.Response()
            case "DELETE" if bucket.objects:
                raise S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
            case "DELETE":
                del self._buckets[name]
                return web.Response(status=204)
        raise S3Error(
            501, "NotImplemented", "A header or query you provided implies functionality that is not implemented"
        )

    async def _object(
        self, request: web.BaseRequest, bucket: Bucket, name: str, key: bytes, query: dict[str, str]
    ) -> web.StreamResponse:
        text = key.decode(errors="replace")
        if not _UNSERVED.isdisjoint(query):
            raise S3Error(
                501, "NotImplemented", "A header or query you provided implies functionality that is not implemented"
            )
        match request.method:
            case "GET" | "HEAD" if "uploadId" in query:
                raise S3Error(501, "NotImplemented", "The parts of an upload are not listed here")
            case "GET" if "attributes" in query:
                await self.instruments.enter("s3.head", text)
                return attributes(request, bucket.get(key))
            case "GET" | "HEAD":
                fault = await self.instruments.enter(f"s3.{request.method.lower()}", text)
                status, headers, start, end = look(request, bucket.get(key), query)
                if request.method == "HEAD":
                    return web.Response(status=status, headers={**headers, "Content-Length": str(end - start)})
                self.instruments.count("s3.egress_bytes", end - start)
                chunks = bucket.get(key).content.chunks(start, end)
                return await send(request, status, headers, chunks, end - start, fault)
            case "PUT" if "uploadId" in query:
                await self.instruments.enter("s3.put", text)
                upload = bucket.upload(query["uploadId"])
                number = _part_number(query.get("partNumber", ""))
                if copying.SOURCE in request.headers:
                    source = copying.source_of(request.headers, self._buckets)
                    part = copying.copied_part(request, source, upload.algorithm)
                    upload.parts[number] = Part(part.content, part.md5, part.checksum)
                    return _xml(copying.answer("CopyPartResult", part.md5.hex(), time.time(), part.checksum))
                part = await receive(request, upload.algorithm)
                upload.parts[number] = Part(part.content, part.md5, part.checksum)
                return web.Response(headers=part.headers)
            case "PUT":
                await self.instruments.enter("s3.put", text)
                answer = await self._put(request, bucket, key)
                how = "Copy" if copying.SOURCE in request.headers else "Put"
                self._events.created(name, key, how, bucket.objects[key])
                return answer
            case "POST" if "uploads" in query:
                kind = request.headers.get(checksums.TYPE_HEADER, checksums.FULL)
                algorithm = checksums.asked_for(request.headers)
                upload_id = bucket.begin_upload(MultipartUpload(key, kept(request), algorithm, kind))
                begun = _xml(
                    f"<InitiateMultipartUploadResult{listing.NS}><Bucket>{name}</Bucket><Key>{escape(text)}</Key>"
                    f"<UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"
                )
                begun.headers.update({f"{checksums.HEADER}algorithm": algorithm, checksums.TYPE_HEADER: kind})
                return begun
            case "POST" if "uploadId" in query:
                parts = _parts(await request.read())
                bucket.upload(query["uploadId"])
                check_write(request.headers, bucket.objects.get(key))
                stored = bucket.complete_upload(query["uploadId"], parts, checksums.promised(request.headers))
                self._events.created(name, key, "CompleteMultipartUpload", stored)
                return _xml(
                    f"<CompleteMultipartUploadResult{listing.NS}><Bucket>{name}</Bucket><Key>{escape(text)}</Key>"
                    f"<ETag>&quot;{stored.etag}&quot;</ETag>{checksums.elements(stored.checksum)}"
                    "</CompleteMultipartUploadResult>"
                )
            case "POST" if "restore" in query:
                await self.instruments.enter("s3.restore", text)
                there = bucket.get(key).restore(_days(await request.read()))
                return web.Response(status=200 if there else 202)
            case "DELETE" if "uploadId" in query:
                bucket.abort_upload(query["uploadId"])
                return web.Response(status=204)
            case "DELETE":
                return self._delete(request, bucket, name, key)
        raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _delete(self, request: web.BaseRequest, bucket: Bucket, name: str, key: bytes) -> web.Response:
        check_delete(request.headers)
        bucket.objects.pop(key, None)
        self._events.removed(name, key)
        return web.Response(status=204)

    async def _put(self, request: web.BaseRequest, bucket: Bucket, key: bytes) -> web.Response:
        if len(key) > 1024:
            raise S3Error(400, "KeyTooLongError", "Your key is too long")
        if copying.SOURCE in request.headers:
            source = copying.source_of(request.headers, self._buckets)
            check_write(request.headers, bucket.objects.get(key))
            stored = copying.copied(request, source, bucket.objects.get(key) is source)
            bucket.objects[key] = stored
            return _xml(copying.answer("CopyObjectResult", stored.etag, stored.modified, stored.checksum))
        body = await receive(request, checksums.asked_for(request.headers))
        check_write(request.headers, bucket.objects.get(key))
        bucket.objects[key] = StoredObject(body.content, body.md5.hex(), kept(request), checksum=body.checksum)
        return web.Response(headers=body.headers)


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True


def _part_number(given: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", given, re.ASCII) or not 1 <= int(given) <= _MOST_PARTS:
        message = f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive"
        raise S3Error(400, "InvalidArgument", message, ArgumentName="partNumber", ArgumentValue=given)
    return int(given)


def _parts(body: bytes) -> list[tuple[int, str]]:
    """Number and ETag of each part that a completion names."""
    try:
        named = [item for item in ElementTree.fromstring(body).iter() if item.tag.rpartition("}")[2] == "Part"]
        return [(int(_text(item, "PartNumber")), _text(item, "ETag").strip('"')) for item in named]
    except (ElementTree.ParseError, ValueError):
        raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed") from None


def _text(item: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in item if child.tag.rpartition("}")[2] == name), "")


def _days(body: bytes) -> int:
    try:
        found = [item.text or "" for item in ElementTree.fromstring(body).iter() if item.tag.endswith("}Days")]
        return int(*found)
    except (ElementTree.ParseError, TypeError, ValueError):
        raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed") from None


def _xml(text: str) -> web.Response:
    return web.Response(body=f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), content_type=_XML)


def _error(request: web.BaseRequest, error: S3Error) -> web.Response:
    """Who waits for a 100 and is answered this sends no body: the next request on its connection would be read as one.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
    """
    answer = _error_answer(request, error)
    if "Expect" in request.headers:
        answer.force_close()
    return answer


def _error_answer(request: web.BaseRequest, error: S3Error) -> web.Response:
    request_id = f"{time.time_ns():x}"
    headers = {_REQUEST_ID: request_id}
    if error.status == 304 or request.method == "HEAD":
        return web.Response(status=error.status, headers={**headers, **error.headers})
    detail = f"<Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
    detail += "".join(f"<{name}>{escape(value)}</{name}>" for name, value in error.details.items())
    answer = _xml(f"<Error>{detail}<RequestId>{request_id}</RequestId></Error>")
    answer.headers.update(headers)
    answer.set_status(error.status)
    return answer
