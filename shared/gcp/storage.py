"""The destination bucket: looking, writing, listing, over the JSON API.

Writing is the hot path, so its requests are made directly; they are the ones google-cloud-storage makes,
at a tenth of its CPU. https://cloud.google.com/storage/docs/json_api/v1/objects
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

from shared.domain.checksums import Chunk, crc32c, encoded
from shared.domain.copies import CopyPage
from shared.domain.errors import Corrupt, NoSuchBucket, ObjectError, Transient, Unsorted
from shared.domain.keys import MAX_KEY_BYTES
from shared.domain.objects import DestinationObject
from shared.domain.page import in_order
from shared.gcp.objects import FIELDS, failure, parse, parse_page, resource_of, written
from shared.gcp.token import Token
from shared.http import classification
from shared.http.client import Answer, Http
from shared.ports.destination import Upload

CHUNK_BYTES = 8 * 1024 * 1024
"""Objects up to this size go up in one request, larger ones in chunks of it: a multiple of 256 KiB, at
least 8 MiB recommended. https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload"""

PAGE = 1000
"""The most names of one listing page: https://cloud.google.com/storage/docs/json_api/v1/objects/list"""

_PAGE_FIELDS = f"fields=items({FIELDS}),nextPageToken"
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
        url = f"{self._objects}/{quote(name, safe='')}?fields={FIELDS}"
        what = f"gcs stat {name.decode()}"
        answer = await self._http.ask(
            what, classification.reading, lambda: ("GET", url, self._token.headers()), good=(200, 404)
        )
        if answer.status == 404:
            error = classification.reading(what, answer.status, answer.headers, answer.body)
            if isinstance(error, NoSuchBucket):
                raise error
            return None
        return parse(json.loads(answer.body))

    async def look(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        """One page of a listing where a stat each would cost more: $5 a million pages, $0.40 a million stats.

        A listing is strongly consistent: https://cloud.google.com/storage/docs/consistency
        """
        wanted, named = sorted(names), set(names)
        found: dict[bytes, DestinationObject] = {}
        beyond = wanted
        if len(wanted) >= _WORTH_A_PAGE:
            most = min(PAGE, len(wanted) * _PAGE_SHARE)
            start, end = quote(wanted[0], safe=""), quote(wanted[-1][: MAX_KEY_BYTES - 1] + b"!", safe="")
            url = f"{self._objects}?maxResults={most}&startOffset={start}&endOffset={end}&{_PAGE_FIELDS}"
            page = await self._page(url)
            listed = [parse(item) for item in page.get("items", ())]
            found = {item.name: item for item in listed if item.name in named}
            last = listed[-1].name if "nextPageToken" in page and listed else wanted[-1][: MAX_KEY_BYTES - 1]
            beyond = [name for name in wanted if name > last]
        for stat in await asyncio.gather(*(self.stat(name) for name in beyond)):
            if stat is not None:
                found[stat.name] = stat
        return found

    async def delete(self, name: bytes, generation: int) -> None:
        await self._token.fresh()
        url = f"{self._objects}/{quote(name, safe='')}?ifGenerationMatch={generation}"
        what = f"gcs delete {name.decode()}"
        await self._http.ask(
            what, classification.writing, lambda: ("DELETE", url, self._token.headers()), good=(200, 204, 404)
        )

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        token, last = "", after
        while True:
            query = f"maxResults={PAGE}&{_PAGE_FIELDS}"
            if prefix:
                query += f"&prefix={quote(prefix, safe='')}"
            if token:
                query += f"&pageToken={quote(token, safe='')}"
            elif after:
                query += f"&startOffset={quote(after, safe='')}"
            page = await self._page(f"{self._objects}?{query}")
            found = parse_page(page.get("items", ()))
            found = found.part(found.up_to(after)) if after else found
            if len(found):
                if not in_order(found.names, last):
                    raise Unsorted(
                        f"listing gs://{self._bucket}: the page after {last!r} is not in the order of its names"
                    )
                last = found.names[-1]
                yield found
            token = page.get("nextPageToken", "")
            if not token:
                return

    async def _page(self, url: str) -> dict[str, Any]:
        await self._token.fresh()
        what = f"listing gs://{self._bucket}"
        answer = await self._http.ask(what, classification.reading, lambda: ("GET", url, self._token.headers()))
        page: dict[str, Any] = json.loads(answer.body)
        return page

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        await self._token.fresh()
        if upload.size <= CHUNK_BYTES:
            return await self._write_at_once(upload, chunks)
        return await self._write_in_chunks(upload, chunks)

    async def _write_at_once(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        content, length, crc = [], 0, 0
        async for chunk in chunks:
            content.append(chunk)
            length += len(chunk)
            crc = crc32c(chunk, crc)
            if length > upload.size:
                break
        _check_length(upload, length)
        resource = resource_of(upload)
        resource["crc32c"] = _checked(upload, crc)
        mime = upload.attributes.content_type or "application/octet-stream"
        before = (
            f"--{_BOUNDARY}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{json.dumps(resource)}"
            f"\r\n--{_BOUNDARY}\r\ncontent-type: {_header(mime)}\r\n\r\n"
        )
        body = [before.encode(), *content, f"\r\n--{_BOUNDARY}--\r\n".encode()]
        url = f"{self._upload}?uploadType=multipart&ifGenerationMatch={upload.generation}&fields={FIELDS}"
        headers = {**self._token.headers(), "Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
        return written(upload, await self._http.once("POST", url, headers, body))

    async def _write_in_chunks(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        """A resumable session: nothing is visible until its last chunk, which carries the crc32c of all.

        https://cloud.google.com/storage/docs/resumable-uploads
        """
        session = await self._start(upload)
        crc = sent = held = 0
        pieces: list[Chunk] = []
        try:
            async for chunk in chunks:
                crc = crc32c(chunk, crc)
                rest = memoryview(chunk)
                if sent + held + len(rest) > upload.size:
                    held += len(rest)
                    break
                while held + len(rest) > CHUNK_BYTES:
                    pieces.append(rest[: CHUNK_BYTES - held])
                    rest = rest[CHUNK_BYTES - held :]
                    await self._put(upload, session, pieces, sent, None)
                    sent, held, pieces = sent + CHUNK_BYTES, 0, []
                pieces.append(rest)
                held += len(rest)
            _check_length(upload, sent + held)
            answer = await self._put(upload, session, pieces, sent, _checked(upload, crc))
        except (ObjectError, asyncio.CancelledError):
            await self._abandon(session)
            raise
        return written(upload, answer)

    async def _start(self, upload: Upload) -> str:
        url = f"{self._upload}?uploadType=resumable&ifGenerationMatch={upload.generation}&fields={FIELDS}"
        headers = {**self._token.headers(), "Content-Type": "application/json; charset=UTF-8"}
        answer = await self._http.once("POST", url, headers, json.dumps(resource_of(upload)).encode())
        if answer.status != 200:
            raise failure(upload, answer)
        return answer.headers["location"]

    async def _put(
        self, upload: Upload, session: str, pieces: Sequence[Chunk], offset: int, whole: str | None
    ) -> Answer:
        """Send a chunk until the session has it. whole: the crc32c of all, with the last one."""
        end = offset + sum(map(len, pieces))
        start = offset
        for attempt in range(1, _CHUNK_TRIES + 1):
            headers = {**self._token.headers(), "Content-Range": f"bytes {start}-{end - 1}/{upload.size}"}
            if whole is not None:
                headers["X-Goog-Hash"] = f"crc32c={whole}"
            try:
                answer = await self._http.once("PUT", session, headers, _without(pieces, start - offset))
                if answer.status >= 500:
                    raise failure(upload, answer)
            except Transient:
                if attempt == _CHUNK_TRIES:
                    raise
                answer = await self._http.ask(
                    f"gcs write {upload.name.decode()}",
                    classification.writing,
                    lambda: ("PUT", session, {**self._token.headers(), "Content-Range": f"bytes */{upload.size}"}),
                    good=(200, 201, 308),
                    body=b"",
                )
            if answer.status in (200, 201):
                return answer
            if answer.status != 308:
                raise failure(upload, answer)
            start = _persisted(answer)
            if not offset <= start <= end:
                raise Transient(f"gcs write {upload.name.decode()}: the session is at byte {start}, not at {offset}")
            if start == end and whole is None:
                return answer
        raise Transient(f"gcs write {upload.name.decode()}: the session does not move")

    async def _abandon(self, session: str) -> None:
        """Give an unfinished session up at once rather than leave it to expire after a week."""
        try:
            await self._http.once("DELETE", session, self._token.headers())
        except Transient:
            return


def _without(pieces: Sequence[Chunk], count: int) -> Sequence[Chunk]:
    """The pieces without their first `count` bytes."""
    if not count:
        return pieces
    left = []
    for piece in pieces:
        if count < len(piece):
            left.append(memoryview(piece)[count:])
        count = max(0, count - len(piece))
    return left


def _checked(upload: Upload, crc: int) -> str:
    """The CRC32C of what was read, base64. Raises Corrupt if the source promised another one."""
    whole = encoded(crc, 4)
    if upload.crc32c is not None and upload.crc32c != whole:
        raise Corrupt(f"gcs write {upload.name.decode()}: the CRC32C is {whole}, the source says {upload.crc32c}")
    return whole


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
