"""For which buckets and names the ledger speaks.

That a key is copied is true of one source, one destination and one way of naming. Every record says which; what another
one was written for counts as not known, so a job whose bucket, prefix map or naming was changed looks at everything
afresh, and one that was changed back finds its records again. During a rollout both settings are at work at once, and
each believes its own records only.

Records of a time when that was not written down belong to the first identity that the job's document names.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.keys import KeyMapping
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord
from shared.ports.control_store import ControlStore
from shared.ports.ledger_store import KeyCount, LedgerStore, Outline, Versioned
from shared.ports.log import Log
from shared.ports.range_store import HeldRange


@dataclass(frozen=True, slots=True)
class Identity:
    """Two buckets, and where keys land."""

    source: str
    destination: str
    mapping: KeyMapping

    def __str__(self) -> str:
        mapping = self.mapping
        naming = ", refused names encoded" if mapping.encode else ""
        source, destination = mapping.source_prefix.decode(), mapping.destination_prefix.decode()
        return f"{self.source}/{source} to {self.destination}/{destination}{naming}"

    @property
    def digest(self) -> str:
        """What a record keeps of it."""
        parts = (self.source, self.destination, self.mapping.source_prefix, self.mapping.destination_prefix)
        return hashlib.sha256(repr((*parts, self.mapping.encode)).encode()).hexdigest()[:16]


@dataclass(slots=True)
class OwnLedger:
    """`shared.ports.ledger_store.LedgerStore`: the stored one, as far as it speaks for a job's identity of today."""

    stored: LedgerStore
    control: ControlStore
    log: Log
    identity: Identity
    _digest: str = field(init=False)
    _ours: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self._digest = self.identity.digest

    async def scan(self, prefix: bytes, after: bytes, until: bytes | None = None) -> AsyncIterator[Versioned]:
        ours = await self._believed()
        async for found in self.stored.scan(prefix, after, until):
            record = found.record
            known = record if record.identity in ours else replace(record, published_at=0, entries=())
            yield replace(found, record=known, begins=found.first)

    async def get(self, batch: str) -> Versioned | None:
        """A record of another identity is the batch's all the same: all of it is still to be copied."""
        found = await self.stored.get(batch)
        if found is None or found.record.identity in await self._believed():
            return found
        anew = tuple(Entry(entry.key, entry.etag, entry.size, entry.modified) for entry in found.record.entries)
        return replace(found, record=replace(found.record, entries=anew))

    async def create(self, records: Sequence[BatchRecord], held: HeldRange | None = None) -> None:
        await self.stored.create([self._own(record) for record in records], held)

    async def commit_results(self, record: BatchRecord, version: object | None) -> None:
        await self.stored.commit_results(self._own(record), version)

    async def merge(self, merge: Merge, versions: Sequence[object]) -> bool:
        merged = [self._own(record) for record in merge.merged]
        return await self.stored.merge(replace(merge, merged=merged), versions)

    async def count(self, prefix: bytes, after: bytes, until: bytes | None) -> KeyCount:
        return await self.stored.count(prefix, after, until)

    async def sample(self, prefix: bytes, after: bytes, until: bytes | None, about: int, records: int) -> list[bytes]:
        return await self.stored.sample(prefix, after, until, about, records)

    def unsettled(self, run: str) -> AsyncIterator[BatchRecord]:
        return self.stored.unsettled(run)

    def of_run(self, run: str) -> AsyncIterator[BatchRecord]:
        return self.stored.of_run(run)

    async def outlines(self, run: str) -> list[Outline]:
        ours = await self._believed()
        return [found for found in await self.stored.outlines(run) if found.identity in ours]

    def failed(self, run: str) -> AsyncIterator[Entry]:
        return self.stored.failed(run)

    def _own(self, record: BatchRecord) -> BatchRecord:
        return replace(record, identity=self._digest)

    async def _believed(self) -> frozenset[str]:
        """The identities, as records say them, that are the job's; asked once an instance, which says if it is new."""
        if self._ours is None:
            said = await self.control.speak_for(self._digest, str(self.identity))
            self._ours = frozenset({self._digest, ""} if said.first == self._digest else {self._digest})
            if said.before != self._digest:
                self.log.warning(
                    "the job's buckets or names have changed: every key is looked at afresh",
                    reason=f"the ledger spoke for {said.text}, and speaks for {self.identity} now",
                )
        return self._ours
