"""The destination bucket over the JSON API: stat, write, delete, list.

Writing is the hot path, so its requests are made directly; they are the ones google-cloud-storage makes,
at a tenth of its CPU. https://cloud.google.com/storage/docs/json_api/v1/objects
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import orjson

from shared.domain.backoff import BARREN_SECONDS, QUESTIONS, RetryPolicy
from shared.domain.checksums import Chunk, crc32c, encoded
from shared.domain.copies import CopyPage
from shared.domain.errors import Corrupt, LostRace, NoSuchBucket, ObjectError, Refused, Transient, Unsorted
from shared.domain.keys import MAX_KEY_BYTES
from shared.domain.objects import Attributes, DestinationObject
from shared.domain.page import in_order
from shared.domain.reasons import Party
from shared.gcp.api import JSON, GoogleApi, resource
from shared.gcp.objects import (
    ALL_FIELDS,
    CHANGES,
    FIELDS,
    FOUND,
    described,
    failure,
    fields_of,
    looked_at,
    parse,
    parse_page,
    resource_of,
)
from shared.gcp.session import UploadSession
from shared.gcp.token import Token
from shared.http.classification import Classifier
from shared.http.client import Answer, Http, Request
from shared.http.pool import Lane
from shared.ports.destination import Upload
from shared.ports.retried import retried

CHUNK_BYTES = 8 * 1024 * 1024
"""Objects up to this size go up in one request, larger ones in chunks of it: a multiple of 256 KiB, at
least 8 MiB recommended. https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload"""

PAGE = 1000
"""The most names of one listing page, which may be empty and not the last:
https://cloud.google.com/storage/docs/json_api/v1/objects/list"""

_READ, _WRITE = Classifier(Party.DESTINATION), Classifier(Party.DESTINATION, writes=True)
_PAGE_FIELDS = f"fields=items({FIELDS}),nextPageToken"
_PAGE_CHANGES = f"fields=items({CHANGES}),nextPageToken"
_PAGE_FOUND = f"fields=items({FOUND}),nextPageToken"
_BOUNDARY = uuid.uuid4().hex
"""Separates metadata and bytes; drawn once a process, and nobody who writes objects can know it."""

_BEGIN = f"--{_BOUNDARY}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n".encode()
_END = f"\r\n--{_BOUNDARY}--\r\n".encode()

_WORTH_A_PAGE = 13
"""Names from which on a page is cheaper than a stat each."""

_PAGE_SHARE = 4
"""A page has room for this many names for each one that is looked for."""


