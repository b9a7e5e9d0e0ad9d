"""Where manifests and reports are put: a bucket of their own."""

from urllib.parse import quote

from shared.gcp.token import Token
from shared.http import classification
from shared.http.client import Http


class GcsReports:
    """`shared.ports.Reports`. endpoint: https://storage.googleapis.com, or a local stack's."""

    def __init__(self, bucket: str, endpoint: str, http: Http, token: Token) -> None:
        self._bucket, self._http, self._token = bucket, http, token
        self._upload = f"{endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    async def put(self, name: str, body: bytes, content_type: str) -> None:
        await self._token.fresh()
        url = f"{self._upload}?uploadType=media&name={quote(name, safe='')}"
        await self._http.ask(
            f"writing gs://{self._bucket}/{name}",
            classification.writing,
            lambda: ("POST", url, {**self._token.headers(), "Content-Type": content_type}),
            good=(200, 201),
            body=body,
        )
