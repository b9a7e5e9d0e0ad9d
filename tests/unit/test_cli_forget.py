"""What is forgotten of a prefix, what is not, and what a person is told of both."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from shared.domain.counts import Outcome
from shared.domain.messages import ListMessage, VerifyMessage
from shared.ledger.compaction import Merge
from shared.ledger.entry import Entry
from shared.ledger.levels import level
from shared.ledger.packing import deflate
from shared.ledger.record import BatchRecord
from shared.ledger.table import Packed, Table, pack
from shared.ports.ledger_store import Versioned
from tests.fakes import FakeLedger
from tests.operator import Operator
from tests.world import World, filled

CLOSE = VerifyMessage(close=True)


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(World(), monkeypatch)


def record(name: str, *keys: str, run: str = "list-ended", outcome: Outcome | None = Outcome.COPIED) -> BatchRecord:
    """The last key ended so; the others were copied."""
    ended = [*[Outcome.COPIED] * (len(keys) - 1), outcome]
    entries = [Entry(key.encode(), "etag", 5, 7, end) for key, end in zip(keys, ended, strict=True)]
    return BatchRecord(name, run, 1.0, tuple(entries))


def given(operator: Operator, *records: BatchRecord) -> None:
    asyncio.run(operator.world.stores.ledger.create(records))


def known(operator: Operator) -> list[str]:
    return [item["key"] for item in operator.asks("inspect", "")["entries"]]


def test_forgetting_asks_and_the_next_run_looks_at_the_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(filled(7), monkeypatch)
    operator.run()
    operator.run(CLOSE)
    assert "--yes says that it is meant" in operator.types("forget", "k/", status=2).stderr
    monkeypatch.setattr("cli.output.Output.interactive", True)
    assert "forget what job job knows of 'k/'?" in operator.types("forget", "k/", typed="n\n", status=1).stdout
    assert "knows of everything?" in operator.types("forget", "", typed="n\n", status=1).stdout
    assert len(known(operator)) == 7, "it was not meant"
    assert operator.asks("forget", "k/", "--yes") == {
        "prefix": "k/",
        "forgotten_records": 3,
        "left_records": 0,
        "keys_beside_kept": 0,
        "keys_beside_forgotten": 0,
    }
    assert known(operator) == []
    summary = asyncio.run(operator.world.stores.runs.summary(operator.run(ListMessage(scheduled=True))))
    assert (summary.outcomes.keys, summary.found_there) == ({Outcome.UNCHANGED: 7}, 7)
    assert len(operator.world.destination.writes) == 7


def test_keys_beside_the_prefix_are_kept_and_each_record_is_read_once(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(operator, record("1", "a/1", "b/1"), record("2", "b/2", "b/3"), record("3", "b/4", "c/1", "c/2"))
    read, scan = list[str](), FakeLedger.scan

    async def counted(ledger: FakeLedger, *span: bytes) -> AsyncIterator[Versioned]:
        async for held in scan(ledger, *span):
            read.append(held.record.batch)
            yield held

    monkeypatch.setattr(FakeLedger, "scan", counted)
    assert operator.types("forget", "b/", "--yes").stdout == (
        "3 records are forgotten; 2 of them held 3 keys beside 'b/', which are kept; "
        "the next run looks at what is forgotten afresh\n"
    )
    assert read == ["1", "2", "3"]
    assert known(operator) == ["a/1", "c/1", "c/2"]
    assert operator.asks("forget", "b/", "--yes")["forgotten_records"] == 0


def test_what_only_spans_a_prefix_is_no_matter(operator: Operator) -> None:
    given(operator, record("1", "a/1", "c/1"))
    assert operator.types("forget", "b/", "--yes").stdout == "nothing of it is on record, so nothing is forgotten\n"
    assert [item.batch for item, _ in operator.world.stores.ledger.documents.values()] == ["1"]


def test_two_records_of_which_the_same_is_left(operator: Operator) -> None:
    given(operator, record("1", "a/1", "b/1"), record("2", "a/1", "b/2"))
    assert operator.asks("forget", "b/", "--yes")["forgotten_records"] == 2
    assert known(operator) == ["a/1", "a/1"]


def test_what_is_sorted_stays_in_its_level(operator: Operator) -> None:
    given(operator, record("1", "a/1", "b/1", run=level(2)))
    operator.asks("forget", "b/", "--yes")
    assert [item.run for item, _ in operator.world.stores.ledger.documents.values()] == [level(2)]


def test_a_record_that_cannot_be_rewritten_is_forgotten_whole_and_its_keys_are_counted(operator: Operator) -> None:
    """Messages of a run that has timed out may still come: they end a batch as it was sent, or make it anew."""
    whole = pack(record("2", "b/2", "c/1", "c/2").entries)
    damaged = BatchRecord("2", "list-ended", 1.0, Table(Packed(whole.scan, deflate({"schema": 0}))))
    given(operator, record("1", "a/1", "b/1", outcome=None), damaged)
    assert operator.types("forget", "b/", "--yes").stdout == (
        "2 records are forgotten; 3 keys are forgotten beside 'b/': of batches that have not ended, or cannot be read; "
        "1 record could not be read; the next run looks at what is forgotten afresh\n"
    )
    assert not operator.world.stores.ledger.documents


def test_what_a_running_run_is_counted_by_is_left_and_its_counts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten, it would be keys without an outcome: a run that has copied all would end as timed out."""
    operator = Operator(filled(3), monkeypatch)
    given(operator, record("old", "k/000", "k/001"))
    run = operator.run(ListMessage(prefix=b"k/", force=True))
    shown = operator.types("forget", "k/", "--yes", status=3).stdout
    assert shown.startswith(
        "1 record is forgotten; the next run looks at what is forgotten afresh; 1 record is left: a"
    )
    operator.run(CLOSE)
    ended = asyncio.run(operator.world.stores.runs.record(run))
    assert ended is not None
    assert ended.summary is not None
    assert ended.summary.balanced
    assert operator.asks("forget", "k/", "--yes")["forgotten_records"] == 1


