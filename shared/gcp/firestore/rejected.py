"""Malformed messages: jobs/{job}/rejected/{message}."""

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote

from google.api_core.exceptions import AlreadyExists
from google.cloud.firestore import AsyncDocumentReference

from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import expiry, time


@in_firestore
class FirestoreRejected:
    """`shared.ports.rejected_store.RejectedStore` for one job."""

    def __init__(self, job: AsyncDocumentReference) -> None:
        self._rejected = job.collection("rejected")

    async def note(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        fields = {"topic": topic, "problems": list(problems), "at": time(now), **expiry(now)}
        with suppress(AlreadyExists):
            await self._rejected.document(quote(message_id, safe="")).create(fields)
