"""What is known of a prefix: jobs/{job}/prefixes/{prefix}."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.domain.keys import Key
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import Fields, digest, rewrite

_DOCUMENT_ID_BYTES = 1000
"""Ids may have 1,500 bytes; longer prefixes are hashed. https://firebase.google.com/docs/firestore/quotas"""


@in_firestore
class FirestorePrefixes:
    """`shared.ports.prefix_store.PrefixStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._prefixes = job.collection("prefixes")

    async def get(self, prefix: Key) -> dict[str, Any]:
        return (await self._prefixes.document(_prefix_id(prefix)).get()).to_dict() or {}

    async def update(self, prefix: Key, change: Callable[[Fields], Fields]) -> Fields:
        def changed(known: Fields | None) -> Fields | None:
            fields = merged(known or {}, change(known or {}))
            return {"prefix": prefix.decode(), **fields} if fields else None

        reference = self._prefixes.document(_prefix_id(prefix))
        return await rewrite(self._client, reference, changed, f"the notes of the prefix {prefix.decode()!r}")


def merged(known: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are written, those that are maps with what is known in them."""
    return {
        name: {**known.get(name, {}), **value} if isinstance(value, dict) else value for name, value in fields.items()
    }


def _prefix_id(prefix: Key) -> str:
    readable = "p:" + quote(prefix, safe="")
    return readable if len(readable) <= _DOCUMENT_ID_BYTES else "h:" + digest(prefix.decode())
