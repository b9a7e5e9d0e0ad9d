"""Where manifests and reports are put: a bucket of their own."""

from urllib.parse import quote

from shared.domain.backoff import QUESTIONS
from shared.domain.errors import NoSuchBucket, Transient
from shared.domain.reasons import Party
from shared.gcp.api import GCS_ENDPOINT, GoogleApi, resource
from shared.gcp.token import Token
from shared.http.classification import Classifier
from shared.http.client import Answer, Http, Request
from shared.http.pool import Lane

_READ, _WRITE = Classifier(Party.REPORTS), Classifier(Party.REPORTS, writes=True)

BROWSER = "https://storage.cloud.google.com"
"""Asks who is there, and leads to an address of the file that ends soon and has no files beside it.
https://cloud.google.com/storage/docs/access-control/cookie-based-authentication"""

_TRIES = 3
"""Of reading a file that others write, too."""


def report_link(bucket: str, endpoint: str, name: str) -> str:
    """Where a browser finds a file of a bucket."""
    if endpoint == GCS_ENDPOINT:
        return f"{BROWSER}/{bucket}/{quote(name)}"
    return f"{endpoint}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}?alt=media"


class GcsReports:
    """`shared.ports.reports.Reports`. endpoint: `api.GCS_ENDPOINT`, or a local stack's."""

    def __init__(self, bucket: str, endpoint: str, http: Http, token: Token) -> None:
        self._bucket, self._api = bucket, GoogleApi(http, token)
        self._objects = f"{endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"
        self._endpoint = endpoint
        self._upload = f"{endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    def link(self, name: str) -> str:
        return report_link(self._bucket, self._endpoint, name)

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        await self._write(name, body, content_type)

    async def read(self, name: str) -> tuple[bytes, int]:
        """Its generation first, then the bytes of just that one, which is gone if somebody writes in between:
        https://cloud.google.com/storage/docs/json_api/v1/objects/get
        """
        what, url = f"reading gs://{self._bucket}/{name}", f"{self._objects}/{quote(name, safe='')}"
        for _ in range(_TRIES):
            known = await self._get(what, f"{url}?fields=generation")
            if known is None:
                return b"", 0
            generation = int(resource(what, known)["generation"])
            found = await self._get(what, f"{url}?alt=media&generation={generation}")
            if found is not None:
                return found.body, generation
        raise Transient(f"{what}: it was written again {_TRIES} times while it was read")

    async def _get(self, what: str, url: str) -> Answer | None:
        """None if it is not there."""
        answer = await self._api.ask(QUESTIONS, what, _READ, Request("GET", url), good=(200, 404))
        if answer.status == 200:
            return answer
        error = _READ(what, answer.status, answer.headers, answer.body)
        if isinstance(error, NoSuchBucket):
            raise error
        return None

    async def replace(self, name: str, body: bytes, content_type: str, generation: int) -> bool:
        """412 says that it is another one: https://cloud.google.com/storage/docs/request-preconditions"""
        return await self._write(name, body, content_type, f"&ifGenerationMatch={generation}", (200, 201, 412)) != 412

    async def _write(
        self, name: str, body: bytes, content_type: str, condition: str = "", good: tuple[int, ...] = (200, 201)
    ) -> int:
        """The answer's status."""
        url = f"{self._upload}?uploadType=media&name={quote(name, safe='')}{condition}"
        request = Request("POST", url, {"Content-Type": content_type}, body, Lane.UPLOAD, idempotent=True)
        return (await self._api.ask(QUESTIONS, f"writing gs://{self._bucket}/{name}", _WRITE, request, good)).status
