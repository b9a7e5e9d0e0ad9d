"""Destination-only objects, and since when they have been found: jobs/{job}/extras/{digest}."""

from collections.abc import AsyncIterator, Sequence

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.errors import StateConflict
from shared.domain.extraneous import DestinationOnly
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import TRIES, Fields, delete_all, digest, expiry, paged, remove, time
from shared.ports.extra_store import PORTION

_MOST_A_COMMIT = 500
"""Marks written at once: two names of up to 1,024 bytes each, in the document and in the indexes, are some 8 kB, so a
commit stays below 10 MiB: https://cloud.google.com/firestore/quotas"""


@in_firestore
class FirestoreExtras:
    """`shared.ports.extra_store.ExtraStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._extras = job.collection("extras")

    async def mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        for start in range(0, len(extras), _MOST_A_COMMIT):
            await self._mark(run, extras[start : start + _MOST_A_COMMIT], now)

    async def _mark(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
        documents = [self._extras.document(digest(extra.name.decode())) for extra in extras]
        for _ in range(TRIES):
            known = {item.id: item async for item in self._client.get_all(documents)}
            batch = self._client.batch()
            for extra, document in zip(extras, documents, strict=True):
                fields = {"name": extra.name, "key": extra.key, "generation": extra.generation, "size": extra.size}
                fields |= {"run": run, **expiry(now)}
                read = known[document.id]
                before = read.to_dict() or {}
                since = before["since"] if before.get("generation") == extra.generation else time(now)
                if read.exists:
                    option = self._client.write_option(last_update_time=read.update_time)
                    batch.update(document, {**fields, "since": since}, option=option)
                else:
                    batch.create(document, {**fields, "since": since})
            try:
                await batch.commit()
            except (AlreadyExists, FailedPrecondition, NotFound):
                continue
            return
        raise StateConflict(f"run {run}: its destination-only objects were marked by others {TRIES} times")

    async def marked(self, run: str, before: float) -> AsyncIterator[list[DestinationOnly]]:
        """`since` is read and not asked for: times only grow, and an index of them would hold marks to 500 a second."""
        some: list[DestinationOnly] = []
        looked = 0
        async for found in paged(self._extras.where(filter=FieldFilter("run", "==", run))):
            fields = found.to_dict() or {}
            if fields["since"].timestamp() <= before:
                some.append(DestinationOnly(fields["name"], fields["key"], fields["generation"], fields["size"]))
            looked += 1
            if looked % PORTION == 0:
                yield some
                some = []
        yield some

    async def keep_only(self, run: str) -> None:
        others = self._extras.where(filter=FieldFilter("run", "!=", run)).select(["run"])
        await delete_all(self._client, paged(others))

    async def unmark(self, extra: DestinationOnly) -> None:
        reference = self._extras.document(digest(extra.name.decode()))

        def still(fields: Fields) -> bool:
            return bool(fields["generation"] == extra.generation)

        await remove(self._client, reference, still, f"the mark of {extra.name.decode()!r}")
