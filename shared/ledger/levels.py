"""What batches of events become once their run has ended: records sorted by key, in levels.

A batch of events has keys from anywhere in the bucket, so its record reaches into every range. Sorted together, the
records of one run are a layer of few records that lie side by side. Where `FAN` layers have gathered in a level, each
`FAN` neighbours are sorted together into records that span a `FAN`th of what they did, one level down. So a range
meets `FAN` records a level, however many events there were, and each event is written once a level, thousands a
record. What spans few enough of the source's keys is merged by the next listing that passes it (`overlaps`).

A level is the "run" of its records, by a name that no run has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.ledger.compaction import FEW_KEYS, GROUP_RECORDS, Merge, cut, newest
from shared.ledger.record import BatchRecord, batch_id

FAN = 4
"""Layers in a level, neighbours that are sorted together, and the factor by which a level's records are narrower."""

LAYER_RECORDS = 8
"""Of the first level: what `SORTED_KEYS` are cut into."""

SORTED_KEYS = 40_000
"""Keys of the batches that are sorted together: some 40 MB while they are."""

SORTED_BYTES = 5_000_000
"""Packed, likewise: what replaces them is one commit of 10 MiB at the most. https://cloud.google.com/firestore/quotas"""

MOST_LEVELS = 9
"""Half a million records of a layer: more than three billion keys have."""

_SIGN = "~"


def level(number: int) -> str:
    """The name of a level, from 1 on."""
    return f"{_SIGN}{number}"


def is_level(run: str) -> bool:
    """Whether a record's run is the name of a level, so that it was sorted."""
    return run.startswith(_SIGN)


def run_of(run: str) -> str | None:
    """The run that a record is of, as people are told; None of one that was sorted or merged."""
    return None if is_level(run) else run or None


def most_records(number: int) -> int:
    """So many records are `FAN` layers of a level."""
    return LAYER_RECORDS * int(FAN**number)


def portions(keys: Sequence[int]) -> Iterator[slice]:
    """Which of a run's batches are sorted together. keys: of each batch."""
    start = held = 0
    for index, count in enumerate(keys):
        if index > start and (held + count > SORTED_KEYS or index - start >= GROUP_RECORDS):
            yield slice(start, index)
            start, held = index, 0
        held += count
    if held > FEW_KEYS:
        yield slice(start, len(keys))


def fitting(sizes: Sequence[int]) -> Iterator[slice]:
    """Which records are replaced by one commit. sizes: packed bytes of each."""
    start = held = 0
    for index, size in enumerate(sizes):
        if index > start and held + size > SORTED_BYTES:
            yield slice(start, index)
            start, held = index, 0
        held += size
    if sizes:
        yield slice(start, len(sizes))


def sorted_together(records: Sequence[BatchRecord], versions: Sequence[object], number: int) -> Merge:
    """The records of a level, or of an ended run's batches (number 0), as records of the next one; of the same one if
    they have become half as many: such are of few keys, or of the same ones again and again.
    """
    entries = newest(records)
    merged = list(cut(entries, level(number + 1)))
    if number and 2 * len(merged) <= len(records):
        merged = list(cut(entries, level(number)))
    named = [replace(new, batch=_name(new, records[0].batch, versions[0])) for new in merged]
    return Merge(records, named, versions)


def _name(record: BatchRecord, replaced: str, version: object) -> str:
    """Of one that nobody has written yet: the same versions of the same keys may be there in another one."""
    return batch_id(f"{record.run} {replaced} {version}", record.entries)
