"""The staging bucket: large objects are put together here by the XML API, then moved by the JSON API's rewrite.

https://cloud.google.com/storage/docs/multipart-uploads and https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
"""

import json
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from shared.domain.backoff import ONCE, QUESTIONS, RetryPolicy
from shared.domain.checksums import Chunk, crc32c, encoded
from shared.domain.errors import Corrupt, Forbidden, Retained, Transient, UploadLost
from shared.domain.objects import DestinationObject
from shared.domain.reasons import Party
from shared.gcp.api import JSON, GoogleApi, resource
from shared.gcp.objects import fields_of, parse, resource_of
from shared.gcp.storage import GcsDestination
from shared.gcp.token import Token
from shared.http.classification import Classifier
from shared.http.client import Answer, Http, Request
from shared.http.pool import Lane
from shared.ports.destination import Upload
from shared.ports.log import Log
from shared.ports.staging import StoredPart

SLOW_SECONDS = 300
"""Completing a multipart upload and rewriting into another storage class may take minutes before a byte is answered.
Neither is sent again by itself: whoever finishes an object looks at what is there first.
"""

_STAGING = Classifier(Party.STAGING, writes=True)


class GcsStaging:
    """`shared.ports.staging.Staging`. bucket: where parts are put; destination: where objects are moved to.

    Beginning, completing and moving are tried once: the key that they belong to is tried again. Clean-up is part of no
    key's copy, so it is retried here.
    """

    def __init__(self, bucket: str, destination: str, endpoint: str, http: Http, token: Token, log: Log) -> None:
        self._bucket, self._destination = bucket, destination
        self._endpoint, self._api, self._log = endpoint, GoogleApi(http, token), log
        self._objects = f"{endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"
        self._held = GcsDestination(bucket, endpoint, http, token, ONCE)
        self._bucket_checked = False

    async def begin(self, name: bytes) -> str:
        await self._check_bucket()
        answer = await self._xml("POST", name, "uploads", body=b"")
        found = upload_id(answer.body)
        if found is None:
            raise Transient(f"gs://{self._bucket}: a multipart upload was begun, and the answer names no id")
        return found

    async def put(self, name: bytes, upload: str, number: int, size: int, chunks: AsyncIterator[Chunk]) -> StoredPart:
        what = f"part {number} of {name.decode()}"
        body = _Counted(what, size, chunks)
        url = self._url(name, f"partNumber={number}&uploadId={quote(upload, safe='')}")
        answer = await self._api.send(Request("PUT", url, {"Content-Length": str(size)}, body, Lane.UPLOAD))
        if answer.status != 200:
            raise _STAGING(what, answer.status, answer.headers, answer.body)
        read = encoded(body.crc32c, 4)
        if f"crc32c={read}" not in answer.headers.get("x-goog-hash", f"crc32c={read}"):
            raise Corrupt(f"{what}: crc32c {read} was sent, {answer.headers['x-goog-hash']} arrived")
        if "etag" not in answer.headers:
            raise Transient(f"{what}: an answer without an ETag; the part is sent again")
        return StoredPart(answer.headers["etag"].strip('"'), body.crc32c)

    async def complete(self, name: bytes, upload: str, etags: Sequence[str]) -> None:
        parts = "".join(  # the ETags in quotes, as they came and Google's own libraries send them
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{escape(etag)}"</ETag></Part>'
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = await self._xml("POST", name, f"uploadId={quote(upload, safe='')}", body=body, slow=True)
        if b"<Error>" in answer.body:
            raise _STAGING(f"completing {name.decode()}", 500, {}, answer.body)

    async def abort(self, name: bytes, upload: str) -> None:
        try:
            await self._xml("DELETE", name, f"uploadId={quote(upload, safe='')}", good=(204,), retry=QUESTIONS)
        except UploadLost:
            return

    async def stat(self, name: bytes) -> DestinationObject | None:
        return await self._held.stat(name)

    async def delete(self, name: bytes) -> None:
        request = Request("DELETE", f"{self._objects}/{quote(name, safe='')}")
        what = f"deleting gs://{self._bucket}/{name.decode()}"
        await self._api.ask(QUESTIONS, what, _STAGING, request, good=(204, 404))

    async def move(self, staged: DestinationObject, upload: Upload, token: str = "") -> DestinationObject | str:
        target = f"b/{quote(self._destination, safe='')}/o/{quote(upload.name, safe='')}"
        url = (
            f"{self._objects}/{quote(staged.name, safe='')}/rewriteTo/{target}?ifGenerationMatch={upload.generation}"
            f"&ifSourceGenerationMatch={staged.generation}&fields=done,rewriteToken,resource({fields_of(upload)})"
        )
        if token:
            url += f"&rewriteToken={quote(token, safe='')}"
        described = {name: value for name, value in resource_of(upload).items() if name not in ("name", "md5Hash")}
        body, what = json.dumps(described).encode(), f"moving to {upload.name.decode()}"
        request = Request("POST", url, JSON, body, idempotent=True, stall_seconds=SLOW_SECONDS)
        answer = resource(what, await self._api.ask(ONCE, what, _STAGING, request))
        match answer:
            case {"done": True, "resource": dict(moved)}:
                return parse(what, moved)
            case {"done": False, "rewriteToken": str(further)}:
                return further
        raise Transient(f"{what}: an answer that says neither that it is done nor how to go on")

    async def _check_bucket(self) -> None:
        """Once an instance: a bucket that keeps what is deleted makes every large object cost twice."""
        if self._bucket_checked:
            return
        url = f"{self._endpoint}/storage/v1/b/{quote(self._bucket, safe='')}?fields=retentionPolicy,softDeletePolicy"
        what = f"reading the settings of gs://{self._bucket}"
        try:
            found = resource(what, await self._api.ask(ONCE, what, _STAGING, Request("GET", url)))
        except Forbidden:
            found = {}  # no storage.buckets.get: the bucket is not checked
        if found.get("retentionPolicy"):
            raise Retained(f"STAGING_BUCKET {self._bucket} has a retention policy: staged objects must be deletable")
        self._bucket_checked = True
        if int(found.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0)):
            self._log.warning(
                "the staging bucket has soft delete: every large object is paid for as long as it lasts; turn it off",
                bucket=self._bucket,
                reason="soft_delete",
            )

    def _url(self, name: bytes, query: str) -> str:
        return f"{self._endpoint}/{quote(self._bucket, safe='')}/{quote(name, safe='/')}?{query}"

    async def _xml(
        self,
        method: str,
        name: bytes,
        query: str,
        good: tuple[int, ...] = (200,),
        body: bytes | None = None,
        retry: RetryPolicy = ONCE,
        slow: bool = False,
    ) -> Answer:
        stall = SLOW_SECONDS if slow else None
        request = Request(method, self._url(name, query), body=body, stall_seconds=stall)
        what = f"{method} gs://{self._bucket}/{name.decode()}"
        return await self._api.ask(retry, what, _STAGING, request, good)


def upload_id(body: bytes) -> str | None:
    """The id in the answer that begins a multipart upload, None if there is none or the answer is cut short."""
    try:
        found = ElementTree.fromstring(body).iter()
    except ElementTree.ParseError:
        return None
    return next((item.text for item in found if item.tag.rpartition("}")[2] == "UploadId" and item.text), None)


class _Counted:
    """A body that must have `size` bytes, with its crc32c. Raises Corrupt where it has more or fewer."""

    def __init__(self, what: str, size: int, chunks: AsyncIterator[Chunk]) -> None:
        self._what, self._left, self._chunks = what, size, chunks
        self.crc32c = 0

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await anext(self._chunks, None)
        if chunk is None:
            if self._left:
                raise Corrupt(f"{self._what}: {self._left} bytes fewer came than were asked for")
            raise StopAsyncIteration
        self._left -= len(chunk)
        if self._left < 0:
            raise Corrupt(f"{self._what}: more bytes came than were asked for")
        self.crc32c = crc32c(chunk, self.crc32c)
        return chunk
