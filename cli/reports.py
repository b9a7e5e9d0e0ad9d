"""The bucket of reports: one file of it by google-cloud-storage, and where a browser finds one."""

import asyncio

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption
from requests.exceptions import RequestException

from cli.exits import CommandError
from shared.bootstrap import GCS_ENDPOINT, report_link

_REFUSALS = (GoogleAPICallError, GoogleAuthError, RequestException, DataCorruption)


class GcsReports:
    """`cli.session.ReportReader`. endpoint: of a local stack, None for Google's."""

    def __init__(self, client: Client, bucket: str, endpoint: str | None) -> None:
        self._client, self._endpoint = client, endpoint
        self.bucket = bucket

    async def get(self, name: str, most: int | None = None) -> bytes | None:
        return await asyncio.to_thread(self._get, name, most)

    def _get(self, name: str, most: int | None) -> bytes | None:
        blob, end = self._client.bucket(self.bucket).blob(name), None if most is None else most - 1
        try:
            body: bytes = blob.download_as_bytes(end=end)
        except NotFound as missing:
            if "bucket does not exist" in str(missing):
                raise CommandError(f"there is no bucket gs://{self.bucket}, which REPORT_BUCKET names") from missing
            return None
        except _REFUSALS as error:
            raise CommandError(f"gs://{self.bucket} does not give {name!r}: {error}") from error
        return body

    async def exists(self, name: str) -> bool:
        return await asyncio.to_thread(self._exists, name)

    def _exists(self, name: str) -> bool:
        try:
            return bool(self._client.bucket(self.bucket).blob(name).exists())
        except _REFUSALS as error:
            raise CommandError(f"gs://{self.bucket} does not say whether there is {name!r}: {error}") from error

    def link(self, name: str) -> str:
        return report_link(self.bucket, self._endpoint or GCS_ENDPOINT, name)
