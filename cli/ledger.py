"""What the ledger knows, for people: of one key, and of the keys that ended in some way.

Only records that speak for the job's buckets and names of today are believed, as the functions do. Those of a time when
records did not say for which are believed, too: the functions believe them of the first buckets that the job had.
"""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress

from cli.session import Session
from shared.domain.counts import Outcome
from shared.domain.keys import Key
from shared.ledger.record import BatchRecord
from shared.ledger.table import UnknownSchema
from shared.ledger.window import Known, LedgerWindow

_NO_RUN = "no run"
"""A window takes the records of the run that scans for its own, and those of no run are merged ones."""


Look = Callable[[BatchRecord, bool], None]
"""Is shown every readable record, and whether it is believed."""


async def believed(
    session: Session, prefix: Key, until: Key | None = None, look: Look | None = None
) -> AsyncIterator[BatchRecord]:
    """The records that may speak about a prefix, by first key. look: sees the others, too."""
    ours = (session.config.identity.digest, "")
    async for found in session.admin.stores.ledger.scan(prefix, b"", until):
        if look is not None and len(found.record.entries):
            look(found.record, found.record.identity in ours)
        if len(found.record.entries) and found.record.identity in ours:
            yield found.record


async def attempts(session: Session, key: Key) -> list[Known]:
    """What every record says of a key, the newest last; it is the last one that counts."""
    found = []
    async for record in believed(session, key, key):
        table = record.table
        with suppress(UnknownSchema, ValueError):
            entry = table[table.keys.index(key)]
            found.append(Known(entry, record.run, record.batch, entry.at or record.published_at))
    return sorted(found, key=lambda known: known.published_at)


async def that_ended(
    session: Session, prefix: Key, outcomes: Collection[Outcome], look: Look | None = None
) -> AsyncIterator[Known]:
    """The keys of a prefix whose newest record has one of the outcomes, in order. Neither copied nor unchanged may be
    among these. Reads every record of the prefix; memory follows how they overlap, not how many there are. look: sees
    each of them on the way.
    """
    window, wanted = LedgerWindow(_NO_RUN), set[Key]()

    def passed(before: Key | None) -> list[Known]:
        keys = sorted(key for key in wanted if before is None or key < before)
        wanted.difference_update(keys)
        found = (window.lookup(key) for key in keys)
        return [known for known in found if known is not None and known.entry.outcome in outcomes]

    async for record in believed(session, prefix, look=look):
        for known in passed(record.first):
            yield known
        window.forget_before(record.first)
        window.add(record)
        table = record.table
        wanted.update(
            key
            for key, outcome in zip(table.keys, table.outcomes, strict=True)
            if outcome in outcomes and key.startswith(prefix)
        )
    for known in passed(None):
        yield known
