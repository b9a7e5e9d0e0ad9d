"""The job's control document (pause and ceilings), and for whom its ledger speaks.

jobs/{job}/control/job       pause, ceilings, cancelled runs
jobs/{job}/control/identity  for which buckets and names the ledger speaks, and which were the first
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from google.cloud.firestore import AsyncClient, AsyncDocumentReference

from shared.domain.errors import SettingsError
from shared.domain.spending import Amount
from shared.gcp.faults import in_firestore
from shared.gcp.firestore.documents import Fields, rewrite
from shared.gcp.firestore.spending import Spending
from shared.ports.control_store import Control, Spoke


@in_firestore
class FirestoreControl:
    """`shared.ports.control_store.ControlStore` for one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._control = job.collection("control")
        self._spending = Spending(client, job)

    async def get(self) -> Control:
        snapshot = await self._control.document("job").get()
        revision = str(snapshot.update_time.rfc3339()) if snapshot.exists else ""
        return replace(_control(snapshot.to_dict() or {}), revision=revision)

    async def update(self, change: Callable[[Control], Control]) -> Control:
        def changed(known: Fields | None) -> Fields:
            control = change(_control(known or {}))
            fields = {name: getattr(control, name) for name in Control.__slots__ if name != "revision"}
            return {**fields, "cancelled": sorted(control.cancelled)}

        return _control(await rewrite(self._client, self._control.document("job"), changed, "the job's control"))

    async def speak_for(self, identity: str, text: str) -> Spoke:
        spoke = Spoke(identity, identity, text)

        def changed(known: Fields | None) -> Fields | None:
            nonlocal spoke
            if known is not None:
                spoke = Spoke(known["first"], known["now"], known["text"])
                if spoke.before == identity:
                    return None
            return {"first": spoke.first, "now": identity, "text": text}

        await rewrite(self._client, self._control.document("identity"), changed, "the job's identity")
        return spoke

    async def spoken(self) -> Spoke | None:
        known = (await self._control.document("identity").get()).to_dict()
        return None if known is None else Spoke(known["first"], known["now"], known["text"])

    async def spent(self, run: str) -> Amount:
        return await self._spending.spent(run)

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        return await self._spending.reserve(run, owner, amount, control, now)


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
        most_dollars=_number(fields, "most_dollars"),
        cancelled=_names(fields, "cancelled"),
    )


def _ceiling(fields: dict[str, Any], name: str) -> int | None:
    value = _number(fields, name)
    return None if value is None else int(value)


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise SettingsError(_unreadable(name, value, "a number from 0 on, or nothing"))
    return value


def _names(fields: dict[str, Any], name: str) -> frozenset[str]:
    value = fields.get(name)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(_unreadable(name, value, "a list of runs' names, or nothing"))
    return frozenset(value)


def _unreadable(name: str, value: object, wanted: str) -> str:
    return f"control/job: {name} is {value!r} and must be {wanted}; nothing is listed or copied until it is"
