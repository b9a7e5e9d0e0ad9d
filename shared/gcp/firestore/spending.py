"""What runs have used of their ceilings: jobs/{job}/spending/{run}-{shard}, of which each takes some of the writes.

run, shard, objects, bytes, nanodollars    what was reserved
ceilings                                   those under which no shard was beyond its part when this one was last
                                           written, which writing of the control they were of (raised and lowered again
                                           they are the same, and shards may be beyond their parts), and how many
                                           shards there were
by                                         which call wrote it last: a commit whose answer is lost is sent again, and
                                           what was done then must be neither counted nor given back twice
"""

import uuid
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, DocumentSnapshot
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.errors import StateConflict
from shared.domain.spending import SHARDS, Amount, part, shard_of, take, within_parts
from shared.gcp.firestore.documents import TRIES, Fields, expiry, pause, rewrite, write
from shared.gcp.firestore.sums import total
from shared.ports.control_store import Control


class Spending:
    """For one job."""

    def __init__(self, client: AsyncClient, job: AsyncDocumentReference) -> None:
        self._client = client
        self._shards = job.collection("spending")

    async def spent(self, run: str) -> Amount:
        """By all, in one sum."""
        objects, size, nanodollars = await total(self._of(run), ("objects", "bytes", "nanodollars"))
        return Amount(objects, size, nanodollars)

    async def reserve(self, run: str, owner: str, amount: Amount, control: Control, now: float) -> bool:
        home, by = shard_of(owner), uuid.uuid4().hex
        reference = self._shard(run, home)
        if not amount.exceeds(Amount()):

            def given_back(known: Fields | None) -> Fields | None:
                done = known is not None and known.get("by") == by
                return None if done else {**_fields(run, home, _spent(known) + amount, now), "by": by}

            await rewrite(self._client, reference, given_back, f"run {run}: spending")
            return True
        for tries in range(TRIES):
            snapshot = await reference.get()
            known = snapshot.to_dict() or {}
            if known.get("by") == by:
                return True
            spent = _spent(known) + amount
            try:
                if known.get("ceilings") != _mark(control) or not spent.fits(part(control.ceilings, home)):
                    return await self._take(run, amount, control, home, now, by)
                await write(self._client, reference, {**_fields(run, home, spent, now), "by": by}, snapshot)
            except StateConflict:
                await pause(tries)  # where a ceiling is nearly used up, all take from the same shards
                continue
            return True
        raise StateConflict(f"run {run}: too many reserve at once")

    async def _take(self, run: str, amount: Amount, control: Control, home: int, now: float, by: str) -> bool:
        """Reserve from all shards together. Raises StateConflict if one of those that give was written meanwhile."""
        shards = {int(found.get("shard")): found async for found in self._of(run).stream()}
        known = {shard: found.to_dict() or {} for shard, found in shards.items()}
        if any(fields.get("by") == by for fields in known.values()):
            return True
        spent = {shard: _spent(fields) for shard, fields in known.items()}
        changed = take(spent, amount, control.ceilings, home)
        if changed is None:
            return False
        even = within_parts(spent, control.ceilings)
        batch = self._client.batch()
        for shard, now_spent in changed.items():
            marks = {"ceilings": _mark(control) if even else [], "by": by}
            fields = {**_fields(run, shard, now_spent, now), **marks}
            self._put(batch, self._shard(run, shard), fields, shards.get(shard))
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound) as moved:
            raise StateConflict(f"run {run}: its spending was written by somebody else") from moved
        return True

    def _put(
        self,
        batch: Any,
        reference: AsyncDocumentReference,
        fields: Fields,
        read: "DocumentSnapshot[Any] | None",
    ) -> None:
        if read is None:
            batch.create(reference, fields)
        else:
            batch.update(reference, fields, option=self._client.write_option(last_update_time=read.update_time))

    def _of(self, run: str) -> Any:
        return self._shards.where(filter=FieldFilter("run", "==", run))

    def _shard(self, run: str, shard: int) -> AsyncDocumentReference:
        reference: AsyncDocumentReference = self._shards.document(f"{run}-{shard}")
        return reference


def _mark(control: Control) -> list[int | str | None]:
    return [*control.ceilings, control.revision, SHARDS]


def _spent(fields: Fields | None) -> Amount:
    known = fields or {}
    return Amount(known.get("objects", 0), known.get("bytes", 0), known.get("nanodollars", 0))


def _fields(run: str, shard: int, spent: Amount, now: float) -> Fields:
    amounts = {"objects": spent.objects, "bytes": spent.size, "nanodollars": spent.nanodollars}
    return {"run": run, "shard": shard, **amounts, **expiry(now)}
