"""Copies that belong to no object, and since when they were seen: jobs/{job}/extras/{digest}."""

from collections.abc import AsyncIterator, Sequence

from google.cloud.firestore import AsyncClient, AsyncDocumentReference
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.extraneous import DestinationOnly
from shared.gcp.firestore.documents import digest, time


class FirestoreExtras:
    """`shared.ports.extra_store.ExtraStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._extras = job.collection("extras")

    async def mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        documents = [self._extras.document(digest(extra.name.decode())) for extra in extras]
        known = {item.id: item.to_dict() or {} async for item in self._client.get_all(documents)}
        batch = self._client.batch()
        for extra, document in zip(extras, documents, strict=True):
            before = known.get(document.id, {})
            kept = before.get("generation") == extra.generation
            since = before["since"] if kept else time(now)
            fields = {"name": extra.name, "key": extra.key, "generation": extra.generation, "size": extra.size}
            batch.set(document, {**fields, "run": run, "since": since})
        await batch.commit()

    async def marked(self, run: str, before: float) -> AsyncIterator[DestinationOnly]:
        here = self._extras.where(filter=FieldFilter("run", "==", run))
        async for found in here.where(filter=FieldFilter("since", "<=", time(before))).stream():
            fields = found.to_dict() or {}
            yield DestinationOnly(fields["name"], fields["key"], fields["generation"], fields["size"])

    async def unmark(self, name: bytes) -> None:
        await self._extras.document(digest(name.decode())).delete()
