"""Malformed messages: jobs/{job}/rejected/{message}."""

from collections.abc import Sequence
from urllib.parse import quote

from google.cloud.firestore import AsyncDocumentReference

from shared.gcp.firestore.documents import KEPT_SECONDS, time


class FirestoreRejected:
    """`shared.ports.rejected_store.RejectedStore` for one job."""

    def __init__(self, job: AsyncDocumentReference) -> None:
        self._rejected = job.collection("rejected")

    async def note(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        fields = {"topic": topic, "problems": list(problems), "at": time(now), "expires_at": time(now + KEPT_SECONDS)}
        await self._rejected.document(quote(message_id, safe="")).set(fields)
