import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.counts import Outcome
from shared.domain.objects import SourceObject
from shared.domain.page import Page
from shared.ledger.entry import Entry
from shared.ledger.record import BatchRecord, batch_id
from shared.ledger.table import SCHEMA, Packed, Table, UnknownSchema, pack
from shared.ledger.window import LedgerWindow

entries = st.builds(
    Entry,
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(str.encode),
    etag=st.text("0123456789abcdef-", max_size=34),
    size=st.integers(0, 5 * 2**40),
    modified=st.integers(0, 2**33),
    outcome=st.none() | st.sampled_from(Outcome),
    reason=st.text(max_size=20),
    generation=st.integers(0, 2**60),
    crc32c=st.sampled_from(["", "AAAAAA=="]),
    proof=st.sampled_from(["", "md5", "size"]),
    drift=st.integers(-5, 5),
    at=st.sampled_from([0, 1.5]),
)


@given(st.lists(entries, max_size=20))
def test_a_table_is_read_back_as_it_was_written(table: list[Entry]) -> None:
    packed = Table(pack(table))
    assert packed == tuple(table)
    assert list(packed[1:]) == table[1:]
    assert (packed.keys, packed.sizes) == ([entry.key for entry in table], [entry.size for entry in table])


def test_a_full_batch_of_the_longest_keys_is_a_small_document() -> None:
    table = [Entry(f"{i:04d}".encode() + b"k" * 1020, f"{i:032x}", 2**40, 2**32, Outcome.COPIED) for i in range(1000)]
    assert len(pack(table[:50])) < 60_000
    assert len(pack(table)) < 900 * 1024


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["e1", "e2"]), st.sampled_from(list(Outcome))), max_size=20),
    st.sets(st.integers(0, 12)),
)
def test_a_page_is_compared_as_if_every_key_were_looked_up(
    known: list[tuple[int, str, Outcome]], listed: set[int]
) -> None:
    window = LedgerWindow("mine")
    newest: dict[int, tuple[str, Outcome]] = {}
    for at, (number, etag, outcome) in enumerate(known):
        window.add(BatchRecord(str(at), "other", float(at), (Entry(b"%02d" % number, etag, 5, 0, outcome),)))
        newest[number] = etag, outcome
    page = Page.of([SourceObject(b"%02d" % number, "e1", 5, 0) for number in sorted(listed)])
    there = (Outcome.COPIED, Outcome.UNCHANGED)
    same = [newest.get(number, ("", None))[0] == "e1" and newest[number][1] in there for number in sorted(listed)]
    assert window.differing(page) == [index for index, is_same in enumerate(same) if not is_same]


_COLUMNS = {"key": ["a"], "etag": "e", "size": 1, "outcome": None, "at": 0}


@pytest.mark.parametrize(
    "scan",
    [
        b"",
        b"garbage",
        zlib.compress(b"[]"),
        zlib.compress(b"not json"),
        zlib.compress(json.dumps({"schema": 1, "table": {"key": []}}).encode()),
        zlib.compress(json.dumps({**_COLUMNS, "schema": 99}).encode()),
        zlib.compress(json.dumps({"schema": SCHEMA, "key": ["a"]}).encode()),
        zlib.compress(json.dumps({**_COLUMNS, "schema": SCHEMA, "etag": ["one", "too many"]}).encode()),
    ],
)
def test_what_another_version_wrote_is_said_to_be_unknown(scan: bytes) -> None:
    with pytest.raises(UnknownSchema):
        Table(Packed(scan, pack([]).detail))


def test_damaged_details_are_noticed_when_they_are_asked_for() -> None:
    table = Table(Packed(pack([Entry(b"a", "e", 1, 0)]).scan, b"garbage"))
    assert table.keys == [b"a"]
    with pytest.raises(UnknownSchema):
        table[0]


def record(batch: str, keys: str, at: float, run: str = "r", outcome: Outcome | None = None) -> BatchRecord:
    return BatchRecord(batch, run, at, tuple(Entry(key.encode(), batch, 1, 0, outcome) for key in keys))


def test_the_first_ending_of_a_key_stands() -> None:
    once = record("b", "ab", 0).with_results([Entry(b"a", "b", 1, 0, Outcome.COPIED)], attempt=1)
    twice = once.with_results([Entry(b"a", "b", 1, 0, Outcome.UNCHANGED), Entry(b"b", "b", 1, 0, Outcome.FAILED)], 2)
    assert [entry.outcome for entry in twice.entries] == [Outcome.COPIED, Outcome.FAILED]
    assert twice.attempt == 2
    assert twice.settled
    assert not once.settled


