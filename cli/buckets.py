"""The two buckets through the providers' own libraries, for single questions and for listings off the hot path."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client
from requests.exceptions import RequestException

from cli.exits import CommandError
from shared.clients import S3Client
from shared.domain.archive import ARCHIVE_CLASSES, Restore, read_header
from shared.domain.errors import Gone
from shared.domain.objects import DestinationObject, SourceObject
from shared.domain.page import Page

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Reader:
    """`cli.session.SourceReader` by boto3."""

    def __init__(self, client: S3Client, bucket: str, requester_pays: bool) -> None:
        self._client, self._bucket = client, bucket
        self._more = {"RequestPayer": "requester"} if requester_pays else {}

    async def head(self, key: bytes) -> SourceObject:
        return await asyncio.to_thread(self._head, key)

    def _head(self, key: bytes) -> SourceObject:
        try:
            told = self._client.head_object(Bucket=self._bucket, Key=key.decode(), **self._more)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                raise Gone(f"s3://{self._bucket} has no {key.decode()!r}") from None
            raise CommandError(f"S3 does not show {key.decode()!r}: {error}") from error
        except BotoCoreError as error:
            raise CommandError(f"S3 cannot be asked: {error}") from error
        storage_class = told.get("StorageClass", "STANDARD")
        archived = storage_class in ARCHIVE_CLASSES or "ArchiveStatus" in told
        restore = read_header(told["Restore"]) if "Restore" in told else Restore.NEEDED if archived else None
        return SourceObject(
            key,
            told["ETag"].strip('"'),
            told["ContentLength"],
            int(told["LastModified"].timestamp()),
            storage_class,
            restore,
        )

    async def pages(self, prefix: bytes, after: bytes) -> AsyncIterator[Page]:
        asked: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix.decode(), **self._more}
        last = after
        while True:
            if last:
                asked["StartAfter"] = last.decode()
            told = await asyncio.to_thread(self._list, asked)
            page = Page.of([_listed(item) for item in told.get("Contents", ())])
            if len(page):
                last = page.last
                yield page
            if not told.get("IsTruncated"):
                return

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            told: dict[str, Any] = self._client.list_objects_v2(OptionalObjectAttributes=["RestoreStatus"], **asked)
        except (ClientError, BotoCoreError) as error:
            raise CommandError(f"s3://{self._bucket} cannot be listed: {error}") from error
        return told


def _listed(item: dict[str, Any]) -> SourceObject:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html"""
    storage_class, told = item.get("StorageClass", "STANDARD"), item.get("RestoreStatus")
    restore = Restore.NEEDED if storage_class in ARCHIVE_CLASSES else None
    if told is not None:
        done = Restore.DONE if told.get("RestoreExpiryDate") else Restore.NEEDED
        restore = Restore.UNDER_WAY if told.get("IsRestoreInProgress") else done
    etag, modified = item["ETag"].strip('"'), int(item["LastModified"].timestamp())
    return SourceObject(item["Key"].encode(), etag, item["Size"], modified, storage_class, restore)


class GcsReader:
    """`cli.session.DestinationReader` by google-cloud-storage."""

    def __init__(self, client: Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    async def stat(self, name: bytes) -> DestinationObject | None:
        return await asyncio.to_thread(self._stat, name)

    def _stat(self, name: bytes) -> DestinationObject | None:
        try:
            blob = self._client.bucket(self._bucket).get_blob(name.decode())
        except (GoogleAPICallError, GoogleAuthError, RequestException) as error:
            raise CommandError(f"gs://{self._bucket} does not show {name.decode()!r}: {error}") from error
        if blob is None:
            return None
        md5 = None if blob.md5_hash is None else base64.b64decode(blob.md5_hash).hex()
        metadata: Iterable[tuple[str, str]] = (blob.metadata or {}).items()
        return DestinationObject(name, blob.size, blob.generation, blob.crc32c or "", md5, dict(metadata))
