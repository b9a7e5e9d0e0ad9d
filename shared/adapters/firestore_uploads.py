"""Large objects on their way, in Firestore.

    jobs/{job}/uploads/{number}            the multipart upload, and who is finishing it
    jobs/{job}/uploads/{number}/parts/{n}  one part that has arrived

A document a part: parts arrive by the hundred a second, and no document takes more than about one write a second.
"""

from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.ports import OpenUpload, PartNote

_BATCH = 400
"""Deletions in one commit."""


class FirestoreUploads:
    """`shared.ports.Uploads` for one job."""

    def __init__(self, project: str, database: str, job: str) -> None:
        self._client = AsyncClient(project=project, database=database)
        self._uploads = self._client.collection("jobs").document(job).collection("uploads")

    async def open(self, number: str, wish: OpenUpload) -> OpenUpload:
        lease = {"owner": "", "lease_until": 0.0}
        fields = {
            "key": wish.key,
            "upload": wish.upload,
            "part_bytes": wish.part_bytes,
            "source_part_bytes": wish.source_part_bytes,
            "opened_at": wish.opened_at,
            "published_for": wish.published_for,
            "move_token": wish.move_token,
        }
        try:
            await self._upload(number).create({**fields, **lease})
        except AlreadyExists:
            return await self.get(number) or wish
        return wish

    async def get(self, number: str) -> OpenUpload | None:
        fields = (await self._upload(number).get()).to_dict()
        return OpenUpload(**{name: fields[name] for name in OpenUpload.__slots__}) if fields else None

    async def published(self, number: str, batch: str, now: float) -> None:
        await self._update(number, {"published_for": batch, "opened_at": now})

    async def moving(self, number: str, token: str) -> None:
        await self._update(number, {"move_token": token})

    async def note(self, number: str, part: int, note: PartNote) -> None:
        fields = {
            "etag": note.etag,
            "size": note.size,
            "crc32c": note.crc32c,
            "crc64nvme": note.crc64nvme.to_bytes(8, "big"),
            "digests": note.digests,
        }
        await self._upload(number).collection("parts").document(str(part)).set(fields)

    async def parts(self, number: str, only: int | None = None) -> dict[int, PartNote]:
        parts = self._upload(number).collection("parts")
        if only is not None:
            snapshot = await parts.document(str(only)).get()
            return {only: _note(snapshot.to_dict() or {})} if snapshot.exists else {}
        return {int(snapshot.id): _note(snapshot.to_dict() or {}) async for snapshot in parts.stream()}

    async def count(self, number: str) -> int:
        groups = await self._upload(number).collection("parts").count(alias="parts").get()
        return int(groups[0][0].value)

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        reference = self._upload(number)
        snapshot = await reference.get()
        fields = snapshot.to_dict()
        if fields is None or (fields["owner"] not in ("", owner) and fields["lease_until"] > now):
            return False
        option = self._client.write_option(last_update_time=snapshot.update_time)
        try:
            await reference.update({"owner": owner, "lease_until": now + lease_seconds}, option=option)
        except (FailedPrecondition, NotFound):
            return False
        return True

    async def release(self, number: str, owner: str) -> None:
        fields = (await self._upload(number).get()).to_dict()
        if fields is not None and fields["owner"] == owner:
            await self._update(number, {"owner": "", "lease_until": 0.0})

    async def close(self, number: str) -> None:
        reference = self._upload(number)
        while True:
            found = [item.reference async for item in reference.collection("parts").select([]).limit(_BATCH).stream()]
            batch = self._client.batch()
            for item in found:
                batch.delete(item)
            if len(found) < _BATCH:
                batch.delete(reference)
            await batch.commit()
            if len(found) < _BATCH:
                return

    async def _update(self, number: str, fields: dict[str, object]) -> None:
        try:
            await self._upload(number).update(fields)
        except NotFound:
            return

    def _upload(self, number: str) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._uploads.document(number)
        return reference


def _note(fields: dict[str, Any]) -> PartNote:
    crc64nvme = int.from_bytes(fields["crc64nvme"], "big")
    return PartNote(fields["etag"], fields["size"], fields["crc32c"], crc64nvme, fields["digests"])
