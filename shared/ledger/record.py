"""Batch records: one record a published batch, many keys a record; merged records hold thousands.

A record holds a table key → ETag, size, outcome and proof, so that it costs one document for
hundreds of keys instead of one for each. Records may overlap; for a key, the newest record wins.
Losing records costs a re-scan and never an object: the buckets are the truth.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.counts import THERE, Counts, Outcome
from shared.domain.lag import Lag
from shared.domain.objects import SourceObject
from shared.ledger.entry import Entry
from shared.ledger.table import Table, pack

MERGED = ""
"""The run of a record that was merged from those of several runs."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch: its entries in key order, the run that published it, and when (epoch seconds). identity: the buckets
    and the naming that it speaks for; "" in records of a time when that was not written down. lag: of its keys that
    events named and that were copied. changes: what events had told of its keys, where a listing counted that. Both go
    when the record is merged: by then they are in the counts of its run.
    """

    batch: str
    run: str
    published_at: float
    entries: Sequence[Entry]
    attempt: int = 1
    identity: str = ""
    lag: Lag = field(default_factory=Lag)
    changes: Counts = field(default_factory=Counts)

    @property
    def first(self) -> bytes:
        return self.entries.keys[0] if isinstance(self.entries, Table) else self.entries[0].key

    @property
    def last(self) -> bytes:
        return self.entries.keys[-1] if isinstance(self.entries, Table) else self.entries[-1].key

    @property
    def readable(self) -> bool:
        """Whether it holds keys, and all that is known of them can be read. One that cannot be counts as forgotten."""
        return len(self.entries) > 0 and (not isinstance(self.entries, Table) or self.entries.whole)

    @property
    def settled(self) -> bool:
        """No key is left to copy."""
        if isinstance(self.entries, Table):
            return None not in self.entries.outcomes
        return not any(entry.open for entry in self.entries)

    @property
    def table(self) -> Table:
        """Its entries as columns."""
        return self.entries if isinstance(self.entries, Table) else Table(pack(self.entries))

    def tally(self) -> Counts:
        """Keys and bytes by outcome, of the entries that have one."""
        tally = Counts()
        for entry in self.entries:
            if entry.outcome is not None:
                tally.add(entry.outcome, entry.size - entry.drift)
        return tally

    def with_results(self, results: Iterable[Entry], attempt: int) -> "BatchRecord":
        """The record with its open entries replaced by how they ended.

        The first ending of a key stands: a duplicate delivery finds the copy already there and must not
        turn "copied" into "unchanged", nor be counted as later than it was. Only what version is there may change
        (`_ended`).
        """
        ended = {entry.key: replace(entry, at=0.0) if 0 < entry.at <= self.published_at else entry for entry in results}
        entries = tuple(_ended(entry, ended.get(entry.key, entry), self.published_at) for entry in self.entries)
        new = (ended[entry.key] for entry in self.entries if entry.open and entry.key in ended)
        lag = Lag.of(entry.lag for entry in new if entry.lag is not None)
        lag.merge(self.lag)
        return replace(self, entries=entries, attempt=max(self.attempt, attempt), lag=lag)


def _ended(known: Entry, told: Entry, published_at: float) -> Entry:
    """How a key ended. Where it had ended, and another delivery wrote another version later, outcome and bytes stay as
    they were counted; but the version is the later one, since it is there now, so that the next listing sees whether it
    is the right one. A key that had failed stays so in its own version: of what is there nothing was said.
    """
    if known.open:
        return told
    if known.outcome not in THERE:
        return known
    later = told.outcome is Outcome.COPIED and told.at > (known.at or published_at)
    if not later or (told.etag, told.size) == (known.etag, known.size):
        return known
    return replace(told, outcome=known.outcome, reason=known.reason, drift=told.size - known.listed_size)


def batch_id(run: str, objects: Iterable[SourceObject | Entry]) -> str:
    """The same objects in the same run make the same batch, so a repeated delivery rewrites one document. An object
    that an event names is another one when a later event names it with bytes that it had before.

    The digest leads: ids that began with the time would put sequential writes on one range of the store.
    https://firebase.google.com/docs/firestore/best-practices#hotspots
    """
    digest = hashlib.sha256(run.encode())
    for source in objects:
        told = source.told if isinstance(source, SourceObject) else ""
        digest.update(b"\0".join((b"", source.key, source.etag.encode(), *((told.encode(),) if told else ()))))
    return digest.hexdigest()[:24]
