"""`shared.ports.State`: the fake, Firestore embedded, Google's emulator."""

from collections.abc import AsyncIterator

import pytest

from shared.adapters.firestore import PAGE, FirestoreState
from shared.core.errors import StateConflict
from shared.core.ledger import Entry, Record
from shared.core.outcomes import Outcome, Tally
from shared.ports import Books, Claim, RangeId, State
from shared.telemetry import Log
from tests.fakes import FakeState

NOW = 1_800_000_000.0


@pytest.fixture(params=["fake", "embedded", "googles"])
async def state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fresh: str) -> AsyncIterator[State]:
    if request.param == "fake":
        yield FakeState()
        return
    stack = request.getfixturevalue(request.param)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stack.environment["FIRESTORE_EMULATOR_HOST"])
    yield FirestoreState("local-project", "(default)", fresh, Log("ERROR"))


def record(batch: str, *keys: str, run: str = "r", at: float = NOW) -> Record:
    return Record(batch, run, at, tuple(Entry(key.encode(), "etag", 5, 7) for key in keys))


async def found(state: State, prefix: str = "", after: str = "") -> list[str]:
    return [item.batch async for item in state.records(prefix.encode(), after.encode())]


async def test_a_record_is_read_back_as_it_was_written(state: State) -> None:
    given = record("b1", "a/é", "a/\U0001f680", "a/\ue000 + %2F")
    await state.remember([given])
    read = await state.record("b1")
    assert read is not None
    assert read.record == given
    assert await state.record("b2") is None


async def test_records_come_by_first_key_in_byte_order(state: State) -> None:
    await state.remember(
        [record("emoji", "\U0001f680"), record("private", "\ue000"), record("a", "a"), record("B", "B")]
    )
    assert await found(state) == ["B", "a", "private", "emoji"]


@pytest.mark.parametrize(
    ("prefix", "after", "expected"),
    [
        ("", "", ["all", "b1", "b2", "c"]),
        ("b/", "", ["all", "b1", "b2"]),
        ("b/", "b/2", ["all", "b1", "b2"]),
        ("b/", "b/3", ["all", "b2"]),
        ("b/", "b/5", ["all"]),
        ("c/", "", ["all", "c"]),
        ("", "c/1", ["all"]),
        ("d", "", ["all"]),
        ("zz", "", []),
    ],
)
async def test_only_records_that_may_speak_about_a_range_are_read(
    state: State, prefix: str, after: str, expected: list[str]
) -> None:
    await state.remember(
        [record("all", "a", "z"), record("b1", "b/1", "b/3"), record("b2", "b/2", "b/5"), record("c", "c/1")]
    )
    assert await found(state, prefix, after) == expected


async def test_more_records_than_a_query_s_page(state: State) -> None:
    records = [record(f"b{n:04d}", f"k{n // 2:04d}") for n in range(PAGE + 20)]
    for start in range(0, len(records), 100):
        await state.remember(records[start : start + 100])
    assert sorted(await found(state)) == [item.batch for item in records]


async def test_remembering_again_changes_nothing(state: State) -> None:
    await state.remember([record("b1", "a")])
    before = await state.record("b1")
    assert before is not None
    settled = before.record.with_results([Entry(b"a", "etag", 5, 7, Outcome.COPIED, generation=9)], 1)
    await state.settle(settled, before.version)
    await state.remember([record("b1", "a"), record("b2", "b")])
    after = await state.record("b1")
    assert after is not None
    assert after.record == settled
    assert await found(state) == ["b1", "b2"]


async def test_settling_needs_the_version_that_was_read(state: State) -> None:
    await state.remember([record("b1", "a")])
    read = await state.record("b1")
    assert read is not None
    settled = read.record.with_results([Entry(b"a", "etag", 5, 7, Outcome.COPIED)], attempt=1)
    await state.settle(settled, read.version)
    with pytest.raises(StateConflict):
        await state.settle(read.record, read.version)
    await state.settle(record("lost", "a"), None)
    assert await state.record("lost") is not None


async def test_a_range_is_leased_to_one_owner_at_a_time(state: State) -> None:
    piece = RangeId("run", "a/", "")
    await state.begin(piece, "list", NOW)
    await state.begin(piece, "list", NOW)
    assert await state.claim(piece, "me", NOW, 60) is Claim.GRANTED
    assert await state.claim(piece, "you", NOW + 59, 60) is Claim.HELD
    assert await state.claim(piece, "me", NOW + 59, 60) is Claim.GRANTED
    assert await state.claim(piece, "you", NOW + 118, 60) is Claim.HELD
    assert await state.claim(piece, "you", NOW + 120, 60) is Claim.GRANTED
    await state.finish(piece, Books(), NOW + 121)
    assert await state.claim(piece, "me", NOW + 500, 60) is Claim.DONE
    await state.expect(piece)
    assert await state.claim(piece, "me", NOW + 500, 60) is Claim.DONE


async def test_a_range_whose_document_is_lost_can_be_claimed(state: State) -> None:
    assert await state.claim(RangeId("run", "", "k"), "me", NOW, 60) is Claim.GRANTED


async def test_the_books_of_a_run(state: State) -> None:
    first, second = RangeId("run", "a/", ""), RangeId("run", "a/", "a/5")
    await state.begin(first, "list", NOW)
    await state.remember([record("b1", "a/1", "a/2", run="run"), record("b2", "a/1", run="another")])
    await state.expect(second)
    assert (await state.summary("run")).open_ranges == 2
    listed, outcomes = Tally({"listed": 3}, {"listed": 15}), Tally({"unchanged": 1}, {"unchanged": 5})
    await state.finish(first, Books(listed, outcomes), NOW)
    half = await state.summary("run")
    assert (half.open_ranges, half.pending, half.finished) == (1, 2, False)
    await state.finish(second, Books(verdicts=Tally({"missing": 4}, {"missing": 40})), NOW)
    read = await state.record("b1")
    assert read is not None
    ended = [Entry(b"a/1", "e", 9, 7, Outcome.COPIED, drift=4), Entry(b"a/2", "e", 5, 7, Outcome.FAILED)]
    await state.settle(read.record.with_results(ended, 1), read.version)
    whole = await state.summary("run")
    assert whole.balanced
    assert (await state.listed("run")).bytes == {"listed": 15}
    assert whole.outcomes.keys == {"copied": 1, "failed": 1, "unchanged": 1}
    assert whole.outcomes.bytes == {"copied": 5, "failed": 5, "unchanged": 5}
    assert whole.verdicts.keys == {"missing": 4}
    assert (await state.summary("no such run")).listed_keys == 0


async def test_prefixes_and_rejections_can_be_noted_again_and_again(state: State) -> None:
    for prefix in ("", "a/", "..", "__x__", "p" * 1024, "é/\U0001f680"):
        await state.note_prefix(prefix, {"s3_count": 1})
        await state.note_prefix(prefix, {"copy": {"run": "r"}})
    for _ in range(2):
        await state.note_rejected("id/with:odd signs", "list", ["not JSON"], NOW)