def test_the_books_count_listed_bytes() -> None:
    grown = record("b", "a", 0).with_results([Entry(b"a", "new", 10, 0, Outcome.COPIED, drift=9)], 1)
    assert grown.tally().total_bytes == 1


def test_the_same_objects_make_the_same_batch() -> None:
    one, two = SourceObject(b"a", "1", 1, 0), SourceObject(b"b", "2", 1, 0)
    assert batch_id("r", [one, two]) == batch_id("r", [one, two])
    assert len({batch_id("r", [one, two]), batch_id("s", [one, two]), batch_id("r", [one])}) == 3


@given(st.lists(st.tuples(st.sets(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 5)), max_size=8))
def test_a_window_answers_as_if_it_knew_all_records(batches: list[tuple[set[int], int]]) -> None:
    """For every key of a forward scan: the newest record that has it, with memory of what is behind dropped."""
    records = [
        BatchRecord(str(n), "r", float(at), tuple(Entry(b"%03d" % key, str(n), 1, 0) for key in sorted(keys)))
        for n, (keys, at) in enumerate(batches)
    ]
    window, waiting = LedgerWindow("mine"), sorted(records, key=lambda item: item.first)
    for number in range(31):
        key = b"%03d" % number
        while waiting and waiting[0].first <= key:
            window.add(waiting.pop(0))
        known = [item for item in records if any(entry.key == key for entry in item.entries)]
        found = window.lookup(key)
        assert (found is not None) == bool(known)
        if found is not None:
            assert found.published_at == max(item.published_at for item in known)
        window.forget_before(key)


BATCH = st.tuples(
    st.dictionaries(
        st.integers(0, 12), st.tuples(st.sampled_from("ab"), st.sampled_from(["md5", "size"])), min_size=1, max_size=5
    ),
    st.integers(0, 3),
    st.sampled_from(["mine", "other"]),
)


@given(st.lists(BATCH, max_size=8), st.sets(st.integers(1, 12)), st.integers(2, 40))
def test_a_window_says_where_copies_come_from_as_if_it_knew_all_records(
    batches: list[tuple[dict[int, tuple[str, str]], int, str]], asks: set[int], most: int
) -> None:
    """The newest record that proves a version, else the oldest that knows it; whatever was let go of meanwhile, and
    whether or not earlier pages asked.
    """
    records = [
        BatchRecord(
            str(n),
            run,
            float(at),
            tuple(
                Entry(b"%03d" % key, etag, 1, 0, Outcome.COPIED, "", n, "AAAAAA==", proof, str(n))
                for key, (etag, proof) in sorted(keys.items())
            ),
        )
        for n, (keys, at, run) in enumerate(batches)
    ]
    window, waiting = LedgerWindow("mine"), sorted(records, key=lambda item: item.first)
    for number in range(1, 13, 3):
        page = Page.of([SourceObject(b"%03d" % key, "a", 1, 0) for key in range(number, number + 3)])
        while waiting and waiting[0].first <= page.last:
            window.add(waiting.pop(0))
            if window.held > most:
                window.trim(frozenset(page.keys), page.last)
        if number in asks:
            for key, origin in zip(page.keys, window.origins(page), strict=True):
                said = [
                    (item.run == "mine", item.published_at, entry)
                    for item in records
                    for entry in item.entries
                    if entry.key == key and entry.etag == "a"
                ]
                proven = [one for one in said if one[2].proof == "md5"]
                assert (origin is None) == (not said)
                if origin is not None:
                    best = max(one[:2] for one in proven) if proven else min(one[:2] for one in said)
                    assert origin[3] in [one[2].route for one in proven or said if one[:2] == best]
        window.forget_before(page.last)


def test_the_scanning_run_s_own_record_wins_whatever_the_clocks_say() -> None:
    window = LedgerWindow("mine")
    window.add(record("b1", "a", at=5, run="mine"))
    window.add(record("b2", "a", at=9, run="other"))
    found = window.lookup(b"a")
    assert found is not None
    assert found.batch == "b1"


def test_an_outcome_of_a_later_version_makes_a_record_unreadable_and_not_its_readers_fail() -> None:
    packed = pack([Entry(b"a", "e", 1, 1), Entry(b"b", "e", 1, 1, Outcome.COPIED)])
    table = json.loads(zlib.decompress(packed.scan))
    table["outcome"][1] = "of a later version"
    later = Table(Packed(zlib.compress(json.dumps(table).encode()), packed.detail))
    assert later[0].open
    with pytest.raises(UnknownSchema, match="outcome"):
        later[1]
    record = BatchRecord("b", "r", 1.0, later)
    assert not record.readable
    window = LedgerWindow("another")
    window.add(record)
    assert window.differing(Page.of([SourceObject(b"b", "e", 1, 1)])) == [0]