class GcsDestination:
    """`shared.ports.destination.Destination`. endpoint: `api.GCS_ENDPOINT`, or a local stack's. retry: of a stat or
    a deletion; listings are retried in any case, a write never is. changes: whether listings say how often the metadata
    of an object was changed.
    """

    def __init__(
        self,
        bucket: str,
        endpoint: str,
        http: Http,
        token: Token,
        retry: RetryPolicy = QUESTIONS,
        changes: bool = False,
    ) -> None:
        self._listing = f"listing gs://{bucket}"
        self._changes = changes
        self._api = GoogleApi(http, token)
        self._retry = retry
        self._objects = f"{endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"
        self._upload = f"{endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    async def stat(self, name: bytes) -> DestinationObject | None:
        found = await self._described(name, FOUND)
        return looked_at(_stat(name), found) if found is not None else None

    async def inspect(self, name: bytes) -> tuple[DestinationObject, Attributes] | None:
        found = await self._described(name, ALL_FIELDS)
        return (looked_at(_stat(name), found), described(found)) if found is not None else None

    async def _described(self, name: bytes, fields: str) -> dict[str, Any] | None:
        url = f"{self._objects}/{quote(name, safe='')}?fields={fields}"
        what = _stat(name)
        answer = await self._api.ask(self._retry, what, _READ, Request("GET", url), good=(200, 404))
        if answer.status == 404:
            error = _READ(what, answer.status, answer.headers, answer.body)
            if isinstance(error, NoSuchBucket):
                raise error
            return None
        return resource(what, answer)

    async def stat_many(self, names: Sequence[bytes]) -> dict[bytes, DestinationObject]:
        """One page of a listing where a stat each would cost more: $5 a million pages, $0.40 a million stats.

        A listing is strongly consistent: https://cloud.google.com/storage/docs/consistency
        """
        wanted, named = sorted(names), set(names)
        found: dict[bytes, DestinationObject] = {}
        beyond = wanted
        if len(wanted) >= _WORTH_A_PAGE:
            most = min(PAGE, len(wanted) * _PAGE_SHARE)
            start, end = quote(wanted[0], safe=""), quote(wanted[-1][: MAX_KEY_BYTES - 1] + b"!", safe="")
            url = f"{self._objects}?maxResults={most}&startOffset={start}&endOffset={end}&{_PAGE_FOUND}"
            items, more = await self._page(url)
            listed = [(str(item.get("name", "")).encode(), item) for item in items]
            found = {name: looked_at(self._listing, item) for name, item in listed if name in named}
            reached = wanted[-1][: MAX_KEY_BYTES - 1] if not more else listed[-1][0] if listed else b""
            beyond = [name for name in wanted if name > reached]
        for stat in await asyncio.gather(*(self.stat(name) for name in beyond)):
            if stat is not None:
                found[stat.name] = stat
        return found

    async def delete(self, name: bytes, generation: int) -> None:
        url = f"{self._objects}/{quote(name, safe='')}?ifGenerationMatch={generation}"
        what = f"gcs delete {name.decode()}"
        await self._api.ask(self._retry, what, _WRITE, Request("DELETE", url), good=(200, 204, 404))

    async def listing(self, prefix: bytes, after: bytes) -> AsyncIterator[CopyPage]:
        token, last, named_at = "", after, self._api.clock.monotonic()
        while True:
            query = f"maxResults={PAGE}&{_PAGE_CHANGES if self._changes else _PAGE_FIELDS}"
            if prefix:
                query += f"&prefix={quote(prefix, safe='')}"
            if token:
                query += f"&pageToken={quote(token, safe='')}"
            elif after:
                query += f"&startOffset={quote(after, safe='')}"
            items, following = await self._page(f"{self._objects}?{query}")
            found = parse_page(items, self._changes)
            found = found.part(found.up_to(after)) if after else found
            if len(found):
                if not in_order(found.names, last):
                    raise Unsorted(f"{self._listing}: the page after {last!r} is not in the order of its names")
                last = found.names[-1]
                yield found
                named_at = self._api.clock.monotonic()
            if not following:
                return
            barren = self._api.clock.monotonic() - named_at > BARREN_SECONDS
            if barren or following == token:
                told = f"{self._listing}: pages behind {last!r} say that there is more, and name nothing more"
                raise (Refused if barren else Transient)(told, party=Party.DESTINATION)
            token = following

    async def _page(self, url: str) -> tuple[list[dict[str, Any]], str]:
        """What a page describes, and the token of the next one, "" for none."""

        async def once() -> tuple[list[dict[str, Any]], str]:
            answer = await self._api.send(Request("GET", url))
            if answer.status != 200:
                raise _READ(self._listing, answer.status, answer.headers, answer.body)
            page = resource(self._listing, answer)
            items, token = page.get("items", []), page.get("nextPageToken", "")
            described = isinstance(items, list) and all(isinstance(item, dict) for item in items)
            if not (described and isinstance(token, str)):
                raise Transient(f"{self._listing}: a page that is no list of objects", party=Party.DESTINATION)
            return items, token

        return await retried(QUESTIONS, self._api.clock, once)

    async def write(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> DestinationObject:
        if upload.size <= CHUNK_BYTES:
            crc, answer = await self._write_at_once(upload, chunks)
        else:
            crc, answer = await self._write_in_chunks(upload, chunks)
        written = await self._written(upload, answer, crc)
        if written.crc32c != crc:
            await self._take_back(written)
            raise Corrupt(f"{_what(upload)}: crc32c {crc} was sent, {written.crc32c} is stored; it is taken back")
        return written

    async def _written(self, upload: Upload, answer: Answer, crc: str) -> DestinationObject:
        """What a write has made. An answer that cannot be read is checked by a stat, not by a second write."""
        if answer.status not in (200, 201):
            raise failure(upload, answer)
        what = _what(upload)
        try:
            return parse(what, resource(what, answer))
        except Transient as unreadable:
            found = await self.stat(upload.name)
            generation = found.generation if found is not None else 0
            if generation == upload.generation:
                raise Transient(f"{unreadable}; nothing is written") from None
            if found is None or (found.size, found.crc32c, found.metadata) != (upload.size, crc, upload.metadata):
                raise LostRace(f"{_what(upload)}: generation {generation} is there, of another write") from None
            return found

    async def _take_back(self, written: DestinationObject) -> None:
        """Bytes that are not the source's must not stay visible; if they cannot be deleted, the error tells of them."""
        with suppress(ObjectError):
            await self.delete(written.name, written.generation)

    async def _write_at_once(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> tuple[str, Answer]:
        content, length, crc = [], 0, 0
        async for chunk in chunks:
            content.append(chunk)
            length += len(chunk)
            crc = crc32c(chunk, crc)
            if length > upload.size:
                break
        _check_length(upload, length)
        whole = _checked(upload, crc)
        mime = upload.attributes.content_type or "application/octet-stream"
        described = orjson.dumps({**resource_of(upload), "crc32c": whole})
        between = f"\r\n--{_BOUNDARY}\r\ncontent-type: {_header(mime)}\r\n\r\n".encode()
        body = [_BEGIN, described, between, *content, _END]
        url = f"{self._upload}?uploadType=multipart&ifGenerationMatch={upload.generation}&fields={fields_of(upload)}"
        headers = {"Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
        return whole, await self._api.send(Request("POST", url, headers, body, Lane.UPLOAD, idempotent=True))

    async def _write_in_chunks(self, upload: Upload, chunks: AsyncIterator[Chunk]) -> tuple[str, Answer]:
        url = f"{self._upload}?uploadType=resumable&ifGenerationMatch={upload.generation}&fields={fields_of(upload)}"
        described = orjson.dumps(resource_of(upload))
        session = await UploadSession.begin(self._api, upload, Request("POST", url, JSON, described))
        crc = held = 0
        buffered: list[Chunk] = []
        try:
            async for chunk in chunks:
                crc = crc32c(chunk, crc)
                rest = memoryview(chunk)
                if session.sent + held + len(rest) > upload.size:
                    held += len(rest)
                    break
                while held + len(rest) > CHUNK_BYTES:
                    buffered.append(rest[: CHUNK_BYTES - held])
                    rest = rest[CHUNK_BYTES - held :]
                    await session.put(buffered, None)
                    held, buffered = 0, []
                buffered.append(rest)
                held += len(rest)
            _check_length(upload, session.sent + held)
            whole = _checked(upload, crc)
            return whole, await session.put(buffered, whole)
        except (ObjectError, asyncio.CancelledError):
            await session.abandon()
            raise


def _stat(name: bytes) -> str:
    return f"gcs stat {name.decode()}"


def _what(upload: Upload) -> str:
    return f"gcs write {upload.name.decode()}"


def _checked(upload: Upload, crc: int) -> str:
    """The CRC32C of what was read, base64. Raises Corrupt if the source promised another one."""
    whole = encoded(crc, 4)
    if upload.crc32c is not None and upload.crc32c != whole:
        raise Corrupt(f"{_what(upload)}: the CRC32C is {whole}, the source says {upload.crc32c}")
    return whole


def _check_length(upload: Upload, length: int) -> None:
    if length != upload.size:
        more = "more" if length > upload.size else "fewer"
        raise Corrupt(f"{_what(upload)}: {more} bytes came than the {upload.size} promised")


def _header(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