def test_records_go_by_dozens_and_one_that_has_moved_keeps_no_other_from_it(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger of three billion keys has most of a million: one after the other they took hours."""
    given(operator, *(record(f"{number:03}", f"a/{number:03}") for number in range(120)))
    commits, merge = list[int](), FakeLedger.merge

    async def counted(ledger: FakeLedger, of: Merge, versions: Sequence[object]) -> bool:
        commits.append(len(of.replaced))
        if len(commits) == 1:
            ledger.documents["007"] = ledger.documents["007"][0], 99
        return await merge(ledger, of, versions)

    monkeypatch.setattr(FakeLedger, "merge", counted)
    told = operator.types("forget", "a/", "--yes", status=3).stdout
    assert told.startswith(
        "119 records are forgotten; the next run looks at what is forgotten afresh; 1 record is left"
    )
    assert commits == [50, *[1] * 50, 50, 20]
    assert known(operator) == ["a/007"]


@pytest.mark.parametrize("beside", [False, True])
def test_what_a_run_records_that_begins_meanwhile_is_left(monkeypatch: pytest.MonkeyPatch, beside: bool) -> None:
    """A ledger takes long to forget, and a schedule knows nothing of it."""
    operator = Operator(filled(3), monkeypatch)
    scan, runs = FakeLedger.scan, list[str]()

    async def later(ledger: FakeLedger, *span: bytes) -> AsyncIterator[Versioned]:
        if not runs:
            runs.append("")
            runs[0] = await operator.world.run(ListMessage(scheduled=True))
        async for held in scan(ledger, *span):
            yield held

    monkeypatch.setattr(FakeLedger, "scan", later)
    assert "1 record is left" in operator.types("forget", "k/000" if beside else "k/", "--yes", status=3).stdout
    operator.run(CLOSE)
    ended = asyncio.run(operator.world.stores.runs.record(runs[0]))
    assert ended is not None
    assert ended.summary is not None
    assert ended.summary.balanced
