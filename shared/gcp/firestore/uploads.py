"""Large objects on their way, in Firestore.

    jobs/{job}/uploads/{number}    the multipart upload, and who has the lease on it
    jobs/{job}/parts/{upload}-{n}  one part that has arrived

A document a part: parts arrive by the hundred a second, and no document takes more than about one write a second.
"""

import hashlib
import time as clock
from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from operator import index
from typing import Any, TypeVar

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import Fields, expiry, holds, paged, reading, remove, rewrite
from shared.gcp.firestore.leases import held_by_another
from shared.gcp.firestore.sums import count
from shared.ports.upload_store import OpenUpload, PartNote

T = TypeVar("T", OpenUpload, PartNote)

_BATCH = 400
"""Parts that are forgotten in one commit, and old uploads that are looked at in one go."""

_MOST_BATCHES = 100
"""That are remembered of those that carry an upload. The parts of one that is not come again, until the object is there
or the upload's life is over."""


@in_firestore
class FirestoreUploads:
    """`shared.ports.upload_store.UploadStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._uploads, self._parts = job.collection("uploads"), job.collection("parts")

    async def open(self, number: str, opened: OpenUpload) -> OpenUpload:
        lease = {"owner": "", "lease_until": 0.0}
        fields = {
            "key": opened.key,
            "upload": opened.upload,
            "part_bytes": opened.part_bytes,
            "source_part_bytes": opened.source_part_bytes,
            "opened_at": opened.opened_at,
            "published_for": opened.published_for,
            "move_token": opened.move_token,
            "crc": opened.crc,
            "digest": opened.digest,
            "source_parts": list(opened.source_parts),
            "attempt": opened.attempt,
            "batches": list(opened.batches),
        }
        try:
            await self._upload(number).create({**fields, **lease, **expiry(clock.time())})
        except AlreadyExists:
            return await self.get(number) or opened
        return opened

    async def get(self, number: str) -> OpenUpload | None:
        fields = (await self._upload(number).get()).to_dict()
        return _opened(fields) if fields else None

    async def published(self, number: str, upload: str, batch: str, now: float, attempt: int) -> None:
        def taken_over(known: Fields) -> Fields:
            others = [other for other in known.get("batches", ()) if other != batch]
            batches = [*others, batch][-_MOST_BATCHES:]
            return {"published_for": batch, "batches": batches, "opened_at": now, "attempt": attempt}

        await self._update(number, taken_over, upload=upload)

    async def moving(self, number: str, owner: str, token: str) -> None:
        await self._update(number, lambda _: {"move_token": token}, owner=owner)

    async def note(self, upload: str, part: int, note: PartNote) -> None:
        fields = {
            "upload": _short(upload),
            "part": part,
            "etag": note.etag,
            "size": note.size,
            "crc32c": note.crc32c,
            "crc": note.crc.to_bytes(8, "big"),
            "digests": note.digests,
            "route": note.route,
            **expiry(clock.time()),
        }
        reference = self._part(upload, part)
        await rewrite(self._client, reference, lambda _: fields, f"part {part} of an upload")

    async def parts(self, upload: str, only: int | None = None) -> dict[int, PartNote]:
        if only is not None:
            fields = (await self._part(upload, only).get()).to_dict()
            return {only: _note(fields)} if fields else {}
        found = [snapshot.to_dict() or {} async for snapshot in paged(self._of(upload))]
        return {int(fields["part"]): _note(fields) for fields in found}

    async def count(self, upload: str) -> int:
        return await count(self._of(upload))

    async def claim(self, number: str, owner: str, now: float, lease_seconds: float) -> bool:
        reference = self._upload(number)
        snapshot = await reference.get()
        fields = snapshot.to_dict()
        if fields is None or held_by_another(fields, owner, now, lease_seconds):
            return False
        option = self._client.write_option(last_update_time=snapshot.update_time)
        held = {"owner": owner, "lease_until": now + lease_seconds}
        try:
            await reference.update(held, option=option)
        except (FailedPrecondition, NotFound):
            return await holds(reference, held)
        return True

    async def release(self, number: str, owner: str) -> None:
        await self._update(number, lambda _: {"owner": "", "lease_until": 0.0}, owner=owner)

    async def close(self, number: str, upload: str) -> bool:
        there = await self._forget(number, upload, lambda known: bool(known["upload"] == upload))
        await self._forget_parts(upload)
        return there

    async def unpublished_since(self, moment: float) -> list[tuple[str, OpenUpload]]:
        old = self._uploads.where(filter=FieldFilter("opened_at", "<", moment)).order_by("opened_at").limit(_BATCH)
        return [(item.id, _opened(item.to_dict() or {})) async for item in old.stream()]

    async def expire(self, number: str, read: OpenUpload) -> bool:
        snapshot = await self._upload(number).get()
        fields = snapshot.to_dict()
        if fields is None or _opened(fields) != read:
            return False
        there = await self._forget(number, read.upload, lambda known: known == fields, snapshot.update_time)
        if there:
            await self._forget_parts(read.upload)
        return there

    async def _forget(
        self, number: str, upload: str, still: Callable[[Fields], bool], version: object | None = None
    ) -> bool:
        """Forget what is noted of a multipart upload, with as many of its parts as go into the commit."""
        parts = await self._some_parts(upload)
        return await remove(self._client, self._upload(number), still, f"upload {number}", version, parts)

    async def _forget_parts(self, upload: str) -> None:
        while found := await self._some_parts(upload):
            batch = self._client.batch()
            for part in found:
                batch.delete(part)
            await batch.commit()

    async def _some_parts(self, upload: str) -> list[AsyncDocumentReference]:
        return [item.reference async for item in self._of(upload).select([]).limit(_BATCH).stream()]

    async def _update(self, number: str, change: Callable[[Fields], Fields], **still: str) -> None:
        """Change an upload that is still there and of which all this still holds. change: what to write, by what is
        there.
        """

        def changed(known: Fields | None) -> Fields | None:
            if known is None or any(known[name] != value for name, value in still.items()):
                return None
            return {**change(known), **expiry(clock.time())}

        await rewrite(self._client, self._upload(number), changed, f"upload {number}")

    def _of(self, upload: str) -> AsyncQuery:
        query: AsyncQuery = self._parts.where(filter=FieldFilter("upload", "==", _short(upload)))
        return query

    def _part(self, upload: str, part: int) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._parts.document(f"{_short(upload)}-{part}")
        return reference

    def _upload(self, number: str) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._uploads.document(number)
        return reference


def _short(upload: str) -> str:
    """Ids of multipart uploads are long, and a document's id begins with it."""
    return hashlib.sha256(upload.encode()).hexdigest()[:32]


