"""The destination bucket: looking, writing, listing, over the JSON API.

Writing is the hot path, so its requests are made directly; they are the ones google-cloud-storage makes,
at a tenth of its CPU. https://cloud.google.com/storage/docs/json_api/v1/objects
"""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import google_crc32c

from shared.adapters.google_token import Token
from shared.adapters.http import Answer, Http
from shared.core import verdicts
from shared.core.errors import Corrupt, ObjectError, Refused, Transient
from shared.core.keys import MAX_KEY_BYTES
from shared.core.objects import DestinationObject
from shared.ports import Upload

CHUNK_BYTES = 8 * 1024 * 1024
"""Objects up to this size go up in one request, larger ones in chunks of it: a multiple of 256 KiB, at
least 8 MiB recommended. https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload"""

PAGE = 1000
"""The most names of one listing page: https://cloud.google.com/storage/docs/json_api/v1/objects/list"""

_FIELDS = "name,size,generation,crc32c,md5Hash,metadata"
_PAGE_FIELDS = f"fields=items({_FIELDS}),nextPageToken"
_BOUNDARY = uuid.uuid4().hex
"""Separates metadata and bytes; drawn once a process, and nobody who writes objects can know it."""

_WORTH_A_PAGE = 13
"""Names from which on a page is cheaper than a stat each."""

_PAGE_SHARE = 4
"""A page has room for this many names for each one that is looked for."""

_CHUNK_TRIES = 5


