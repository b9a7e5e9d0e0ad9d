"""What is known of a prefix: jobs/{job}/prefixes/{prefix}."""

from typing import Any
from urllib.parse import quote

from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.gcp.firestore.documents import digest

_DOCUMENT_ID_BYTES = 1000
"""Ids may have 1,500 bytes; longer prefixes are hashed. https://firebase.google.com/docs/firestore/quotas"""


class FirestorePrefixes:
    """`shared.ports.prefix_store.PrefixStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._prefixes = job.collection("prefixes")

    async def get(self, prefix: str) -> dict[str, Any]:
        return (await self._prefixes.document(_prefix_id(prefix)).get()).to_dict() or {}

    async def note(self, prefix: str, fields: dict[str, object]) -> None:
        await self._prefixes.document(_prefix_id(prefix)).set({"prefix": prefix, **fields}, merge=True)


def _prefix_id(prefix: str) -> str:
    readable = "p:" + quote(prefix, safe="")
    return readable if len(readable) <= _DOCUMENT_ID_BYTES else "h:" + digest(prefix)