def _opened(fields: dict[str, Any]) -> OpenUpload:
    """What a version of before did not write is as it did it."""
    known = {name: fields[name] for name in OpenUpload.__slots__ if name in fields}
    with reading("what is noted of a large object (`uploads`)"):
        parts, batches = tuple(map(index, known.get("source_parts", ()))), tuple(map(str, known.get("batches", ())))
        opened = _checked(OpenUpload(**{**known, "source_parts": parts, "batches": batches}))
        if min(opened.part_bytes, *opened.source_parts, 1) < 1:
            raise ValueError(f"part_bytes {opened.part_bytes}, source_parts {opened.source_parts}")
        return opened


def _note(fields: dict[str, Any]) -> PartNote:
    """Up to 25 November 2026 the CRC was CRC64NVME and was called so."""
    with reading("what is noted of a large object's part (`parts`)"):
        crc = int.from_bytes(fields.get("crc") or fields["crc64nvme"], "big")
        return _checked(
            PartNote(fields["etag"], fields["size"], fields["crc32c"], crc, fields["digests"], fields["route"])
        )


def _checked(value: T) -> T:
    """Raises TypeError where a field is of another kind, or a number that none of them has."""
    for field in dataclass_fields(value):
        found, kind = getattr(value, field.name), _KINDS[field.type]
        if not isinstance(found, kind) or (isinstance(found, int | float) and not 0 <= found < 2**64):
            raise TypeError(f"{field.name} {found!r:.100}")
    return value


_KINDS: dict[Any, Any] = {
    str: str,
    bytes: bytes,
    int: int,
    float: (int, float),
    tuple[int, ...]: tuple,
    tuple[str, ...]: tuple,
}
