"""Records are merged when that makes them fewer, and nothing that matters is lost by it."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.counts import Outcome
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ledger.compaction import GROUP_KEYS, GROUP_RECORDS, MOST_BYTES, MOST_KEYS, Compaction, Merge, narrowed
from shared.ledger.entry import Entry
from shared.ledger.record import MERGED, BatchRecord
from shared.ledger.table import Packed, Table, pack
from shared.ledger.window import LedgerWindow


def record(
    name: str, keys: range, at: float = 1.0, etag: str = "e", outcome: Outcome | None = Outcome.COPIED
) -> BatchRecord:
    entries = [Entry(b"%08d" % number, etag, 1, 0, outcome) for number in keys]
    return BatchRecord(name, "r", at, Table(pack(entries)))


def compacted(records: list[BatchRecord], listed: set[bytes] | None = None) -> list[BatchRecord]:
    """The ledger after a scan has offered all records, in the order of their last keys, as a scan passes them."""
    compaction = Compaction(lambda key: listed is None or key in listed)
    merges = [compaction.offer(item) for item in sorted(records, key=lambda item: item.last)] + [compaction.close()]
    kept = {item.batch: item for item in records}
    for merge in filter(None, merges):
        assert len(merge.merged) < len(merge.replaced)
        for old in merge.replaced:
            del kept[old.batch]
        kept.update({item.batch: item for item in merge.merged})
    return sorted(kept.values(), key=lambda item: item.first)


def test_the_batches_of_a_first_run_become_few_and_stay_as_they_are() -> None:
    batches = [record(f"b{n}", range(n * 100, n * 100 + 100)) for n in range(1000)]
    once = compacted(batches)
    assert len(once) == 100_000 // GROUP_KEYS
    assert compacted(once) == once, "a scan of a dense ledger writes nothing"
    assert all(item.run == MERGED for item in once)


def test_a_million_keys_that_change_here_and_there_stay_within_the_reads_of_a_delta() -> None:
    """Fifty deltas, each with thin records all over; in between the scan merges. 2,500 reads a million keys."""
    chance = random.Random(1)
    total = 20_000
    ledger = compacted([record(f"b{n}", range(n * 100, n * 100 + 100)) for n in range(total // 100)])
    for delta in range(50):
        for n in range(20):
            start = chance.randrange(total - 1000)
            ledger.append(record(f"d{delta}-{n}", range(start, start + 1000, 250), at=2.0 + delta, etag=f"e{delta}"))
        ledger = compacted(ledger)
        assert len(ledger) / total * 1e6 <= 2500
    assert sum(len(item.entries) for item in ledger) >= total


def test_documents_stay_below_their_limit() -> None:
    long = [
        Entry(bytes(random.Random(n).choices(range(97, 123), k=1000)), f"{n:032x}", 1, 0, Outcome.COPIED)
        for n in range(3000)
    ]
    long.sort(key=lambda entry: entry.key)
    batches = [BatchRecord(f"b{n}", "r", 1.0, Table(pack(long[n : n + 30]))) for n in range(0, 3000, 30)]
    merged = compacted(batches)
    assert len(merged) < len(batches)
    assert all(len(item.table.packed) <= MOST_BYTES for item in merged)
    assert all(len(item.entries) <= MOST_KEYS for item in merged)


def test_a_group_that_is_too_long_for_one_record_is_cut_and_loses_no_key() -> None:
    merged = compacted([record("a", range(10)), record("b", range(10, 20)), record("c", range(20, MOST_KEYS + 10))])
    assert [len(item.entries) for item in merged] == [MOST_KEYS // 2 + 5] * 2
    assert [entry.key for item in merged for entry in item.entries] == [b"%08d" % n for n in range(MOST_KEYS + 10)]


def test_what_the_source_no_longer_has_is_dropped() -> None:
    alive = {b"%08d" % number for number in range(0, 200, 2)}
    (merged,) = compacted([record("a", range(100)), record("b", range(100, 200))], alive)
    assert {entry.key for entry in merged.entries} == alive
    assert compacted([record("a", range(100))], set()) == []


def test_an_open_entry_stays_open_and_takes_the_place_of_what_is_older() -> None:
    (merged,) = compacted([record("a", range(10)), record("b", range(5), at=2.0, outcome=None)])
    assert [(entry.key, entry.open) for entry in merged.entries] == [(b"%08d" % n, n < 5) for n in range(10)]


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 5), st.sampled_from("ab")),
        min_size=1,
        max_size=8,
    ),
    st.sets(st.integers(0, 20)),
)
def test_a_merged_ledger_says_what_the_records_said(
    batches: list[tuple[set[int], int, str]], open_keys: set[int]
) -> None:
    """Together with a record that may not be merged, whatever its age: the newest entry of each key wins as before."""
    records = [
        BatchRecord(
            f"b{n}", "r", 1.0 + at, tuple(Entry(b"%08d" % key, etag, 1, 0, Outcome.COPIED) for key in sorted(keys))
        )
        for n, (keys, at, etag) in enumerate(batches)
    ]
    young = BatchRecord("young", "going", 3.5, tuple(Entry(b"%08d" % key, "c", 1, 0) for key in sorted(open_keys)))
    page = Page.of([SourceObject(b"%08d" % key, "a", 1, 0) for key in range(21)])

    def told(ledger: list[BatchRecord]) -> list[tuple[bool, str | None]]:
        window = LedgerWindow("mine")
        for item in ledger:
            window.add(item)
        differing = set(window.differing(page))
        found = [window.lookup(key) for key in page.keys]
        return [(index in differing, item.entry.etag if item else None) for index, item in enumerate(found)]

    others = [young] if open_keys else []
    distinct = {(key, 1.0 + at): etag for keys, at, etag in batches for key in keys}
    if len(distinct) == sum(len(keys) for keys, _, _ in batches):
        assert told(compacted(records) + others) == told(records + others)


def test_a_group_remembers_where_it_began() -> None:
    compaction = Compaction(lambda key: True)
    assert compaction.offer(record("a", range(5, 10))) is None
    assert compaction.offer(record("b", range(3, 20))) is None
    merge = compaction.close()
    assert isinstance(merge, Merge)
    assert [len(item.entries) for item in merge.merged] == [17]


def test_a_merge_fits_into_one_commit() -> None:
    """Thousands of one-key records: on-demand copies, and objects of many gibibytes."""
    compaction = Compaction(lambda key: True)
    merges = [compaction.offer(record(f"b{number}", range(number, number + 1))) for number in range(4000)]
    sizes = [len(merge.replaced) + len(merge.merged) for merge in merges if merge is not None]
    assert len(sizes) == 4000 // GROUP_RECORDS
    assert max(sizes) == GROUP_RECORDS + 1


def test_a_wide_record_whose_details_are_damaged_stays_as_it_is() -> None:
    """It made every range that it begins in fail, for ever: its message came again, and went on as a new one."""
    whole = record("whole", range(0, 100, 90))
    packed = record("damaged", range(1, 100, 90)).table.packed
    damaged = BatchRecord("damaged", "r", 1.0, Table(Packed(packed.scan, packed.detail[:-9])))
    merge = narrowed([damaged, whole], b"%08d" % 50)
    assert merge is not None
    assert merge.replaced == [whole]
    assert narrowed([damaged], b"%08d" % 50) is None
