"""A resumable upload session: chunk after chunk; nothing is visible until the last one, which carries the CRC32C.

    answer to a chunk          what follows
    ------------------------   ----------------------------------------------------------------
    308                        the next chunk, from the byte that the session says it is at
    200, 201                   the object is there
    404, 410                   the session is lost: the object is begun anew
    400, 408, 409, 429, 5xx,   the session is asked how far it is, after a wait, and goes on there; 400 only where it
    no answer                  says nothing that stays, of checksums or keys
    any other                  the write is refused

https://cloud.google.com/storage/docs/performing-resumable-uploads#handling_errors
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shared.domain.backoff import SESSION
from shared.domain.checksums import Chunk
from shared.domain.errors import ObjectError, Transient, UploadLost
from shared.domain.reasons import Party
from shared.gcp.api import GoogleApi
from shared.gcp.objects import failure
from shared.http.classification import Classifier
from shared.http.client import Answer, Request
from shared.http.pool import Lane
from shared.ports.destination import Upload

_SESSION = Classifier(Party.UPLOAD_SESSION, writes=True)


@dataclass(slots=True)
class UploadSession:
    """One object on its way. url: the session's own, which is good for a week. sent: bytes that it has."""

    api: GoogleApi
    upload: Upload
    url: str
    sent: int = 0

    @classmethod
    async def begin(cls, api: GoogleApi, upload: Upload, request: Request) -> Self:
        """Raises Transient if the answer names no session."""
        answer = await api.send(request)
        if answer.status != 200:
            raise failure(upload, answer)
        if "location" not in answer.headers:
            raise Transient(f"gcs write {upload.name.decode()}: an upload session without a URL")
        return cls(api, upload, answer.headers["location"])

    async def put(self, chunks: Sequence[Chunk], whole: str | None) -> Answer:
        """Send a chunk until the session has it; the last answer. whole: the CRC32C of all, with the last chunk.

        Tries are counted from the last one that brought the session forward.
        """
        start, clock = self.sent, self.api.clock
        end = start + sum(map(len, chunks))
        failed, since, unknown = 0, clock.monotonic(), False
        while True:
            try:
                rest = () if unknown else without(chunks, self.sent - start)
                answer = await self._send(rest, whole)
            except Transient as why:
                failed += 1
                wait = SESSION.wait(failed, clock.monotonic() - since, clock.draw(), why.retry_after)
                if wait is None:
                    raise
                await clock.sleep(wait)
                unknown = True
                continue
            if answer.status != 308:
                return answer
            at = _persisted(answer)
            if not start <= at <= end:
                raise Transient(f"{self._what}: the upload session is at byte {at}, not at {start}; it is begun anew")
            if at > self.sent:
                failed, since = 0, clock.monotonic()
            elif not unknown:
                failed += 1
                if SESSION.wait(failed, clock.monotonic() - since, 0.0) is None:
                    raise Transient(f"{self._what}: the upload session stays at byte {at}")
            self.sent, unknown = at, False
            if at == end and whole is None:
                return answer

    async def abandon(self) -> None:
        """Give an unfinished session up at once rather than leave it to expire after a week."""
        try:
            await self.api.send(Request("DELETE", self.url, idempotent=False))
        except ObjectError:
            return

    async def _send(self, chunks: Sequence[Chunk], whole: str | None) -> Answer:
        """Bytes, or without any the question how far the session is."""
        size, held = self.upload.size, sum(map(len, chunks))
        span = f"{self.sent}-{self.sent + held - 1}" if held else "*"
        headers = {"Content-Range": f"bytes {span}/{size}"}
        if whole is not None:
            headers["X-Goog-Hash"] = f"crc32c={whole}"
        body = list(chunks) if held else b""
        answer = await self.api.send(Request("PUT", self.url, headers, body, Lane.UPLOAD, idempotent=not held))
        if answer.status in (200, 201, 308):
            return answer
        refused = _SESSION(self._what, answer.status, answer.headers, answer.body, self.api.clock.now())
        if isinstance(refused, UploadLost):
            text = f"{self._what}: the upload session is lost (HTTP {answer.status}); it is begun anew"
            raise UploadLost(text, party=refused.party, status=refused.status, code=refused.code, asked=refused.asked)
        raise refused

    @property
    def _what(self) -> str:
        return f"gcs write {self.upload.name.decode()}"


def without(chunks: Sequence[Chunk], count: int) -> Sequence[Chunk]:
    """Chunks without their first `count` bytes."""
    if not count:
        return chunks
    left = []
    for chunk in chunks:
        if count < len(chunk):
            left.append(memoryview(chunk)[count:])
        count = max(0, count - len(chunk))
    return left


def _persisted(answer: Answer) -> int:
    """How many bytes a session holds, by its Range header; none means nothing yet."""
    found = answer.headers.get("range", "").rpartition("-")[2]
    return int(found) + 1 if found.isdigit() else 0
