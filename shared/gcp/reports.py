"""Where manifests and reports are put: a bucket of their own."""

from urllib.parse import quote

from shared.domain.backoff import QUESTIONS
from shared.domain.reasons import Party
from shared.gcp.api import GoogleApi
from shared.gcp.token import Token
from shared.http.classification import Classifier
from shared.http.client import Http, Request
from shared.http.pool import Lane

_REPORTS = Classifier(Party.REPORTS, writes=True)


class GcsReports:
    """`shared.ports.reports.Reports`. endpoint: https://storage.googleapis.com, or a local stack's."""

    def __init__(self, bucket: str, endpoint: str, http: Http, token: Token) -> None:
        self._bucket, self._api = bucket, GoogleApi(http, token)
        self._upload = f"{endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        url = f"{self._upload}?uploadType=media&name={quote(name, safe='')}"
        request = Request("POST", url, {"Content-Type": content_type}, body, Lane.UPLOAD, idempotent=True)
        await self._api.ask(QUESTIONS, f"writing gs://{self._bucket}/{name}", _REPORTS, request, good=(200, 201))
