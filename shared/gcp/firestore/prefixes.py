"""What is known of a prefix: jobs/{job}/prefixes/{prefix}."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.domain.errors import StateConflict
from shared.domain.keys import Key
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import TRIES, digest, write

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

    async def update(self, prefix: Key, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        reference = self._prefixes.document(_prefix_id(prefix))
        for _ in range(TRIES):
            snapshot = await reference.get()
            known = snapshot.to_dict() or {}
            fields = merged(known, change(known))
            if not fields:
                return known
            try:
                await write(self._client, reference, {"prefix": prefix.decode(), **fields}, snapshot)
            except StateConflict:
                continue
            return {**known, **fields}
        raise StateConflict(f"the notes of the prefix {prefix.decode()!r} were changed too often at once")


def merged(known: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are written, those that are maps with what is known in them."""
    return {
        name: {**known.get(name, {}), **value} if isinstance(value, dict) else value for name, value in fields.items()
    }


def _prefix_id(prefix: Key) -> str:
    readable = "p:" + quote(prefix, safe="")
    return readable if len(readable) <= _DOCUMENT_ID_BYTES else "h:" + digest(prefix.decode())