class GcsDestination:
    """`shared.ports.Destination`. endpoint: https://storage.googleapis.com, or a local stack's."""

    def __init__(self, bucket: str, endpoint: str, http: Http, token: Token) -> None:
        self._bucket = bucket
        self._http = http
        self._token = token
        self._objects = f"{endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"
        self._upload = f"{endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    async def stat(self, name: bytes) -> DestinationObject | None:
        await self._token.fresh()
        url = f"{self._objects}/{quote(name, safe='')}?fields={_FIELDS}"
        what = f"gcs stat {name.decode()}"
        answer = await self._http.ask(
            what, verdicts.reading, lambda: ("GET", url, self._token.headers()), good=(200, 404)
        )
        if answer.status == 404:
            if b"bucket does not exist" in answer.body:
                raise Refused(f"{what}: the bucket {self._bucket} does not exist")
            return None
        return _object(json.loads(answer.body))

    async def look(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        """One page of a listing where a stat each would cost more: $5 a million pages, $0.40 a million stats.

        A listing is strongly consistent: https://cloud.google.com/storage/docs/consistency
        """
        wanted = sorted(names)
        found: dict[bytes, DestinationObject] = {}
        beyond = wanted
        if len(wanted) >= _WORTH_A_PAGE:
            most = min(PAGE, len(wanted) * _PAGE_SHARE)
            start, end = quote(wanted[0], safe=""), quote(wanted[-1][: MAX_KEY_BYTES - 1] + b"!", safe="")
            url = f"{self._objects}?maxResults={most}&startOffset={start}&endOffset={end}&{_PAGE_FIELDS}"
            page = await self._page(url)
            listed = [_object(item) for item in page.get("items", ())]
            found = {item.name: item for item in listed if item.name in set(wanted)}
            last = listed[-1].name if "nextPageToken" in page and listed else wanted[-1][: MAX_KEY_BYTES - 1]
            beyond = [name for name in wanted if name > last]
        for stat in await asyncio.gather(*(self.stat(name) for name in beyond)):
            if stat is not None:
                found[stat.name] = stat
        return found

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[DestinationObject]:
        token = ""
        while True:
            query = f"maxResults={PAGE}&{_PAGE_FIELDS}"
            if prefix:
                query += f"&prefix={quote(prefix, safe='')}"
            if token:
                query += f"&pageToken={quote(token, safe='')}"
            elif after:
                query += f"&startOffset={quote(after, safe='')}"
            page = await self._page(f"{self._objects}?{query}")
            for item in page.get("items", ()):
                found = _object(item)
                if found.name > after:
                    yield found
            token = page.get("nextPageToken", "")
            if not token:
                return

    async def _page(self, url: str) -> dict[str, Any]:
        await self._token.fresh()
        what = f"listing gs://{self._bucket}"
        answer = await self._http.ask(what, verdicts.reading, lambda: ("GET", url, self._token.headers()))
        page: dict[str, Any] = json.loads(answer.body)
        return page

    async def write(self, upload: Upload, chunks: AsyncIterator[bytes]) -> DestinationObject:
        await self._token.fresh()
        if upload.size <= CHUNK_BYTES:
            return await self._write_at_once(upload, chunks)
        return await self._write_in_chunks(upload, chunks)

    async def _write_at_once(self, upload: Upload, chunks: AsyncIterator[bytes]) -> DestinationObject:
        content, crc = bytearray(), google_crc32c.Checksum()
        async for chunk in chunks:
            content += chunk
            crc.update(chunk)
            if len(content) > upload.size:
                break
        _check_length(upload, len(content))
        resource = _resource(upload)
        resource["crc32c"] = base64.b64encode(crc.digest()).decode()
        mime = upload.attributes.content_type or "application/octet-stream"
        body = b"".join(
            (
                f"--{_BOUNDARY}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n".encode(),
                json.dumps(resource).encode(),
                f"\r\n--{_BOUNDARY}\r\ncontent-type: {_header(mime)}\r\n\r\n".encode(),
                content,
                f"\r\n--{_BOUNDARY}--\r\n".encode(),
            )
        )
        url = f"{self._upload}?uploadType=multipart&ifGenerationMatch={upload.generation}&fields={_FIELDS}"
        headers = {**self._token.headers(), "Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
        return _written(upload, await self._http.once("POST", url, headers, body))

    async def _write_in_chunks(self, upload: Upload, chunks: AsyncIterator[bytes]) -> DestinationObject:
        """A resumable session: nothing is visible until its last chunk, which carries the crc32c of all.

        https://cloud.google.com/storage/docs/resumable-uploads
        """
        session = await self._start(upload)
        crc = google_crc32c.Checksum()
        sent = 0
        buffer = bytearray()
        try:
            async for chunk in chunks:
                crc.update(chunk)
                buffer += chunk
                if sent + len(buffer) > upload.size:
                    break
                while len(buffer) > CHUNK_BYTES:
                    full, buffer = buffer, buffer[CHUNK_BYTES:]
                    await self._put(upload, session, memoryview(full)[:CHUNK_BYTES], sent, None)
                    sent += CHUNK_BYTES
                    del full
            _check_length(upload, sent + len(buffer))
            whole = base64.b64encode(crc.digest()).decode()
            answer = await self._put(upload, session, memoryview(buffer), sent, whole)
        except (ObjectError, asyncio.CancelledError):
            await self._abandon(session)
            raise
        return _written(upload, answer)

    async def _start(self, upload: Upload) -> str:
        url = f"{self._upload}?uploadType=resumable&ifGenerationMatch={upload.generation}&fields={_FIELDS}"
        headers = {**self._token.headers(), "Content-Type": "application/json; charset=UTF-8"}
        answer = await self._http.once("POST", url, headers, json.dumps(_resource(upload)).encode())
        if answer.status != 200:
            raise _failure(upload, answer)
        return answer.headers["location"]

    async def _put(self, upload: Upload, session: str, piece: memoryview, offset: int, crc32c: str | None) -> Answer:
        """Send a chunk until the session has it; crc32c marks the last one."""
        end = offset + len(piece)
        start = offset
        for attempt in range(1, _CHUNK_TRIES + 1):
            headers = {**self._token.headers(), "Content-Range": f"bytes {start}-{end - 1}/{upload.size}"}
            if crc32c is not None:
                headers["X-Goog-Hash"] = f"crc32c={crc32c}"
            try:
                answer = await self._http.once("PUT", session, headers, piece[start - offset :])
                if answer.status >= 500:
                    raise _failure(upload, answer)
            except Transient:
                if attempt == _CHUNK_TRIES:
                    raise
                answer = await self._http.ask(
                    f"gcs write {upload.name.decode()}",
                    verdicts.writing,
                    lambda: ("PUT", session, {**self._token.headers(), "Content-Range": f"bytes */{upload.size}"}),
                    good=(200, 201, 308),
                    body=b"",
                )
            if answer.status in (200, 201):
                return answer
            if answer.status != 308:
                raise _failure(upload, answer)
            start = _persisted(answer)
            if not offset <= start <= end:
                raise Transient(f"gcs write {upload.name.decode()}: the session is at byte {start}, not at {offset}")
            if start == end and crc32c is None:
                return answer
        raise Transient(f"gcs write {upload.name.decode()}: the session does not move")

    async def _abandon(self, session: str) -> None:
        """Give an unfinished session up at once rather than leave it to expire after a week."""
        try:
            await self._http.once("DELETE", session, self._token.headers())
        except Transient:
            return


def _resource(upload: Upload) -> dict[str, object]:
    """The object resource that is sent ahead of the bytes; GCS refuses bytes of another MD5."""
    attributes = upload.attributes
    named = {
        "contentType": attributes.content_type,
        "contentEncoding": attributes.content_encoding,
        "contentLanguage": attributes.content_language,
        "contentDisposition": attributes.content_disposition,
        "cacheControl": attributes.cache_control,
        "md5Hash": base64.b64encode(bytes.fromhex(upload.md5)).decode() if upload.md5 else None,
    }
    return {
        "name": upload.name.decode(),
        "metadata": upload.metadata,
        **{field: value for field, value in named.items() if value is not None},
    }


def _object(resource: dict[str, object]) -> DestinationObject:
    metadata = resource.get("metadata")
    md5 = resource.get("md5Hash")
    return DestinationObject(
        name=str(resource["name"]).encode(),
        size=int(str(resource["size"])),
        generation=int(str(resource["generation"])),
        crc32c=str(resource["crc32c"]),
        md5=base64.b64decode(str(md5)).hex() if md5 else None,
        metadata={str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
    )


def _written(upload: Upload, answer: Answer) -> DestinationObject:
    if answer.status not in (200, 201):
        raise _failure(upload, answer)
    return _object(json.loads(answer.body))


def _failure(upload: Upload, answer: Answer) -> ObjectError:
    what = f"gcs write {upload.name.decode()}"
    if answer.status == 400 and b"match calculated" in answer.body:
        return Corrupt(f"{what}: refused, the bytes are not those the source promised")
    return verdicts.writing(what, answer.status, answer.headers, answer.body)


def _check_length(upload: Upload, length: int) -> None:
    if length != upload.size:
        more = "more" if length > upload.size else "fewer"
        raise Corrupt(f"gcs write {upload.name.decode()}: {more} bytes came than the {upload.size} promised")


def _persisted(answer: Answer) -> int:
    """How many bytes a session holds, by its Range header; none means nothing yet."""
    found = answer.headers.get("range")
    return int(found.rpartition("-")[2]) + 1 if found else 0


def _header(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
