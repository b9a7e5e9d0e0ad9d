"""The memory in Firestore: one job's documents, all below jobs/{job}.

    ledger/{batch}             shared.gcp.firestore.ledger
    runs, ranges               shared.gcp.firestore.runs
    prefixes/{prefix}          what is known of a prefix
    control/job                what a person says to the job: pause, ceilings
    spending/{run}             what a run has published, while there are ceilings
    extras/{digest}            a copy that belongs to no object, and since when it was seen
    rejected/{message}         one malformed message

The composite indexes that the queries need are listed in docs/design.md.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.errors import StateConflict
from shared.domain.extraneous import DestinationOnly
from shared.gcp.firestore.counts import digest, time
from shared.gcp.firestore.runs import KEPT_SECONDS, FirestoreRuns
from shared.ports.control import Control
from shared.ports.log import Log

_TRIES = 10

_DOCUMENT_ID_BYTES = 1000
"""Ids may have 1,500 bytes; longer prefixes are hashed. https://firebase.google.com/docs/firestore/quotas"""


class FirestoreState(FirestoreRuns):
    """`shared.ports.State` for one job."""

    def __init__(self, project: str, database: str, job: str, log: Log) -> None:
        client = AsyncClient(project=project, database=database)
        root = client.collection("jobs").document(job)
        super().__init__(client, root, log)
        self._prefixes = root.collection("prefixes")
        self._control = root.collection("control")
        self._spending = root.collection("spending")
        self._rejected = root.collection("rejected")
        self._extras = root.collection("extras")

    async def control(self) -> Control:
        fields = (await self._control.document("job").get()).to_dict() or {}
        return Control(
            paused=fields.get("paused") is True,
            most_objects=_ceiling(fields, "most_objects"),
            most_bytes=_ceiling(fields, "most_bytes"),
        )

    async def set_control(self, control: Control) -> None:
        fields = {name: getattr(control, name) for name in Control.__slots__}
        await self._control.document("job").set(fields)

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        reference = self._spending.document(run)
        for _ in range(_TRIES):
            snapshot = await reference.get()
            fields = snapshot.to_dict() or {"objects": 0, "bytes": 0}
            spent = {"objects": fields["objects"] + objects, "bytes": fields["bytes"] + size}
            if (objects > 0 or size > 0) and not _within(spent, control):
                return False
            try:
                if snapshot.exists:
                    await reference.update(
                        spent, option=self._client.write_option(last_update_time=snapshot.update_time)
                    )
                else:
                    await reference.create(spent)
            except (AlreadyExists, FailedPrecondition, NotFound):
                continue
            return True
        raise StateConflict(f"run {run}: too many reserve at once")

    async def mark_extras(self, run: str, extras: Sequence[DestinationOnly], now: float) -> None:
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

    async def marked_extras(self, run: str, before: float) -> AsyncIterator[DestinationOnly]:
        here = self._extras.where(filter=FieldFilter("run", "==", run))
        async for found in here.where(filter=FieldFilter("since", "<=", time(before))).stream():
            fields = found.to_dict() or {}
            yield DestinationOnly(fields["name"], fields["key"], fields["generation"], fields["size"])

    async def unmark_extra(self, name: bytes) -> None:
        await self._extras.document(digest(name.decode())).delete()

    async def prefix(self, prefix: str) -> dict[str, Any]:
        return (await self._prefixes.document(_prefix_id(prefix)).get()).to_dict() or {}

    async def note_prefix(self, prefix: str, fields: dict[str, object]) -> None:
        await self._prefixes.document(_prefix_id(prefix)).set({"prefix": prefix, **fields}, merge=True)

    async def note_rejected(self, message_id: str, topic: str, problems: Sequence[str], now: float) -> None:
        fields = {"topic": topic, "problems": list(problems), "at": time(now), "expires_at": time(now + KEPT_SECONDS)}
        await self._rejected.document(quote(message_id, safe="")).set(fields)


def _within(spent: dict[str, int], control: Control) -> bool:
    ceilings = ((spent["objects"], control.most_objects), (spent["bytes"], control.most_bytes))
    return all(most is None or amount <= most for amount, most in ceilings)


def _ceiling(fields: dict[str, Any], name: str) -> int | None:
    """What is not a number was typed by a person and must not be taken for "no ceiling"."""
    value = fields.get(name)
    if value is None:
        return None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else 0


def _prefix_id(prefix: str) -> str:
    readable = "p:" + quote(prefix, safe="")
    return readable if len(readable) <= _DOCUMENT_ID_BYTES else "h:" + digest(prefix)
