"""The job's control document (pause and quotas), and what its runs have used of their quotas.

jobs/{job}/control/job       pause, quotas
jobs/{job}/control/identity  for which buckets and names the ledger speaks, and which were the first
jobs/{job}/spending/{run}    what a run has published, while there are quotas
"""

from collections.abc import Callable
from typing import Any

from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.domain.errors import SettingsError, StateConflict
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import TRIES, write
from shared.ports.control_store import Control, Spoke


@in_firestore
class FirestoreControl:
    """`shared.ports.control_store.ControlStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._control = job.collection("control")
        self._spending = job.collection("spending")

    async def get(self) -> Control:
        return _control((await self._control.document("job").get()).to_dict() or {})

    async def update(self, change: Callable[[Control], Control]) -> Control:
        reference = self._control.document("job")
        for _ in range(TRIES):
            snapshot = await reference.get()
            control = change(_control(snapshot.to_dict() or {}))
            fields = {name: getattr(control, name) for name in Control.__slots__}
            try:
                await write(self._client, reference, fields, snapshot)
            except StateConflict:
                continue
            return control
        raise StateConflict("the job's control was changed too often at once: try again")

    async def speak_for(self, identity: str, text: str) -> Spoke:
        reference = self._control.document("identity")
        for _ in range(TRIES):
            snapshot = await reference.get()
            fields = snapshot.to_dict() or {"first": identity, "now": identity, "text": text}
            spoke = Spoke(fields["first"], fields["now"], fields["text"])
            if snapshot.exists and spoke.before == identity:
                return spoke
            try:
                await write(self._client, reference, {"first": spoke.first, "now": identity, "text": text}, snapshot)
            except StateConflict:
                continue
            return spoke
        raise StateConflict("the job's identity was changed too often at once: try again")

    async def reserve(self, run: str, objects: int, size: int, control: Control) -> bool:
        reference = self._spending.document(run)
        for _ in range(TRIES):
            snapshot = await reference.get()
            fields = snapshot.to_dict() or {"objects": 0, "bytes": 0}
            spent = {"objects": fields["objects"] + objects, "bytes": fields["bytes"] + size}
            if (objects > 0 or size > 0) and not _within(spent, control):
                return False
            try:
                await write(self._client, reference, spent, snapshot)
            except StateConflict:
                continue
            return True
        raise StateConflict(f"run {run}: too many reserve at once")


def _control(fields: dict[str, Any]) -> Control:
    """Raises SettingsError for what a person typed and nobody can read: a pause written as text must not be taken for
    none, nor a ceiling.
    """
    paused = fields.get("paused")
    if paused is not None and not isinstance(paused, bool):
        raise SettingsError(_unreadable("paused", paused, "a boolean, true or false, not text"))
    return Control(
        paused=bool(paused),
        most_objects=_ceiling(fields, "most_objects"),
        most_bytes=_ceiling(fields, "most_bytes"),
    )


def _within(spent: dict[str, int], control: Control) -> bool:
    ceilings = ((spent["objects"], control.most_objects), (spent["bytes"], control.most_bytes))
    return all(most is None or amount <= most for amount, most in ceilings)


def _ceiling(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise SettingsError(_unreadable(name, value, "a number from 0 on, or nothing"))
    return int(value)


def _unreadable(name: str, value: object, wanted: str) -> str:
    return f"control/job: {name} is {value!r} and must be {wanted}; nothing is listed or copied until it is"
